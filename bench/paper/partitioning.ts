/** How a hash ring is cut into arcs, and whose each arc is: what every strategy of section 6.2 comes down to. */

/** The ring's resolution: positions of tokens and keys are whole numbers from 0 to CELLS - 1. */
export const CELLS = 2 ** 20

export interface Partitioning {
  /** The cell after the last one of each arc, rising; the last is CELLS. */
  readonly ends: Uint32Array
  /** The number of the i-th owner of arc a, at `a * copies + i`. */
  readonly owners: Uint16Array
  readonly copies: number
  /** How many numbers of nodes a member has to keep to know whose each key is: the paper's "size of metadata". */
  readonly entries: number
}

/** The arc of each of these cells. */
export function arcsOf(ends: Uint32Array, cells: Uint32Array): Uint32Array {
  return cells.map((cell) => arcOf(ends, cell))
}

function arcOf(ends: Uint32Array, cell: number): number {
  let [low, high] = [0, ends.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ends[middle]! > cell) high = middle
    else low = middle + 1
  }
  return low
}

/** The load of each node, of `nodes`, if arcs have these loads: each owner of an arc carries all of it. */
export function nodeLoads(partitioning: Partitioning, arcLoads: Float64Array, nodes: number): Float64Array {
  const { owners, copies } = partitioning
  const loads = new Float64Array(nodes)
  for (let i = 0; i < owners.length; i++) loads[owners[i]!]! += arcLoads[Math.floor(i / copies)]!
  return loads
}

/** The load of each arc, from the load of all cells before each cell (CELLS + 1 sums). */
export function arcLoads(ends: Uint32Array, before: Float64Array): Float64Array {
  return Float64Array.from(ends, (end, arc) => before[end]! - before[arc === 0 ? 0 : ends[arc - 1]!]!)
}

/** Mean load of a node ÷ load of the hottest one: 1 is perfect (section 6.2). */
export function efficiency(loads: Float64Array): number {
  let [sum, most] = [0, 0]
  for (const load of loads) {
    sum += load
    most = Math.max(most, load)
  }
  return most === 0 ? 1 : sum / loads.length / most
}

/** The fraction of nodes whose load is further from the mean than this fraction of the mean (figure 6: 0.15). */
export function outOfBalance(loads: Float64Array, threshold: number): number {
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length
  return loads.filter((load) => Math.abs(load - mean) > threshold * mean).length / loads.length
}
