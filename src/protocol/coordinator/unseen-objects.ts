/**
 * Objects of which a read has been told clock and dots, and not the values (the skeleton).
 *
 *     skeleton is within what is merged here      the replica is behind, or alike: its values are not needed
 *     it has something more                       it is asked for the object, unless one with the same skeleton is already
 *
 * Nothing counts for the read before all that the skeleton names is in what is merged: an answer shows everything of everybody who counts.
 */
import { compareSkeleton, RELATION } from '../../kernel/index.js'

interface Unseen {
  readonly from: string
  readonly skeleton: Uint8Array
  /** The replica counts towards R. */
  readonly counts: boolean
  asked: boolean
}

export interface Seen {
  readonly from: string
  readonly counts: boolean
  /** `alike`: the replica holds what is merged here. `behind`: less. `malformed`: what it sent is no skeleton. */
  readonly standing: 'alike' | 'behind' | 'malformed'
}

export class UnseenObjects {
  #unseen: Unseen[] = []

  /** A replica that says the same twice is asked once. */
  add(from: string, skeleton: Uint8Array, counts: boolean): void {
    const asked = this.#unseen.some((other) => other.from === from && other.asked)
    this.forget(from)
    this.#unseen.push({ from, skeleton, counts, asked })
  }

  /** The replica has shown its object, or will not. */
  forget(from: string): void {
    if (this.#unseen.length > 0) this.#unseen = this.#unseen.filter((other) => other.from !== from)
  }

  clear(): void {
    this.#unseen = []
  }

  /** Takes out those of which nothing is missing in `merged` (undefined: no object), and those that are none. */
  settle(merged: Uint8Array | undefined): readonly Seen[] {
    if (this.#unseen.length === 0 || merged === undefined) return NOBODY
    const seen: Seen[] = []
    this.#unseen = this.#unseen.filter(({ from, skeleton, counts }) => {
      const relation = compareSkeleton(merged, skeleton)
      if (relation === RELATION.SECOND_NEWER || relation === RELATION.CONCURRENT) return true
      const standing =
        relation < 0 ? 'malformed' : relation === RELATION.EQUAL ? ('alike' as const) : ('behind' as const)
      seen.push({ from, counts, standing })
      return false
    })
    return seen
  }

  /** Who is to be asked for its object now; each is named once. */
  toAsk(): readonly string[] {
    if (this.#unseen.length === 0) return NOBODY
    const names: string[] = []
    for (const unseen of this.#unseen) {
      const isAsked = this.#unseen.some(
        ({ asked, skeleton }) => asked && Buffer.compare(skeleton, unseen.skeleton) === 0,
      )
      if (isAsked) continue
      unseen.asked = true
      names.push(unseen.from)
    }
    return names
  }
}

const NOBODY: readonly never[] = []
