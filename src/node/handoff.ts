/** Hints on their way to those they were kept for: performs what the handoff asks for, one conversation for each delivery. */
import type { Clock } from '../ports/clock.js'
import type { Random } from '../ports/random.js'
import type { Governor } from '../protocol/background/governor.js'
import type { Delivery } from '../protocol/hints/deliver.js'
import { DeliverMachine } from '../protocol/hints/deliver.js'
import type { HandoffEffect, HintAt } from '../protocol/hints/handoff.js'
import { Handoff } from '../protocol/hints/handoff.js'
import type { Membership } from '../protocol/membership/membership.js'
import { gone } from '../protocol/membership/state.js'
import type { Conversations } from './conversations.js'
import type { Coordination } from './coordination.js'
import type { Peers } from './peers.js'
import type { Replica } from './replica.js'
import type { Slices } from './slices.js'

const DELIVERY_MS = 10_000
/** What a delivery costs: a read, a write of the target, and the removal. */
const UNITS = 2
const BYTES_OF_A_UNIT = 64 * 1024

export interface DeliveriesParts {
  readonly clock: Clock
  readonly random: Random
  readonly peers: Peers
  readonly membership: Membership
  readonly replica: Replica
  readonly conversations: Conversations
  readonly coordination: Coordination
  readonly governor: Governor
  readonly slices: Slices
}

export class Deliveries {
  readonly #parts: DeliveriesParts
  readonly #handoff: Handoff
  #stopped = false

  constructor(parts: DeliveriesParts) {
    this.#parts = parts
    this.#handoff = new Handoff((bytes) => parts.governor.take('handoff', UNITS + bytes / BYTES_OF_A_UNIT))
  }

  get active(): boolean {
    return this.#handoff.active
  }

  /** There are hints for it, and it is being handed them. */
  isHanding(target: string): boolean {
    return this.#parts.replica.hints.count.hintsFor(target) > 0 && this.#handoff.isHanding(target)
  }

  /** What is under way finishes; nothing new begins. */
  stop(): void {
    this.#stopped = true
  }

  tick(nowMs: number): void {
    const { replica, peers } = this.#parts
    const { count } = replica.hints
    if (this.#stopped || count.hints === 0) return
    const out: HandoffEffect[] = []
    // What is kept for one that is gone goes to those who own it now.
    const away = gone(this.#parts.membership.state)
    const isReady = (target: string) => peers.isUp(target) || away.has(target)
    this.#handoff.tick(nowMs, count.targets, isReady, this.#chance(), out)
    this.#perform(out)
  }

  #perform(effects: readonly HandoffEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'scan') this.#scan(effect.target, effect.from)
      else this.#deliver(effect.target, effect.hint)
    }
  }

  #scan(target: string, from: Uint8Array | undefined): void {
    this.#parts.replica.hints.scan(target, from, (found, next) => {
      const out: HandoffEffect[] = []
      this.#parts.slices.run('handoff', () => {
        this.#handoff.page(target, found, next, this.#parts.clock.monotonicMs(), out)
        this.#perform(out)
      })
    })
  }

  #deliver(target: string, hint: HintAt): void {
    const { conversations, clock, coordination, replica } = this.#parts
    const nowMs = clock.monotonicMs()
    const placement = coordination.placement(hint.rowKey)
    const id = conversations.nextId()
    const machine = new DeliverMachine(id, hint.rowKey, target, placement, nowMs + DELIVERY_MS)
    conversations.begin(machine, nowMs, (outcome) => {
      if (outcome === 'delivered') replica.hints.count.delivered++
      this.#ended(target, hint, outcome as Delivery)
    })
  }

  #ended(target: string, hint: HintAt, outcome: Delivery): void {
    const out: HandoffEffect[] = []
    const nowMs = this.#parts.clock.monotonicMs()
    const how = outcome === 'failed' ? 'failed' : outcome === 'unreadable' ? 'stuck' : 'done'
    this.#handoff.ended(target, hint, how, nowMs, this.#chance(), out)
    if (!this.#stopped) this.#perform(out)
  }

  #chance(): number {
    return this.#parts.random.below(1024) / 1024
  }
}
