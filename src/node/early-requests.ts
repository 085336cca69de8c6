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
import type { HintedWrite, ReplicaRead, ReplicaWrite } from '../wire/messages.js'

type Request = ReplicaWrite | ReplicaRead | HintedWrite

interface Early {
  readonly sinceMs: number
  readonly bytes: number
  /** Looks at the request again, which has been there since then. */
  readonly again: (sinceMs: number) => void
  readonly cancel: () => void
}

export interface EarlyRequestsParts {
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly membership: Membership
}

export class EarlyRequests {
  readonly #parts: EarlyRequestsParts
  readonly #waiting = new Set<Early>()
  #bytes = 0
  /** In force, and before that. */
  #now: Ring
  #before: Ring | undefined

  constructor(parts: EarlyRequestsParts) {
    this.#parts = parts
    this.#now = parts.membership.ring
  }

  /**
   * Whether a request that names other lists than those in force is looked at again, when the next state is adopted, or `limits.earlyMs` after it came. `sinceMs`: when that was, if
   * it has waited before. False: it has to be answered now.
   */
  holds(request: Request, sinceMs: number | undefined, again: Early['again']): boolean {
    const { clock, scheduler, membership } = this.#parts
    const { ring, rowKey } = request
    const bytes = rowKey.length + ('object' in request ? request.object.length : 0)
    const isFull = this.#waiting.size >= limits.earlyRequests || this.#bytes + bytes > limits.earlyBytes
    if (!membership.isAdopting || isFull) return false
    if (this.#before !== undefined && sameDigest(this.#before.placementOf(rowKey).ring, ring)) return false
    const nowMs = clock.monotonicMs()
    const since = sinceMs ?? nowMs
    const leftMs = since + limits.earlyMs - nowMs
    if (leftMs <= 0) return false
    const cancel = scheduler.after(leftMs, () => this.#look(early))
    const early: Early = { sinceMs: since, bytes, again, cancel }
    this.#waiting.add(early)
    this.#bytes += bytes
    return true
  }

  /** Other lists may be in force. Requests that still name others may wait on. */
  adopted(): void {
    const { ring } = this.#parts.membership
    if (!sameDigest(ring.digest, this.#now.digest)) this.#before = this.#now
    this.#now = ring
    for (const early of [...this.#waiting]) if (this.#waiting.has(early)) this.#look(early)
  }

  /** Nobody answers any more. */
  stop(): void {
    for (const early of this.#waiting) this.#drop(early)
  }

  #look(early: Early): void {
    this.#drop(early)
    early.again(early.sinceMs)
  }

  #drop(early: Early): void {
    early.cancel()
    this.#waiting.delete(early)
    this.#bytes -= early.bytes
  }
}
