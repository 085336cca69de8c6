import { readFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { busyness, DAY, figure6 } from '../../bench/paper/figure6.js'
import {
  EXTENT,
  figure8,
  partitioningOf,
  RING,
  SIZES,
  STRATEGIES,
  type Strategy,
} from '../../bench/paper/figure8.js'
import {
  arcLoads,
  arcsOf,
  CELLS,
  efficiency,
  nodeLoads,
  outOfBalance,
  type Partitioning,
} from '../../bench/paper/partitioning.js'
import { figure6Picture, figure6Table, figure8Cells, withTable } from '../../bench/paper/pictures.js'
import { loadBefore } from '../../bench/paper/popularity.js'
import { randomTokens, seeded, tokensOverPartitions } from '../../bench/paper/strategies.js'

const FOLDER = new URL('../../../docs/paper/', import.meta.url)
const PAGE = readFileSync(new URL('README.md', FOLDER), 'utf8')
const NAMES = Object.keys(STRATEGIES) as Strategy[]
const SMALL = SIZES[1]!

/** The owners of each arc. */
function ownersOf({ owners, copies }: Partitioning): number[][] {
  return Array.from({ length: owners.length / copies }, (_, arc) => [
    ...owners.subarray(arc * copies, (arc + 1) * copies),
  ])
}

/** How many arcs each node owns. */
function held(partitioning: Partitioning): Float64Array {
  return nodeLoads(partitioning, new Float64Array(partitioning.ends.length).fill(1), RING.nodes)
}

for (const name of NAMES) {
  test(`${STRATEGIES[name]}: arcs cover the ring, each has distinct owners`, (t) => {
    for (let seed = 1; seed <= 5; seed++) {
      const made = partitioningOf(name, SMALL, seeded(seed))
      t.is(made.ends.at(-1), CELLS)
      t.true(made.ends.every((end, arc) => arc === 0 || end > made.ends[arc - 1]!))
      const owners = ownersOf(made)
      t.is(owners.length, made.ends.length)
      t.true(owners.every((nodes) => new Set(nodes).size === RING.copies))
      t.true(owners.flat().every((node) => node < RING.nodes))
    }
  })
}

test('a key of strategy 1 is owned by whoever holds the tokens that follow it', (t) => {
  const made = randomTokens({ nodes: 5, copies: 2 }, 3, seeded(1))
  const owners = ownersOf(made)
  t.is(owners.length, 16, '15 tokens, and the arc over zero')
  t.deepEqual(owners[15], owners[0])
  for (let arc = 0; arc < 14; arc++) {
    const [first, second] = owners[arc]!
    const next = owners.slice(arc + 1).map(([node]) => node)
    t.is(
      second,
      next.find((node) => node !== first),
    )
  }
})

test('strategy 2 places partitions by their ends as strategy 1 places keys', (t) => {
  const ring = { nodes: 6, copies: 3 }
  const byToken = randomTokens(ring, 4, seeded(3))
  const byPartition = tokensOverPartitions(ring, 4, 64, seeded(3))
  const lastCells = byPartition.ends.map((end) => Math.min(end, CELLS - 1))
  const arcs = arcsOf(
    byToken.ends,
    lastCells.map((cell) => cell - 1),
  )
  t.deepEqual(
    ownersOf(byPartition),
    Array.from(arcs, (arc) => ownersOf(byToken)[arc]!),
  )
})

test('strategy 3 gives each node as many first places as any other, Rotunda as many places', (t) => {
  const three = partitioningOf('three', SMALL, seeded(1))
  const firsts = new Array(RING.nodes).fill(0)
  for (const [first] of ownersOf(three)) firsts[first!]++
  t.true(firsts.every((count) => count === SMALL.partitions / RING.nodes))
  const places = held(partitioningOf('rotunda', SMALL, seeded(1)))
  t.true(Math.max(...places) - Math.min(...places) <= 1)
})

test('efficiency and balance of loads', (t) => {
  t.is(efficiency(Float64Array.of(4, 4, 4)), 1)
  t.is(efficiency(Float64Array.of(1, 2, 9)), 4 / 9)
  t.is(outOfBalance(Float64Array.of(86, 100, 114), 0.15), 0)
  t.is(outOfBalance(Float64Array.of(84, 100, 116), 0.15), 2 / 3)
})

test('no load is lost on the way from keys to nodes', (t) => {
  const law = fc.property(fc.integer({ min: 1, max: 500 }), fc.constantFrom(...NAMES), (keys, name) => {
    const before = loadBefore(keys, 'even', seeded(keys))
    const made = partitioningOf(name, SIZES[0]!, seeded(keys))
    const loads = nodeLoads(made, arcLoads(made.ends, before), RING.nodes)
    return loads.reduce((sum, load) => sum + load, 0) === RING.copies * keys
  })
  t.notThrows(() => fc.assert(law, { numRuns: 25 }))
})

test('the day is quietest at four in the morning, at an eighth of its peak', (t) => {
  t.is(busyness(8), 1 / 8)
  t.is(busyness(32), 1)
  t.true(busyness(20) > busyness(12))
})

test('the page and the picture of figure 6 are what the code gives', (t) => {
  const windows = figure6(DAY)
  t.is(withTable(PAGE, 'figure 6', figure6Table(windows)), PAGE)
  t.is(figure6Picture(windows), readFileSync(new URL('figure6.svg', FOLDER), 'utf8'))
})

test('the row of figure 8 for Q = 1,024 is what the code gives, and is at 0.99', (t) => {
  const [row] = figure8(
    EXTENT,
    SIZES.filter(({ ours }) => ours === 1_024),
  )
  t.true(PAGE.includes(`\n| ${figure8Cells(row!).join(' | ')} |\n`))
  t.true(row!.points.rotunda.mean >= 0.99)
})

test('a page without a place for a table is refused', (t) => {
  t.throws(() => withTable('nothing', 'figure 6', ''), { message: /no place for figure 6/ })
})
