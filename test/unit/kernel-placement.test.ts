/** Checkpoints and plans through the face of the core; the laws of placement themselves are tested in Rust. */
import test from 'ava'
import {
  type Act,
  type Change,
  encodeChanges,
  KernelError,
  type Placement,
  PlacementCheckpoint,
  placementTable,
} from '../../src/kernel/index.js'

const id = (number: number) => number.toString(16).padStart(32, '0')
const AUTHOR = id(1)

function recorded(placement: Placement, stamp: number, act: Act): Change {
  return { stamp, author: AUTHOR, after: placement.heads, ...act }
}

/** Five members, one after another. */
function grown(): Change[] {
  return Array.from({ length: 5 }, (_, i) => ({
    stamp: i + 1,
    author: AUTHOR,
    after: i === 0 ? [] : [{ stamp: i, author: AUTHOR }],
    kind: 'join' as const,
    member: id(i + 1),
  }))
}

function ownersOf({ members, copies, table, partitions }: Placement): Set<string>[] {
  return Array.from({ length: partitions }, (_, p) => {
    const owners = table.subarray(p * copies, (p + 1) * copies)
    return new Set(Array.from(owners, (index) => members[index]!))
  })
}

test('a checkpoint gives the same placement as no checkpoint, on top of what it knows and of what it has never heard of', (t) => {
  const changes = grown()
  const checkpoint = PlacementCheckpoint.of(64, 3, encodeChanges(changes))
  t.deepEqual(checkpoint.placement, placementTable(64, 3, encodeChanges(changes)))
  const more = [...changes, recorded(checkpoint.placement, 6, { kind: 'leave', member: id(3) })]
  const after = checkpoint.after(encodeChanges(more))
  t.deepEqual(after.placement, placementTable(64, 3, encodeChanges(more)))
  t.deepEqual(after.placement.gone, [id(3)])
  const late: Change = {
    stamp: 3,
    author: id(9),
    after: [{ stamp: 2, author: AUTHOR }],
    kind: 'copies',
    copies: 2,
  }
  const withLate = after.after(encodeChanges([...more, late]))
  t.deepEqual(withLate.placement, placementTable(64, 3, encodeChanges([late, ...more])))
  t.deepEqual([withLate.placement.n, withLate.placement.heads.length], [2, 2])
  t.deepEqual(withLate.after(encodeChanges(changes)).placement, checkpoint.placement)
})

test('a plan names what would move, and nothing else', (t) => {
  const changes = grown()
  const checkpoint = PlacementCheckpoint.of(64, 3, encodeChanges(changes))
  const more = [...changes, recorded(checkpoint.placement, 6, { kind: 'join', member: id(6), weight: 2 })]
  const { partitions, moves } = checkpoint.plan(encodeChanges(more))
  t.is(partitions, 64)
  const [before, after] = [checkpoint.placement, placementTable(64, 3, encodeChanges(more))].map(ownersOf)
  const expected = before!.map((owners, p) => ({
    left: [...owners].filter((owner) => !after![p]!.has(owner)),
    came: [...after![p]!].filter((owner) => !owners.has(owner)),
  }))
  const planned = before!.map((): { left: string[]; came: string[] } => ({ left: [], came: [] }))
  for (const { from, to, which } of moves) {
    for (const partition of which) {
      planned[partition]!.left.push(from!)
      planned[partition]!.came.push(to!)
    }
  }
  t.deepEqual(planned, expected)
  t.is(moves.length, 5)
})

test('a split moves nothing; more copies have nobody that they come from, fewer nobody that they go to', (t) => {
  const changes = grown()
  const checkpoint = PlacementCheckpoint.of(64, 3, encodeChanges(changes))
  const plan = (act: Act) =>
    checkpoint.plan(encodeChanges([...changes, recorded(checkpoint.placement, 6, act)]))
  t.deepEqual(plan({ kind: 'split', partitions: 256 }), { partitions: 256, moves: [] })
  const more = plan({ kind: 'copies', copies: 4 }).moves
  t.true(more.every(({ from, to }) => from === undefined && to !== undefined))
  t.is(
    more.reduce((sum, { which }) => sum + which.length, 0),
    64,
  )
  const fewer = plan({ kind: 'copies', copies: 2 }).moves
  t.true(fewer.some(({ to }) => to === undefined))
})

test('bytes that are no changes are refused, and the checkpoint stays as it was', (t) => {
  const checkpoint = PlacementCheckpoint.of(64, 3, encodeChanges(grown()))
  const { placement } = checkpoint
  t.throws(() => checkpoint.after(Buffer.from([9])), { instanceOf: KernelError, code: 'bad-changes' })
  t.throws(() => checkpoint.plan(Buffer.from([2])), { instanceOf: KernelError, code: 'bad-changes' })
  t.deepEqual(checkpoint.after(encodeChanges(grown())).placement, placement)
})
