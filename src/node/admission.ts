/** How much of what is asked of this node it begins: requests of clients by a limit that follows from how long input waits, peers' by fixed bounds. */
import { limits } from '../limits.js'
import { Limiter } from '../protocol/admission/limiter.js'
import { RetrySpread } from '../protocol/admission/retry-spread.js'
import type { GuardStats } from './guard/index.js'

const SPREAD_EVERY_MS = 1_000

export class Admission {
  readonly counts = { admitted: 0, shed: 0, floods: 0 }
  readonly #stats: Readonly<GuardStats>
  readonly #operations: () => number
  readonly #limiter: Limiter
  readonly #spread = new RetrySpread()
  #spreadMs: number
  #behindSinceMs: number | undefined
  #behindMs = 0
  #lateMs = 0

  /** `stats`: of the storage; `operations`: of the replica, those that wait for their row or for the disk. */
  constructor(nowMs: number, stats: Readonly<GuardStats>, operations: () => number) {
    this.#stats = stats
    this.#operations = operations
    this.#spreadMs = nowMs
    this.#limiter = new Limiter(nowMs, {
      targetMs: limits.queueTargetMs,
      intervalMs: limits.queueIntervalMs,
      least: limits.requestsAtLeast,
      most: limits.requestsInFlight,
    })
  }

  /** Requests that may be in progress. What other nodes forward here is counted by itself against the same number. */
  get limit(): number {
    return this.#limiter.limit
  }

  /** How long input waits for the event loop, in ms, as last looked. */
  get lateMs(): number {
    return this.#lateMs
  }

  /** How long the disk has been behind, in ms: since when there are writes that do not fit into the next batch. */
  get behindMs(): number {
    return this.#behindMs
  }

  /** May one more request of a client begin beside those in progress? */
  admits(inProgress: number): boolean {
    const admitted = this.#limiter.admits(inProgress)
    if (admitted) this.counts.admitted++
    else this.counts.shed++
    return admitted
  }

  /** When the next client that is shed may come back. */
  retryAfterSeconds(): number {
    return this.#spread.next()
  }

  /** More was asked by peers than can be done soon: they hear so at once, and need not wait for it. */
  isFlooded(): boolean {
    const flooded =
      this.#behindMs > limits.diskBehindMs ||
      this.#operations() >= limits.replicaOperations ||
      this.#stats.queuedReads >= limits.replicaReads
    if (flooded) this.counts.floods++
    return flooded
  }

  /** Call it with every tick; `lateMs`: by how much the tick itself was late, which is what any input waits now. */
  look(lateMs: number, nowMs: number): void {
    this.#lateMs = Math.max(0, lateMs)
    this.#lookAtDisk(nowMs)
    this.#limiter.look(Math.max(this.#lateMs, this.#behindMs), nowMs)
    if (nowMs - this.#spreadMs < SPREAD_EVERY_MS) return
    this.#spreadMs = nowMs
    this.#spread.look(this.counts.admitted, this.counts.shed)
  }

  #lookAtDisk(nowMs: number): void {
    const { leftWrites, queuedReads } = this.#stats
    if (leftWrites === 0 && queuedReads <= limits.storageSweepRows) this.#behindSinceMs = undefined
    else this.#behindSinceMs ??= nowMs
    this.#behindMs = this.#behindSinceMs === undefined ? 0 : nowMs - this.#behindSinceMs
  }
}
