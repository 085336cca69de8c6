/**
 * What a request asks for where N changes while it is under way. A number of nodes means nothing then; `one`, `quorum` and `all` do, in every list by its own
 * length. The simulator reckons with numbers all the same: those that the names have under the largest N of the seed. Two of them meet in every list if they
 * add up to more than that N, and what each promises follows from the smallest.
 */
import type { QuorumChoice } from '../../src/node/requests.js'

export class SeveralN {
  /** Each N that a seed has, without repetition. */
  readonly #all: readonly number[]
  readonly most: number
  readonly least: number

  constructor(all: readonly number[]) {
    this.#all = [...new Set(all)]
    this.most = Math.max(...all)
    this.least = Math.min(...all)
  }

  /** As it was drawn, or the number of the name that is nearest below it. */
  drawn(count: number): number {
    if (this.#all.length === 1 || count >= this.most) return count
    return count >= quorum(this.most) ? quorum(this.most) : 1
  }

  /** What the database is asked for. */
  choice(count: number): QuorumChoice {
    if (this.#all.length === 1) return count
    if (count >= this.most) return 'all'
    return count >= quorum(this.most) ? 'quorum' : 'one'
  }

  /** So many nodes at least an acknowledgement rests on. */
  promised(count: number): number {
    return this.#all.length === 1 ? count : this.#inListOf(this.least, count)
  }

  /** On how many of so many nodes a write is, at least, if in any list of owners as many of them have it as it asked for. */
  rowsFor(count: number, members: number): number {
    return Math.max(...this.#all.map((n) => this.#inListOf(n, count) + members - n))
  }

  #inListOf(n: number, count: number): number {
    if (this.#all.length === 1) return count
    if (count >= this.most) return n
    return count >= quorum(this.most) ? quorum(n) : 1
  }
}

function quorum(n: number): number {
  return Math.floor(n / 2) + 1
}
