/**
 * One hint's delivery (paper 4.6): read what is kept for the target, send it as a replica write like any other, and remove the hint
 * when the target has answered that it holds it durably. Not before: until then the hint may be all that is left of a write
 * that was acknowledged. Whatever goes wrong leaves the hint where it is; giving it twice changes nothing.
 *
 * A target that owns the key no more, by the table in force, has no use for it: then all who own it get it, and all of them must have answered.
 */
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input, Machine, Placement } from '../effects.js'

/**
 * `delivered`: it is there, and the hint is gone, or stays for something newer. `gone`: there was nothing to deliver.
 * `unreadable`: what is kept cannot be read now. `failed`: the target did not take it.
 */
export type Delivery = 'delivered' | 'gone' | 'unreadable' | 'failed'

export class DeliverMachine implements Machine {
  readonly id: number
  readonly deadlineMs: number
  readonly rowKey: Uint8Array
  readonly #target: string
  #placement: Placement
  #kept: { readonly object: Uint8Array; readonly number: number } | undefined
  #releasing: 'delivered' | 'gone' | undefined
  /** Those who have not answered yet that they hold it. */
  readonly #missing = new Set<string>()

  constructor(id: number, rowKey: Uint8Array, target: string, placement: Placement, deadlineMs: number) {
    this.id = id
    this.rowKey = rowKey
    this.#target = target
    this.#placement = placement
    this.deadlineMs = deadlineMs
  }

  start(_nowMs: number, out: Effect[]): void {
    out.push({ kind: 'read-hint', conversation: this.id, rowKey: this.rowKey, target: this.#target })
  }

  step(input: Input, nowMs: number, out: Effect[]): void {
    switch (input.kind) {
      case 'hint':
        this.#read(input, nowMs, out)
        return
      case 'answer':
        if (input.message.type === 2 && this.#missing.has(input.from))
          this.#answer(input.from, input.message.status, input.message.state, out)
        return
      case 'placement':
        this.#placement = input.placement
        if (this.#kept !== undefined && this.#releasing === undefined) this.#send(nowMs, out)
        return
      case 'unsent':
      case 'lost':
      case 'suspected':
        if (this.#missing.has(input.to) && this.#releasing === undefined) this.#finish('failed', out)
        return
      case 'settled':
        if (this.#releasing !== undefined)
          this.#finish(input.fault === undefined ? this.#releasing : 'unreadable', out)
        return
      default:
    }
  }

  expire(_nowMs: number, out: Effect[]): void {
    this.#finish('failed', out)
  }

  #read({ found, object, number }: Input & { kind: 'hint' }, nowMs: number, out: Effect[]): void {
    switch (found) {
      case 'held':
        this.#kept = { object, number }
        this.#send(nowMs, out)
        return
      case 'gone':
        this.#kept = { object, number }
        this.#release('gone', out)
        return
      case 'unknown':
        this.#finish('unreadable', out)
        return
      default:
        found satisfies never
    }
  }

  #send(nowMs: number, out: Effect[]): void {
    const message = {
      type: 1,
      id: this.id,
      leftMs: Math.max(0, Math.ceil(this.deadlineMs - nowMs)),
      ring: this.#placement.ring,
      rowKey: this.rowKey,
      object: this.#kept!.object,
      durable: true,
    } as const
    const owners = this.#placement.holders ?? this.#placement.owners
    this.#missing.clear()
    for (const to of owners.includes(this.#target) ? [this.#target] : owners) {
      this.#missing.add(to)
      out.push({ kind: 'send', conversation: this.id, to, message })
    }
  }

  #answer(from: string, status: ReplicaStatus, state: Uint8Array, out: Effect[]): void {
    if (this.#kept === undefined || this.#releasing !== undefined) return
    if (status === ReplicaStatus.ok) {
      this.#missing.delete(from)
      if (this.#missing.size === 0) this.#release('delivered', out)
    } else if (status === ReplicaStatus.stale) out.push({ kind: 'learn', conversation: this.id, from, state })
    else this.#finish('failed', out)
  }

  #release(after: 'delivered' | 'gone', out: Effect[]): void {
    this.#releasing = after
    const { id, rowKey } = this
    const number = this.#kept?.number ?? 0
    out.push({ kind: 'release', conversation: id, rowKey, target: this.#target, number })
  }

  #finish(outcome: Delivery, out: Effect[]): void {
    out.push({ kind: 'done', conversation: this.id, outcome }, { kind: 'close', conversation: this.id })
  }
}
