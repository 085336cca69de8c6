/** Durations in buckets, eight to each doubling, from 1/16 ms on: any quantile to within a tenth, for an increment each. */
const SMALLEST_MS = 1 / 16
const STEPS = 8
const BUCKETS = 24 * STEPS

export class Durations {
  readonly #counts = new Uint32Array(BUCKETS)
  #total = 0
  #longestMs = 0

  add(tookMs: number): void {
    const bucket = tookMs <= SMALLEST_MS ? 0 : Math.ceil(Math.log2(tookMs / SMALLEST_MS) * STEPS)
    this.#counts[Math.min(bucket, BUCKETS - 1)]!++
    this.#total++
    if (tookMs > this.#longestMs) this.#longestMs = tookMs
  }

  get total(): number {
    return this.#total
  }

  get longestMs(): number {
    return this.#longestMs
  }

  /** In ms, the upper edge of its bucket; 0 where there are none. */
  quantile(fraction: number): number {
    if (this.#total === 0) return 0
    const rank = Math.ceil(this.#total * fraction)
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!
      if (seen >= rank) return SMALLEST_MS * 2 ** (bucket / STEPS)
    }
    return SMALLEST_MS * 2 ** (BUCKETS / STEPS)
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
    this.#longestMs = 0
  }
}
