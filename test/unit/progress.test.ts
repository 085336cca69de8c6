/** How far moves are, how fast they go, and whom they wait for. */
import test from 'ava'
import type { Handing, PartitionLists } from '../../src/protocol/membership/moves.js'
import { bytesMoving, Pacemaker, waitsFor } from '../../src/protocol/transfer/progress.js'

const TARGET = { level: 5, table: 'f'.repeat(16), gone: ['b'], list: ['a', 'c', 'd'] }
/** b died, and d takes its place. */
const MOVING = new Map<number, PartitionLists>([
  [3, { settled: ['a', 'b', 'c'], versions: [TARGET], complete: -1 }],
  [4, { settled: ['a', 'b', 'c'], versions: [TARGET], complete: -1 }],
])

function handed(by: string, partitions: readonly number[], released: readonly number[] = []): Handing {
  const { level, table, gone, list } = TARGET
  const lists = new Map(partitions.map((partition) => [partition, list]))
  return { by, level, table, gone, handed: lists, released: new Set(released) }
}

test('those who have to hand over are named, the dead one is not, and a new owner only while it is away', (t) => {
  t.deepEqual(
    waitsFor(MOVING, [handed('a', [3])], (member) => member !== 'd'),
    [
      { member: 'c', task: 'hand-over', partitions: 2 },
      { member: 'd', task: 'receive', partitions: 2 },
      { member: 'a', task: 'hand-over', partitions: 1 },
    ],
  )
  t.deepEqual(
    waitsFor(MOVING, [handed('a', [3, 4]), handed('c', [3])], () => true),
    [{ member: 'c', task: 'hand-over', partitions: 1 }],
  )
})

test('where all have handed over, it waits for those who have not let go', (t) => {
  const complete = new Map([...MOVING].map(([partition, lists]) => [partition, { ...lists, complete: 0 }]))
  t.deepEqual(
    waitsFor(complete, [handed('a', [3, 4], [3, 4]), handed('c', [3, 4], [3])], () => false),
    [{ member: 'c', task: 'let-go', partitions: 1 }],
  )
})

test('the pace is that of the last minute; before it is known nothing is promised', (t) => {
  const pacemaker = new Pacemaker()
  pacemaker.look(0, 'x', 100)
  t.deepEqual(pacemaker.pace(500, 90), { perSecond: undefined, leftMs: undefined })
  t.deepEqual(pacemaker.pace(10_000, 80), { perSecond: 2, leftMs: 40_000 })
  for (let ms = 1_000; ms <= 120_000; ms += 1_000) pacemaker.look(ms, 'x', 80)
  t.deepEqual(pacemaker.pace(120_000, 80), { perSecond: 0, leftMs: undefined }, 'it stands still')
  pacemaker.look(121_000, 'y', 300)
  t.deepEqual(pacemaker.pace(123_000, 300).perSecond, 0, 'another table begins anew')
  pacemaker.look(130_000, 'y', 0)
  t.deepEqual(pacemaker.pace(140_000, 0), { perSecond: undefined, leftMs: undefined }, 'nothing moves')
})

test('bytes of partitions that move: once for each new owner, until all have handed over, and what is here of them', (t) => {
  const lists = (settled: string[], list: string[], complete = -1): PartitionLists => ({
    settled,
    versions: [{ ...TARGET, list }],
    complete,
  })
  const moving = new Map([
    [1, lists(['a', 'b', 'c'], ['a', 'd', 'e'])],
    [2, lists(['a', 'b', 'c'], ['a', 'b', 'd'])],
    [3, lists(['a', 'b', 'c'], ['a', 'b', 'd'], 0)],
    [4, lists(['a', 'b', 'c'], ['b', 'a'])],
  ])
  const sizes = new Map([
    [1, 100],
    [2, 10],
    [3, 1_000],
  ])
  const known = (partition: number) => sizes.get(partition)
  const here = (partition: number) => partition * 2
  t.deepEqual(bytesMoving('a', moving, known, here), { all: 210, arrived: 0 })
  t.deepEqual(bytesMoving('d', moving, known, here), { all: 210, arrived: 6 })
  sizes.delete(2)
  t.deepEqual(bytesMoving('e', moving, known, here), { all: undefined, arrived: 2 }, 'nobody can tell')
})
