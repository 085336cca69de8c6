/** Which keys are asked for how often, and where on the ring they are. */
import type { XorShift } from '../load/xorshift.js'
import { CELLS } from './partitioning.js'

/** How a key's popularity falls with its rank, the most popular being 1. */
export type Skew = 'even' | '1/√rank' | '1/rank'

function weight(skew: Skew, rank: number): number {
  switch (skew) {
    case 'even':
      return 1
    case '1/√rank':
      return 1 / Math.sqrt(rank)
    case '1/rank':
      return 1 / rank
    default:
      return skew satisfies never
  }
}

/** The load of all cells before each cell, if `keys` keys lie on the ring by chance: CELLS + 1 sums. */
export function loadBefore(keys: number, skew: Skew, random: XorShift): Float64Array {
  const before = new Float64Array(CELLS + 1)
  for (let rank = 1; rank <= keys; rank++) before[random.below(CELLS) + 1]! += weight(skew, rank)
  for (let cell = 1; cell <= CELLS; cell++) before[cell]! += before[cell - 1]!
  return before
}

/** Where so many keys lie. */
export function keyCells(keys: number, random: XorShift): Uint32Array {
  return Uint32Array.from({ length: keys }, () => random.below(CELLS))
}
