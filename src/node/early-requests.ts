/**
 * Requests of peers that count by lists of owners which this node is about to adopt: it has heard of them, and they are on their way to its disk. To refuse such a request
 * would have its coordinator ask again and again; a moment later it is answered like any other.
 *
 * A peer that counts by the lists from before is told at once: it is the peer that has something to hear.
 */
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Scheduler } from '../ports/scheduler.js'
import type { Membership } from '../protocol/membership/membership.js'
import { type Ring, sameDigest } from '../protocol/membership/ring.js'
import type { Digest64 } from '../wire/messages.js'

interface Early {
  readonly sinceMs: number
  /** Looks at the request again, which has been there since then. */
  readonly again: (sinceMs: number) => void
}

export class EarlyRequests {
  readonly #clock: Clock
  readonly #scheduler: Scheduler
  readonly #membership: Membership
  #waiting: Early[] = []
  /** The rings in force now and before. */
  #rings: { readonly now: Ring; readonly before: Ring | undefined }
  #isTimed = false

  constructor({
    clock,
    scheduler,
    membership,
  }: { clock: Clock; scheduler: Scheduler; membership: Membership }) {
    this.#clock = clock
    this.#scheduler = scheduler
    this.#membership = membership
    this.#rings = { now: membership.ring, before: undefined }
  }

  /**
   * Whether a request that names other lists than those in force is looked at again, when the next ones are, or after `limits.earlyMs`. `sinceMs`: when it came, if it has waited
   * before. False: it has to be answered now.
   */
  holds(ring: Digest64, rowKey: Uint8Array, sinceMs: number | undefined, again: Early['again']): boolean {
    if (!this.#membership.isAdopting || this.#waiting.length >= limits.earlyRequests) return false
    const { before } = this.#rings
    if (before !== undefined && sameDigest(before.placementOf(rowKey).ring, ring)) return false
    const nowMs = this.#clock.monotonicMs()
    const since = sinceMs ?? nowMs
    if (nowMs - since >= limits.earlyMs) return false
    this.#waiting.push({ sinceMs: since, again })
    this.#time()
    return true
  }

  adopted(): void {
    const { ring } = this.#membership
    if (ring !== this.#rings.now) this.#rings = { now: ring, before: this.#rings.now }
    this.#lookAgain()
  }

  /** One timer at a time: it looks at all that wait. */
  #time(): void {
    if (this.#isTimed) return
    this.#isTimed = true
    this.#scheduler.after(limits.earlyMs, () => {
      this.#isTimed = false
      this.#lookAgain()
    })
  }

  #lookAgain(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { sinceMs, again } of waiting) again(sinceMs)
  }
}
