/**
 * One row on its way out: this node holds it and owns it no more. All who own it now get it, and when every one of them has answered that its disk
 * has it, it may go here. Whatever goes wrong leaves the row where it is; giving it twice changes nothing.
 */
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input, Machine, Placement } from '../effects.js'

/** `owned`: this node is an owner again. */
export type PassedOn = 'held' | 'owned' | 'failed'

export class PassOnMachine implements Machine {
  readonly id: number
  readonly deadlineMs: number
  readonly rowKey: Uint8Array
  readonly #self: string
  readonly #object: Uint8Array
  #placement: Placement
  /** Those who have not answered yet that they hold it. */
  readonly #missing = new Set<string>()

  constructor(
    id: number,
    self: string,
    { rowKey, object }: { readonly rowKey: Uint8Array; readonly object: Uint8Array },
    placement: Placement,
    deadlineMs: number,
  ) {
    this.id = id
    this.#self = self
    this.rowKey = rowKey
    this.#object = object
    this.#placement = placement
    this.deadlineMs = deadlineMs
  }

  start(nowMs: number, out: Effect[]): void {
    const { ring, owners, holders = owners } = this.#placement
    if (holders.includes(this.#self)) return this.#finish('owned', out)
    const message = {
      type: 1,
      id: this.id,
      leftMs: Math.max(0, Math.ceil(this.deadlineMs - nowMs)),
      ring,
      rowKey: this.rowKey,
      object: this.#object,
      durable: true,
    } as const
    this.#missing.clear()
    for (const to of holders) this.#missing.add(to)
    for (const to of holders) out.push({ kind: 'send', conversation: this.id, to, message })
  }

  step(input: Input, nowMs: number, out: Effect[]): void {
    switch (input.kind) {
      case 'answer':
        if (input.message.type === 2 && this.#missing.has(input.from))
          this.#answer(input.from, input.message.status, input.message.state, out)
        return
      case 'placement':
        this.#placement = input.placement
        this.start(nowMs, out)
        return
      case 'unsent':
      case 'lost':
      case 'suspected':
        if (this.#missing.has(input.to)) this.#finish('failed', out)
        return
      default:
    }
  }

  expire(_nowMs: number, out: Effect[]): void {
    this.#finish('failed', out)
  }

  #answer(from: string, status: ReplicaStatus, state: Uint8Array, out: Effect[]): void {
    if (status === ReplicaStatus.ok) {
      this.#missing.delete(from)
      if (this.#missing.size === 0) this.#finish('held', out)
    } else if (status === ReplicaStatus.stale) out.push({ kind: 'learn', conversation: this.id, from, state })
    else this.#finish('failed', out)
  }

  #finish(outcome: PassedOn, out: Effect[]): void {
    this.#missing.clear()
    out.push({ kind: 'done', conversation: this.id, outcome }, { kind: 'close', conversation: this.id })
  }
}
