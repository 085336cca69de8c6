import type { Clock } from '../../ports/clock.js'
import type { Log } from '../../ports/log.js'

const QUIET_MS = 30_000
const KINDS = 256

/**
 * Warnings that others can provoke as often as they like: each kind is written once, then at most every half minute, with the
 * number of those left out.
 */
export class Quiet {
  readonly #clock: Clock
  readonly #log: Log
  readonly #kinds = new Map<string, { sinceMs: number; leftOut: number }>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  warn(event: string, kind: string, fields: Record<string, unknown>): void {
    const key = `${event} ${kind}`
    const nowMs = this.#clock.monotonicMs()
    const last = this.#kinds.get(key)
    if (last !== undefined && nowMs - last.sinceMs < QUIET_MS) {
      last.leftOut++
      return
    }
    if (this.#kinds.size >= KINDS) this.#kinds.clear()
    this.#kinds.set(key, { sinceMs: nowMs, leftOut: 0 })
    this.#log.warn(
      event,
      last === undefined || last.leftOut === 0 ? fields : { ...fields, leftOut: last.leftOut },
    )
  }
}
