/**
 * The conversations under way: each machine by its id, with whoever waits for its outcome. Effects are performed in order, one queue for all, so
 * that a machine is never entered while another is being stepped.
 */
import { limits } from '../limits.js'
import type { Effect, Input, Machine } from '../protocol/effects.js'
import { type Ring, sameDigest } from '../protocol/membership/ring.js'
import { ConversationTable } from './conversation-table.js'
import { empty } from './empty.js'

export type Perform = (effect: Exclude<Effect, { kind: 'done' } | { kind: 'close' }>) => void

interface Entry {
  readonly machine: Machine
  readonly done: (outcome: unknown) => void
  /** Its outcome has been told; it stays for stragglers. */
  answered: boolean
}

const LATE: Input = { kind: 'late' }

export class Conversations {
  readonly #entries: ConversationTable<Entry>
  readonly #perform: Perform
  readonly #effects: Effect[] = []
  readonly #bug: (error: unknown) => void
  readonly #begun: (rowKey: Uint8Array) => void
  #performing = false
  /** That conversations were placed by last. */
  #ring: Ring | undefined
  /** How many were told that they are late. */
  late = 0
  /** Conversations whose outcome has been told. */
  #answered = 0

  /**
   * `firstId`: random, so that answers meant for an earlier life of this node meet nobody. `bug` is told of what a machine threw: its
   * conversation ends with INTERNAL, and nobody else's suffers. `begun` is told of the key of each that begins.
   */
  constructor(
    firstId: number,
    perform: Perform,
    bug: (error: unknown) => void,
    begun: (rowKey: Uint8Array) => void = () => {},
  ) {
    this.#entries = new ConversationTable(firstId)
    this.#begun = begun
    this.#perform = perform
    this.#bug = bug
  }

  get size(): number {
    return this.#entries.size
  }

  /** Those for whose outcome somebody waits. */
  get unanswered(): number {
    return this.#entries.size - this.#answered
  }

  /** A number that no conversation under way has. */
  nextId(): number {
    return this.#entries.nextId()
  }

  begin(machine: Machine, nowMs: number, done: (outcome: unknown) => void): void {
    this.#begun(machine.rowKey)
    this.#entries.set(machine.id, { machine, done, answered: false })
    try {
      machine.start(nowMs, this.#effects)
    } catch (error) {
      this.#failed(machine.id, error)
    }
    this.#run()
  }

  /** Whether there is such a conversation. */
  step(id: number, input: Input, nowMs: number): boolean {
    const machine = this.#entries.get(id)?.machine
    if (machine === undefined) return false
    try {
      machine.step(input, nowMs, this.#effects)
    } catch (error) {
      this.#failed(id, error)
    }
    this.#run()
    return true
  }

  /** Gives `input` to every conversation. */
  stepAll(input: Input, nowMs: number): void {
    for (const id of this.#entries.ids()) this.step(id, input, nowMs)
  }

  /** Another ring is in force: those whose key has other lists now go on under these. What they have heard counts in the new ones, too. */
  place(ring: Ring, nowMs: number): void {
    const before = this.#ring
    this.#ring = ring
    if (before === undefined) return
    for (const id of this.#entries.ids()) {
      const rowKey = this.rowKeyOf(id)
      if (rowKey === undefined) continue
      const placement = ring.placementOf(rowKey)
      if (!sameDigest(placement.ring, before.placementOf(rowKey).ring))
        this.step(id, { kind: 'placement', placement }, nowMs)
    }
  }

  /** Ends those whose deadline has passed, and tells those that are late. */
  expire(nowMs: number): void {
    for (const id of this.#entries.ids()) {
      const machine = this.#entries.get(id)?.machine
      if (machine === undefined) continue
      if (nowMs >= machine.deadlineMs) this.#expire(machine, nowMs)
      else if (nowMs >= (machine.lateMs ?? Number.POSITIVE_INFINITY)) {
        this.late++
        this.step(id, LATE, nowMs)
      }
    }
  }

  /** The keys of all that are under way. */
  rowKeys(): Uint8Array[] {
    return this.#entries.ids().map((id) => this.#entries.get(id)!.machine.rowKey)
  }

  /** The key that a conversation is about. */
  rowKeyOf(id: number): Uint8Array | undefined {
    return this.#entries.get(id)?.machine.rowKey
  }

  #expire(machine: Machine, nowMs: number): void {
    try {
      machine.expire(nowMs, this.#effects)
    } catch (error) {
      this.#failed(machine.id, error)
    }
    this.#run()
  }

  #failed(id: number, error: unknown): void {
    this.#bug(error)
    const outcome = { status: 'error', code: 'INTERNAL' }
    this.#effects.push({ kind: 'done', conversation: id, outcome }, { kind: 'close', conversation: id })
  }

  #run(): void {
    if (this.#performing) return
    this.#performing = true
    try {
      for (let i = 0; i < this.#effects.length; i++) this.#one(this.#effects[i]!)
    } finally {
      empty(this.#effects)
      this.#performing = false
    }
  }

  #one(effect: Effect): void {
    if (effect.kind === 'done') this.#done(effect.conversation, effect.outcome)
    else if (effect.kind === 'close') this.#close(effect.conversation)
    else this.#perform(effect)
  }

  /** Once for each conversation, also when its machine throws after its answer. */
  #done(id: number, outcome: unknown): void {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.answered) return
    entry.answered = true
    this.#answered++
    entry.done(outcome)
    // What they would still do (repairs, hints that count for nothing) others make up for; their memory nobody does.
    if (this.#answered > limits.requestsAnswered) this.#close(id)
  }

  #close(id: number): void {
    if (this.#entries.get(id)?.answered === true) this.#answered--
    this.#entries.delete(id)
  }
}
