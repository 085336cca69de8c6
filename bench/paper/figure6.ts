/**
 * Figure 6: how many nodes are out of balance over a day whose load rises and falls. In a window of half an hour each key is awake with a
 * probability that follows the load: where little is asked for, it is asked of fewer keys, and few keys spread less evenly.
 */
import type { XorShift } from '../load/xorshift.js'
import { RING } from './figure8.js'
import { arcsOf, nodeLoads, outOfBalance, type Partitioning } from './partitioning.js'
import { keyCells } from './popularity.js'
import { equalTokens, randomTokens, rotunda, seeded } from './strategies.js'

/** Half hours of a day. */
export const WINDOWS = 48
/** Further from the mean than this: out of balance (section 6.2). */
export const THRESHOLD = 0.15
/** The least load as a fraction of the greatest (section 6.2). */
const QUIET = 1 / 8

/** Strategy 1's T, and as many for each node in strategy 3. Rotunda's table has fewer entries than theirs: 768, not 1,200. */
const TOKENS = 40
const OUR_PARTITIONS = 256

export interface Day {
  /** Keys that the service has. Not in the paper: see docs/paper/README.md. */
  readonly keys: number
  /** Requests in a window in which every key is awake. */
  readonly requests: number
  /** Rings by chance over which fractions are averaged. */
  readonly rings: number
}

export const DAY: Day = { keys: 40_000, requests: 400_000, rings: 10 }

export interface Window {
  /** Requests in this half hour. */
  readonly requests: number
  /** Mean fractions of nodes out of balance, 0 to 1. */
  readonly one: number
  readonly three: number
  readonly rotunda: number
}

type Curve = 'one' | 'three' | 'rotunda'

/** How busy the day is in a window, from 1/8 to 1: least at four in the morning, greatest at four in the afternoon. */
export function busyness(window: number): number {
  const angle = (2 * Math.PI * (window - 8)) / WINDOWS
  return QUIET + ((1 - QUIET) * (1 - Math.cos(angle))) / 2
}

export function figure6(day: Day): Window[] {
  const random = seeded(6)
  const cells = keyCells(day.keys, random)
  const counted = Array.from({ length: WINDOWS }, (_, window) => requestsByKey(day, busyness(window), random))
  const curve = (make: (random: XorShift) => Partitioning) => fractions(day, cells, counted, make)
  const curves: Record<Curve, number[]> = {
    one: curve((chance) => randomTokens(RING, TOKENS, chance)),
    three: curve((chance) => equalTokens(RING, RING.nodes * TOKENS, chance)),
    rotunda: curve((chance) => rotunda(RING, OUR_PARTITIONS, chance)),
  }
  return counted.map((counts, window) => ({
    requests: counts.reduce((sum, count) => sum + count, 0),
    one: curves.one[window]!,
    three: curves.three[window]!,
    rotunda: curves.rotunda[window]!,
  }))
}

/** What is asked of each key: popularity falls with the square root of the rank, so a rank is drawn as keys · u². */
function requestsByKey({ keys, requests }: Day, busy: number, random: XorShift): Float64Array {
  const awake = Uint8Array.from({ length: keys }, () => Number(uniform(random) < busy))
  const counts = new Float64Array(keys)
  for (let i = 0; i < requests; i++) {
    const u = uniform(random)
    const key = Math.floor(keys * u * u)
    counts[key]! += awake[key]!
  }
  return counts
}

/** At least 0, below 1. */
function uniform(random: XorShift): number {
  return (random.next() >>> 0) / 2 ** 32
}

/** For each window the mean fraction of nodes out of balance. */
function fractions(
  { rings }: Day,
  cells: Uint32Array,
  counted: readonly Float64Array[],
  make: (random: XorShift) => Partitioning,
): number[] {
  const sums = counted.map(() => 0)
  for (let ring = 1; ring <= rings; ring++) {
    const made = make(seeded(ring))
    const arcs = arcsOf(made.ends, cells)
    counted.forEach((counts, window) => {
      const loads = new Float64Array(made.ends.length)
      for (let key = 0; key < arcs.length; key++) loads[arcs[key]!]! += counts[key]!
      sums[window]! += outOfBalance(nodeLoads(made, loads, RING.nodes), THRESHOLD)
    })
  }
  return sums.map((sum) => sum / rings)
}
