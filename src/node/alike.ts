/** When each chunk of partitions that this node shares with another owner was last found alike, or made so: since the start of this node, or of the table in force. */
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import { chunksOf } from '../protocol/entropy/schedule.js'

export class Alike {
  readonly #clock: Clock
  /** By peer and chunk. */
  readonly #atMs = new Map<string, number[]>()
  #sinceMs: number
  /** The partitions shared with each other owner. */
  #shared: ReadonlyMap<string, readonly number[]> = new Map()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sinceMs = clock.monotonicMs()
  }

  /** What was compared under another table tells nothing. */
  begin(shared: ReadonlyMap<string, readonly number[]>): void {
    this.#atMs.clear()
    this.#sinceMs = this.#clock.monotonicMs()
    this.#shared = shared
  }

  found(peer: string, chunk: number): void {
    const known = this.#atMs.get(peer) ?? []
    known[chunk] = this.#clock.monotonicMs()
    this.#atMs.set(peer, known)
  }

  ageSeconds(peer: string, chunk: number): number {
    const sinceMs = this.#atMs.get(peer)?.[chunk] ?? this.#sinceMs
    return (this.#clock.monotonicMs() - sinceMs) / 1_000
  }

  /** Seconds since each partition was last known alike here and at every other owner, by partition. */
  agesSeconds(): ReadonlyMap<number, number> {
    const ages = new Map<number, number>()
    for (const [peer, shared] of this.#shared) {
      shared.forEach((partition, index) => {
        const age = this.ageSeconds(peer, Math.floor(index / limits.exchangePartitions))
        ages.set(partition, Math.max(age, ages.get(partition) ?? 0))
      })
    }
    return ages
  }

  /** The highest of these ages; 0 for a node that shares nothing with anybody. */
  oldestAgeSeconds(): number {
    let oldest = 0
    for (const [peer, shared] of this.#shared) {
      for (let chunk = 0; chunk < chunksOf(shared); chunk++)
        oldest = Math.max(oldest, this.ageSeconds(peer, chunk))
    }
    return oldest
  }
}
