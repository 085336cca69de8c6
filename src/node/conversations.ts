/**
 * The conversations under way: each machine by its id, with whoever waits for its outcome. Effects are performed in order, one queue for all, so
 * that a machine is never entered while another is being stepped.
 */
import type { Effect, Input, Machine } from '../protocol/effects.js'

export type Perform = (effect: Exclude<Effect, { kind: 'done' } | { kind: 'close' }>) => void

interface Entry {
  readonly machine: Machine
  readonly done: (outcome: unknown) => void
}

const LAST_ID = 0xffff_fffe

export class Conversations {
  readonly #entries = new Map<number, Entry>()
  readonly #perform: Perform
  readonly #effects: Effect[] = []
  #performing = false
  #nextId: number

  /** `firstId`: random, so that answers meant for an earlier life of this node meet nobody. */
  constructor(firstId: number, perform: Perform) {
    this.#nextId = firstId === 0 ? 1 : firstId
    this.#perform = perform
  }

  get size(): number {
    return this.#entries.size
  }

  /** A number that no conversation under way has. */
  nextId(): number {
    do {
      this.#nextId = this.#nextId >= LAST_ID ? 1 : this.#nextId + 1
    } while (this.#entries.has(this.#nextId))
    return this.#nextId
  }

  begin(machine: Machine, nowMs: number, done: (outcome: unknown) => void): void {
    this.#entries.set(machine.id, { machine, done })
    machine.start(nowMs, this.#effects)
    this.#run()
  }

  step(id: number, input: Input, nowMs: number): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.machine.step(input, nowMs, this.#effects)
    this.#run()
  }

  /** Gives `input` to every conversation. */
  stepAll(input: Input, nowMs: number): void {
    for (const id of [...this.#entries.keys()]) this.step(id, input, nowMs)
  }

  /** Ends those whose deadline has passed. */
  expire(nowMs: number): void {
    for (const { machine } of [...this.#entries.values()]) {
      if (nowMs < machine.deadlineMs) continue
      machine.expire(nowMs, this.#effects)
      this.#run()
    }
  }

  #run(): void {
    if (this.#performing) return
    this.#performing = true
    for (let i = 0; i < this.#effects.length; i++) this.#one(this.#effects[i]!)
    this.#effects.length = 0
    this.#performing = false
  }

  #one(effect: Effect): void {
    if (effect.kind === 'done') this.#entries.get(effect.conversation)?.done(effect.outcome)
    else if (effect.kind === 'close') this.#entries.delete(effect.conversation)
    else this.#perform(effect)
  }
}
