import type { Random } from '../../ports/random.js'

export interface BackoffOptions {
  readonly leastMs: number
  readonly mostMs: number
}

/**
 * Exponential backoff with full jitter: each wait is uniform between the least and a ceiling that doubles with every failure.
 * Without the jitter all nodes that lost the same peer would come back to it at the same instant.
 */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #random: Random
  #failures = 0

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options
    this.#random = random
  }

  /** How long to wait after one more failure. */
  nextMs(): number {
    const { leastMs, mostMs } = this.#options
    const ceilingMs = Math.min(mostMs, leastMs * 2 ** Math.min(++this.#failures, 30))
    return leastMs + this.#random.below(Math.max(1, ceilingMs - leastMs + 1))
  }

  /** To be called after a success that lasted: one that did not is a failure like any other. */
  reset(): void {
    this.#failures = 0
  }
}
