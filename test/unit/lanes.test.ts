import test from 'ava'
import {
  makeRowKey,
  objectClock,
  objectDigest,
  ROW_FLAGS,
  rowActor,
  rowFlags,
  rowObject,
  siblingCount,
  spareEntries,
} from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import { ActorSource } from '../../src/protocol/replica/actor.js'
import type { LaneEffect, LaneOperation } from '../../src/protocol/replica/lanes.js'
import { Lanes } from '../../src/protocol/replica/lanes.js'
import type { RowMemory } from '../../src/protocol/replica/row-memory.js'
import { objectOf, putRow, valuesOf } from '../model/objects.js'

const NOTHING = new Uint8Array(0)
const KEY = makeRowKey(Buffer.from('b'), Buffer.from('k'))
const uncached = () => undefined
const HEAP: RowMemory = {
  take: (_rowKey, bytes) => Buffer.alloc(bytes, 0xee),
  fit: (_rowKey, room, bytes) => room.subarray(0, bytes),
}

function newLanes() {
  return new Lanes(new ActorSource('00000000000000aa', 1), HEAP)
}

function write(
  conversation: number,
  value: string,
  context: Uint8Array = NOTHING,
  tombstone = false,
): LaneOperation {
  const fields = {
    incomplete: false,
    operationIsClients: false,
    tombstone,
    wallMs: 1,
    operation: NOTHING,
    attributes: NOTHING,
    value: Buffer.from(value),
  }
  return { kind: 'write', conversation, write: fields, context }
}

function merge(messageId: number, object: Uint8Array, completes = false): LaneOperation {
  return { kind: 'merge', conversation: 0, peer: 'p', messageId, object, completes }
}

function laneOf(out: readonly LaneEffect[]) {
  const effect = out.find(({ kind }) => kind === 'read-row')
  if (effect?.kind !== 'read-row') throw new Error('no row was asked for')
  return effect.lane
}

/** What the next flush writes; none of these tests lets go of a row but those that look for it. */
function rowsOf(lanes: Lanes) {
  return lanes.flush().flatMap((commit) => (commit.type === 'row' ? [commit] : []))
}

const kinds = (out: readonly LaneEffect[]) => out.map(({ kind }) => kind)

test('the row is read once, and what came meanwhile is applied in order', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  lanes.submit(KEY, write(1, 'a'), uncached, out)
  lanes.submit(KEY, write(2, 'b'), uncached, out)
  t.deepEqual(kinds(out), ['read-row'])
  const lane = laneOf(out)
  out.length = 0
  lanes.rowRead(lane, undefined, out)
  t.deepEqual(
    out.map((effect) => effect.kind === 'applied' && effect.operation.conversation),
    [1, 2],
  )
  const [commit, ...others] = rowsOf(lanes)
  t.is(others.length, 0)
  t.true(commit!.isNew)
  t.is(commit!.operations.length, 2)
  t.deepEqual(valuesOf(rowObject(commit!.row)), ['a', 'b'])
})

test('nothing settles before its commit, and everything in it does', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  lanes.submit(KEY, write(1, 'a'), () => putRow(NOTHING, 'x', { value: 'old' }), out)
  lanes.submit(KEY, merge(7, objectOf('y', { value: 'theirs' })), uncached, out)
  t.deepEqual(kinds(out), ['applied'])
  const [commit] = rowsOf(lanes)
  t.false(commit!.isNew)
  out.length = 0
  lanes.committed(commit!, undefined, out)
  t.deepEqual(
    out.map((effect) => effect.kind === 'settled' && effect.fault),
    [undefined, undefined],
  )
  t.is(lanes.size, 0)
  t.is(lanes.operations, 0)
})

test('what changes nothing still waits for what it rests on', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  lanes.submit(KEY, write(1, 'a'), uncached, out)
  lanes.rowRead(laneOf(out), undefined, out)
  const [commit] = rowsOf(lanes)
  const same = rowObject(commit!.row)
  out.length = 0
  lanes.submit(KEY, merge(9, same), uncached, out)
  t.deepEqual(out, [])
  t.deepEqual(rowsOf(lanes), [])
  lanes.committed(commit!, undefined, out)
  t.is(out.length, 2)
  t.true(out.every((effect) => effect.kind === 'settled' && effect.fault === undefined))
})

test('a failed commit takes everything with it that stands on its row', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  lanes.submit(KEY, write(1, 'a'), uncached, out)
  lanes.rowRead(laneOf(out), undefined, out)
  const [first] = rowsOf(lanes)
  lanes.submit(KEY, write(2, 'b'), uncached, out)
  const [second] = rowsOf(lanes)
  lanes.submit(KEY, write(3, 'c'), uncached, out)
  out.length = 0
  lanes.committed(first!, 'unavailable', out)
  lanes.committed(second!, 'unavailable', out)
  const failed = out.filter((effect) => effect.kind === 'settled' && effect.fault === 'unavailable')
  t.is(failed.length, 3)
  t.is(lanes.operations, 0)
  t.deepEqual(rowsOf(lanes), [])
})

test('an actor of this incarnation goes on counting; another one is replaced by a fresh one', (t) => {
  const actors = new ActorSource('00000000000000aa', 3)
  const lanes = new Lanes(actors, HEAP)
  const foreign = putRow(NOTHING, 'foreign', { value: 'old' })
  const out: LaneEffect[] = []
  lanes.submit(KEY, write(1, 'a'), () => foreign, out)
  const [first] = rowsOf(lanes)
  const actor = rowActor(first!.row)!
  t.is(Buffer.from(actor).toString('hex').slice(0, 16), '00000000000000aa')
  lanes.committed(first!, undefined, out)
  lanes.submit(KEY, write(2, 'b'), () => first!.row, out)
  const [second] = rowsOf(lanes)
  t.deepEqual(rowActor(second!.row), actor)
  lanes.renew(new ActorSource('00000000000000bb', 3))
  lanes.committed(second!, undefined, out)
  lanes.submit(KEY, write(3, 'c'), () => second!.row, out)
  t.is(
    Buffer.from(rowActor(rowsOf(lanes)[0]!.row)!)
      .toString('hex')
      .slice(0, 16),
    '00000000000000bb',
  )
})

test('actors are never given twice, and the sequence carries the boot', (t) => {
  const source = new ActorSource('00000000000000aa', 5)
  const first = source.next
  t.deepEqual(source.next, first)
  source.used(first)
  t.notDeepEqual(source.next, first)
  t.notDeepEqual(new ActorSource('00000000000000aa', 6).next, first)
  // Whoever would begin anew with the same incarnation and boot would give the first one again.
  t.true(new ActorSource('00000000000000aa', 5).repeats(source))
  t.false(new ActorSource('00000000000000aa', 6).repeats(source))
  t.false(new ActorSource('00000000000000ab', 5).repeats(source))
})

test('a row written over an unreadable one is marked incomplete and reported, until it has been exchanged', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  lanes.submit(KEY, write(1, 'a'), uncached, out)
  lanes.rowRead(laneOf(out), 'unreadable', out)
  t.true(kinds(out).includes('suspect'))
  const [commit] = rowsOf(lanes)
  t.not(rowFlags(commit!.row) & ROW_FLAGS.INCOMPLETE, 0)
  lanes.committed(commit!, undefined, out)
  lanes.submit(KEY, merge(1, rowObject(commit!.row), true), () => commit!.row, out)
  const [again] = rowsOf(lanes)
  t.is(rowFlags(again!.row) & ROW_FLAGS.INCOMPLETE, 0)
  t.deepEqual(rowObject(again!.row), rowObject(commit!.row))
  t.not(rowFlags(commit!.row) & ROW_FLAGS.INCOMPLETE, 0)
})

test('bytes that are no object are refused and leave the lane usable', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  lanes.submit(KEY, merge(1, Buffer.from('rubbish')), uncached, out)
  lanes.rowRead(laneOf(out), undefined, out)
  const last = out.at(-1)
  t.true(last?.kind === 'settled' && last.fault === 'refused')
  t.is(lanes.size, 0)
})

test('a lane takes so many operations and no more', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  for (let i = 0; i < limits.laneOperations; i++) lanes.submit(KEY, write(i + 1, 'a'), uncached, out)
  t.false(kinds(out).includes('settled'))
  lanes.submit(KEY, write(999_999, 'a'), uncached, out)
  const last = out.at(-1)
  t.true(last?.kind === 'settled' && last.fault === 'overloaded')
  t.is(lanes.operations, limits.laneOperations)
})

function digestOf(object: Uint8Array): Uint8Array {
  const digest = new Uint8Array(16)
  objectDigest(object, digest)
  return digest
}

const drop = (object: Uint8Array, ticket = 1): LaneOperation => ({
  kind: 'drop',
  digest: digestOf(object),
  ticket,
})

const faults = (out: readonly LaneEffect[]) =>
  out.flatMap((effect) => (effect.kind === 'settled' ? [effect.fault] : []))

test('a row is let go of only while it is what was agreed upon', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  const old = putRow(NOTHING, 'x', { tombstone: true })
  lanes.submit(KEY, drop(objectOf('y', { value: 'another' })), () => old, out)
  t.deepEqual(faults(out), ['refused'])
  t.deepEqual(lanes.flush(), [])
  out.length = 0
  lanes.submit(KEY, drop(rowObject(old)), () => old, out)
  const [commit] = lanes.flush()
  t.like(commit, { type: 'drop', row: undefined, before: old })
  t.deepEqual(out, [])
  lanes.committed(commit!, undefined, out)
  t.deepEqual(faults(out), [undefined])
  t.is(lanes.size, 0)
})

test('a write that comes before the drop keeps the row; one that comes after it begins anew, under an actor never used', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  lanes.submit(KEY, write(1, 'a'), uncached, out)
  lanes.rowRead(laneOf(out), undefined, out)
  const [first] = rowsOf(lanes)
  lanes.committed(first!, undefined, out)
  lanes.submit(KEY, write(2, '', objectClock(rowObject(first!.row)), true), () => first!.row, out)
  out.length = 0
  lanes.submit(KEY, drop(rowObject(first!.row)), uncached, out)
  t.deepEqual(faults(out), ['refused'])
  const [second] = rowsOf(lanes)
  lanes.submit(KEY, drop(rowObject(second!.row)), uncached, out)
  const [gone] = lanes.flush()
  t.is(gone!.type, 'drop')
  lanes.submit(KEY, write(3, 'c'), uncached, out)
  const [third] = rowsOf(lanes)
  t.true(third!.isNew)
  t.deepEqual(valuesOf(rowObject(third!.row)), ['c'])
  t.notDeepEqual(rowActor(third!.row), rowActor(first!.row))
})

test('in one flush with a write after it, a drop is a commit of its own, and the row is a new one', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  const old = putRow(NOTHING, 'x', { tombstone: true })
  lanes.submit(KEY, drop(rowObject(old)), () => old, out)
  lanes.submit(KEY, write(1, 'a'), uncached, out)
  const [gone, made, ...others] = lanes.flush()
  t.is(others.length, 0)
  t.like(gone, { type: 'drop', before: old, operations: [] })
  t.like(made, { type: 'row', before: undefined, isNew: true })
  t.deepEqual(valuesOf(rowObject(made!.row!)), ['a'])
  lanes.committed(gone!, undefined, out)
  t.is(lanes.size, 1)
  lanes.committed(made!, undefined, out)
  t.is(lanes.size, 0)
  t.deepEqual(faults(out), [undefined, undefined])
})

test('where there is no row, what was let go of is not taken back; anything else is', (t) => {
  const reaped = objectOf('x', { tombstone: true })
  const lanes = new Lanes(
    new ActorSource('00000000000000aa', 1),
    HEAP,
    (_, object) => Buffer.compare(object, reaped) === 0,
  )
  const out: LaneEffect[] = []
  lanes.submit(KEY, merge(1, reaped), uncached, out)
  lanes.rowRead(laneOf(out), undefined, out)
  t.deepEqual(faults(out), [undefined])
  t.deepEqual(lanes.flush(), [])
  const other = putRow(NOTHING, 'y', { value: 'b' })
  lanes.submit(KEY, merge(2, reaped), () => other, out)
  t.is(siblingCount(rowObject(rowsOf(lanes)[0]!.row)), 2)
})

/** A row that was replaced through one actor after the other, as by a node that was never stopped cleanly. */
function oldRow(restarts: number): Uint8Array {
  let row: Uint8Array = NOTHING
  for (let at = 1; at <= restarts; at++)
    row = putRow(row, `incarnation${at}`.slice(-8), {
      value: `v${at}`,
      context: row.length === 0 ? NOTHING : objectClock(rowObject(row)),
    })
  return row
}

test('a clock grows by an entry with each unclean stop, and comes down to what its siblings need when all have agreed', (t) => {
  const lanes = newLanes()
  const out: LaneEffect[] = []
  const old = oldRow(100)
  t.is(spareEntries(rowObject(old)), 99)
  t.true(old.length > 1_600)
  lanes.submit(KEY, drop(objectOf('y', { value: 'another' })), () => old, out)
  t.deepEqual(faults(out), ['refused'])
  out.length = 0
  lanes.submit(KEY, drop(rowObject(old)), () => old, out)
  const [commit, ...others] = rowsOf(lanes)
  t.is(others.length, 0)
  t.like(commit, { type: 'row', before: old, isNew: false })
  t.is(spareEntries(rowObject(commit!.row)), 0)
  t.deepEqual(valuesOf(rowObject(commit!.row)), ['v100'])
  t.true(commit!.row.length < 120, `${commit!.row.length} bytes`)
  t.deepEqual(out, [])
  lanes.committed(commit!, undefined, out)
  t.deepEqual(faults(out), [undefined])
})

test('what a clock has shed does not come back with a copy of what was agreed upon, and old contexts still say what they said', (t) => {
  const old = oldRow(20)
  const lanes = new Lanes(
    new ActorSource('00000000000000aa', 1),
    HEAP,
    (_, object) => Buffer.compare(object, rowObject(old)) === 0,
  )
  const out: LaneEffect[] = []
  lanes.submit(KEY, drop(rowObject(old)), () => old, out)
  const [commit] = rowsOf(lanes)
  lanes.committed(commit!, undefined, out)
  lanes.submit(KEY, merge(1, rowObject(old)), () => commit!.row, out)
  t.deepEqual(lanes.flush(), [], 'a repair by an owner that has not shed yet')
  lanes.submit(KEY, write(2, 'new', objectClock(rowObject(old))), () => commit!.row, out)
  const [replaced] = rowsOf(lanes)
  t.deepEqual(valuesOf(rowObject(replaced!.row)), ['new'])
  t.is(spareEntries(rowObject(replaced!.row)), 20, 'its entries are back, until the next round')
})

test('an owner that lost its row takes what is left of an object whose clock was shed', (t) => {
  const old = oldRow(20)
  const lanes = new Lanes(new ActorSource('00000000000000aa', 1), HEAP, () => true)
  const out: LaneEffect[] = []
  lanes.submit(KEY, merge(1, rowObject(old)), uncached, out)
  lanes.rowRead(laneOf(out), undefined, out)
  const [made] = rowsOf(lanes)
  t.deepEqual(valuesOf(rowObject(made!.row)), ['v20'])
  t.is(spareEntries(rowObject(made!.row)), 0)
})
