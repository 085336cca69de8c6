/**
 * When clients that were shed may come back. Told the same second they would all come in that second; so the answers go through a span of seconds by
 * the golden ratio, which spreads any number of them more evenly than chance does (Weyl's sequence). The span follows the share of
 * answers that are refusals: each costs little, but with a hundred times too many clients refusing them would be all that a node does.
 */

const GOLDEN = (Math.sqrt(5) - 1) / 2
const SHORTEST_SECONDS = 2
const LONGEST_SECONDS = 30
/** Refusals for each request admitted: above the first the span doubles, below the second it shrinks. */
const TOO_MANY = 0.1
const FEW = 0.02

export class RetrySpread {
  #spanSeconds = SHORTEST_SECONDS
  #place = 0
  #admitted = 0
  #shed = 0

  /** Answers are spread over 1 … this many seconds. */
  get spanSeconds(): number {
    return this.#spanSeconds
  }

  /** For the next client: a whole number of seconds, at least 1. */
  next(): number {
    this.#place = (this.#place + GOLDEN) % 1
    return 1 + Math.floor(this.#place * this.#spanSeconds)
  }

  /** Call it about once a second, with the counts since the node began. */
  look(admitted: number, shed: number): void {
    const newlyAdmitted = admitted - this.#admitted
    const newlyShed = shed - this.#shed
    this.#admitted = admitted
    this.#shed = shed
    if (newlyShed > newlyAdmitted * TOO_MANY)
      this.#spanSeconds = Math.min(LONGEST_SECONDS, this.#spanSeconds * 2)
    else if (newlyShed < newlyAdmitted * FEW || newlyShed === 0)
      this.#spanSeconds = Math.max(SHORTEST_SECONDS, this.#spanSeconds - 1)
  }
}
