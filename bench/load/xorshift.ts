/** Marsaglia's xorshift32: the same load in every run, for a few nanoseconds a number. */
export class XorShift {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  /** A signed 32-bit number, never 0. */
  next(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return this.#state
  }

  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number {
    return (this.next() >>> 0) % bound
  }
}
