/**
 * Figure 8: load-balancing efficiency of the strategies of section 6.2 and of Rotunda's placement, against the membership data that each
 * member keeps. Requests load all N owners of their key; which keys are popular is the same for every strategy.
 */
import type { XorShift } from '../load/xorshift.js'
import { arcLoads, efficiency, nodeLoads, type Partitioning } from './partitioning.js'
import { loadBefore, type Skew } from './popularity.js'
import { equalTokens, type Ring, randomTokens, rotunda, seeded, tokensOverPartitions } from './strategies.js'

/** The paper's system: 30 nodes, three copies. */
export const RING: Ring = { nodes: 30, copies: 3 }

export type Strategy = 'one' | 'twoFine' | 'twoCoarse' | 'three' | 'rotunda'

/** What the curves are called, in the order of the table. */
export const STRATEGIES: Readonly<Record<Strategy, string>> = {
  one: 'strategy 1',
  twoFine: 'strategy 2, Q = 65,536',
  twoCoarse: 'strategy 2, Q = 2,048',
  three: 'strategy 3',
  rotunda: 'Rotunda',
}

/** One size of membership data: T of strategies 1 and 2, Q of strategy 3 (as many entries), Q of Rotunda (a third, to a power of two). */
export interface Size {
  readonly tokens: number
  readonly partitions: number
  readonly ours: number
}

export const SIZES: readonly Size[] = [
  { tokens: 10, partitions: 300, ours: 128 },
  { tokens: 25, partitions: 750, ours: 256 },
  { tokens: 50, partitions: 1_500, ours: 512 },
  { tokens: 100, partitions: 3_000, ours: 1_024 },
  { tokens: 200, partitions: 6_000, ours: 2_048 },
  { tokens: 400, partitions: 12_000, ours: 4_096 },
  { tokens: 800, partitions: 24_000, ours: 8_192 },
]

/** A point of a curve: over some rings by chance. */
export interface Point {
  readonly entries: number
  readonly mean: number
  readonly least: number
}

export interface Row {
  readonly size: Size
  readonly points: Readonly<Record<Strategy, Point>>
}

/** How much is simulated. */
export interface Extent {
  readonly keys: number
  readonly rings: number
}

export const EXTENT: Extent = { keys: 10_000_000, rings: 10 }

/** The rows for these sizes. */
export function figure8({ keys, rings }: Extent, sizes: readonly Size[]): Row[] {
  const before = loadBefore(keys, '1/√rank', seeded(8))
  return sizes.map((size) => ({ size, points: points(size, before, rings) }))
}

function points(size: Size, before: Float64Array, rings: number): Record<Strategy, Point> {
  const point = (strategy: Strategy) => measured(strategy, size, before, rings)
  return {
    one: point('one'),
    twoFine: point('twoFine'),
    twoCoarse: point('twoCoarse'),
    three: point('three'),
    rotunda: point('rotunda'),
  }
}

function measured(strategy: Strategy, size: Size, before: Float64Array, rings: number): Point {
  let [sum, least, entries] = [0, 1, 0]
  for (let ring = 1; ring <= rings; ring++) {
    const made = partitioningOf(strategy, size, seeded(ring))
    const found = efficiency(nodeLoads(made, arcLoads(made.ends, before), RING.nodes))
    sum += found
    least = Math.min(least, found)
    entries = made.entries
  }
  return { entries, mean: sum / rings, least }
}

export function partitioningOf(strategy: Strategy, size: Size, random: XorShift): Partitioning {
  switch (strategy) {
    case 'one':
      return randomTokens(RING, size.tokens, random)
    case 'twoFine':
      return tokensOverPartitions(RING, size.tokens, 65_536, random)
    case 'twoCoarse':
      return tokensOverPartitions(RING, size.tokens, 2_048, random)
    case 'three':
      return equalTokens(RING, size.partitions, random)
    case 'rotunda':
      return rotunda(RING, size.ours, random)
    default:
      return strategy satisfies never
  }
}

/** Other distributions of requests over keys, at the size of about 3,000 entries. */
export const DISTRIBUTIONS: readonly { readonly keys: number; readonly skew: Skew }[] = [
  { keys: 10_000_000, skew: 'even' },
  { keys: 10_000_000, skew: '1/√rank' },
  { keys: 1_000_000, skew: '1/√rank' },
  { keys: 100_000, skew: '1/√rank' },
  { keys: 1_000_000, skew: '1/rank' },
]

export interface Distribution {
  readonly keys: number
  readonly skew: Skew
  readonly points: Readonly<Record<Strategy, Point>>
}

/** How much of what is left comes from the keys and not from their placement. */
export function distributions(rings: number): Distribution[] {
  const size = SIZES.find(({ ours }) => ours === 1_024)!
  return DISTRIBUTIONS.map(({ keys, skew }) => ({
    keys,
    skew,
    points: points(size, loadBefore(keys, skew, seeded(8)), rings),
  }))
}
