/**
 * The three strategies of section 6.2 as the paper describes them, and Rotunda's own placement.
 *
 *   1  T random tokens a node; a token's arc reaches back to the token before it. Owners: the next N distinct nodes clockwise.
 *   2  T random tokens a node; the ring is cut into Q equal partitions. Owners: the first N distinct nodes from a partition's end on.
 *   3  Q equal partitions, Q/S of them a token of each node, at random. Owners: the next N distinct nodes clockwise.
 *   Rotunda: Q equal partitions and a table of all owners of each, computed from the recorded joins.
 */
import { type Change, encodeChanges, placementTable } from '../../src/kernel/index.js'
import { XorShift } from '../load/xorshift.js'
import { CELLS, type Partitioning } from './partitioning.js'

export interface Ring {
  /** S. */
  readonly nodes: number
  /** N. */
  readonly copies: number
}

/** A generator whose first numbers do not resemble those of the next seed. */
export function seeded(seed: number): XorShift {
  return new XorShift(Math.imul(seed, 0x9e3779b1))
}

/** Strategy 1: `tokens` is T. */
export function randomTokens({ nodes, copies }: Ring, tokens: number, random: XorShift): Partitioning {
  const { positions, holders } = scattered(nodes, tokens, random)
  const ends = positions.slice()
  // An arc ends where its token stands; what comes after the last token belongs to the first one, over zero.
  ends.push(CELLS)
  const walked = clockwise(holders, copies)
  const owners = new Uint16Array(ends.length * copies)
  owners.set(walked)
  owners.set(walked.subarray(0, copies), walked.length)
  return { ends: Uint32Array.from(ends), owners, copies, entries: holders.length }
}

/** Strategy 2: `tokens` is T, `partitions` is Q. */
export function tokensOverPartitions(
  { nodes, copies }: Ring,
  tokens: number,
  partitions: number,
  random: XorShift,
): Partitioning {
  const { positions, holders } = scattered(nodes, tokens, random)
  const walked = clockwise(holders, copies)
  const ends = equalEnds(partitions)
  const owners = new Uint16Array(partitions * copies)
  let token = 0
  for (let partition = 0; partition < partitions; partition++) {
    while (token < positions.length && positions[token]! < ends[partition]!) token++
    const from = (token % positions.length) * copies
    owners.set(walked.subarray(from, from + copies), partition * copies)
  }
  return { ends, owners, copies, entries: holders.length }
}

/** Strategy 3: `partitions` is Q, a multiple of S. */
export function equalTokens({ nodes, copies }: Ring, partitions: number, random: XorShift): Partitioning {
  const holders = Array.from({ length: partitions }, (_, partition) => partition % nodes)
  for (let i = partitions - 1; i > 0; i--) {
    const other = random.below(i + 1)
    ;[holders[i], holders[other]] = [holders[other]!, holders[i]!]
  }
  return { ends: equalEnds(partitions), owners: clockwise(holders, copies), copies, entries: partitions }
}

/** Rotunda's: `partitions` is Q, a power of two. Nodes join one after another, under ids by chance. */
export function rotunda({ nodes, copies }: Ring, partitions: number, random: XorShift): Partitioning {
  const { table } = placementTable(partitions, copies, encodeChanges(joins(nodes, random)))
  return { ends: equalEnds(partitions), owners: table, copies, entries: table.length }
}

/** So many members that join one after another. */
export function joins(nodes: number, random: XorShift): Change[] {
  const word = () => (random.next() >>> 0).toString(16).padStart(8, '0')
  return Array.from({ length: nodes }, (_, n) => {
    const member = word() + word() + word() + word()
    return { stamp: n + 1, author: member, kind: 'join', member }
  })
}

/** T tokens of each node at positions by chance, in the ring's order; no two at one position. */
function scattered(nodes: number, tokens: number, random: XorShift) {
  const taken = new Map<number, number>()
  for (let node = 0; node < nodes; node++) {
    for (let left = tokens; left > 0; ) {
      const position = random.below(CELLS)
      if (taken.has(position)) continue
      taken.set(position, node)
      left--
    }
  }
  const positions = [...taken.keys()].sort((a, b) => a - b)
  return { positions, holders: positions.map((position) => taken.get(position)!) }
}

/** For each token the first `copies` distinct nodes from it on. */
function clockwise(holders: readonly number[], copies: number): Uint16Array {
  const owners = new Uint16Array(holders.length * copies)
  for (let token = 0; token < holders.length; token++) {
    const found: number[] = []
    for (let step = 0; found.length < copies && step < holders.length; step++) {
      const node = holders[(token + step) % holders.length]!
      if (!found.includes(node)) found.push(node)
    }
    owners.set(found, token * copies)
  }
  return owners
}

function equalEnds(partitions: number): Uint32Array {
  return Uint32Array.from({ length: partitions }, (_, partition) =>
    Math.round(((partition + 1) * CELLS) / partitions),
  )
}
