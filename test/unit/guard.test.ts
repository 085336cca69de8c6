import test from 'ava'
import { limits } from '../../src/limits.js'
import type { WriteOperation } from '../../src/node/guard/index.js'
import { makeRow, nameOf, rowKeyOf, World } from './storage-world.js'

function opened(options = {}): World {
  const world = new World(undefined, options)
  world.open()
  world.engine.calls.length = 0
  return world
}

test('a write is acknowledged when its batch has ended, and shown to no read before', (t) => {
  for (const eager of [false, true]) {
    const world = opened()
    world.engine.eager = eager
    world.engine.holdBatches = true
    const write = world.put('k', 'value')
    world.timeline.run()
    const read = world.read('k')
    world.timeline.run()
    t.false(write.came)
    t.is(world.guard.readCached(rowKeyOf('k')), undefined)
    // Not shown: either missing, or waiting for the end of the batch in which it was found.
    t.is(read.came, !eager)
    if (read.came) t.is(read.value[0], undefined)
    world.engine.release()
    world.timeline.run()
    t.is(write.value, undefined)
    t.true(holds(world.guard.readCached(rowKeyOf('k')), 'value'))
    t.true(read.came)
  }
})

test('a row of a batch that fails is never shown, however early the engine showed it', (t) => {
  const world = opened()
  world.engine.eager = true
  world.engine.holdBatches = true
  const write = world.put('k', 'value')
  world.timeline.run()
  const read = world.read('k')
  const page = world.scan()
  world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' })
  world.engine.failOpens.push('io', 'io')
  world.engine.release()
  world.timeline.run()
  t.is(write.value?.kind, 'failed')
  t.true(write.value?.indeterminate)
  t.deepEqual(read.value, ['unreadable'])
  t.is(page().rows[0]?.row, 'unreadable')
  t.true(page().damaged)
})

test('all writes of a turn are one batch with one sync; what comes meanwhile is the next', (t) => {
  const world = opened()
  world.engine.holdBatches = true
  const first = [world.put('a', '1'), world.put('b', '2'), world.put('c', '3')]
  world.timeline.run()
  const second = [world.put('d', '4'), world.put('e', '5')]
  world.timeline.run()
  // A row, its index row; and the mark for each batch.
  t.deepEqual(world.engine.calls, ['batch 7 sync'])
  world.engine.release()
  world.timeline.run()
  t.deepEqual(world.engine.calls, ['batch 7 sync', 'batch 5 sync'])
  t.true(first.every((write) => write.came) && second.every((write) => !write.came))
  world.engine.release()
  world.timeline.run()
  t.true(second.every((write) => write.value === undefined))
  t.is(world.engine.mostBatchesUnderWay, 1)
  t.is(world.guard.stats.commits, 2)
})

test('while the disk stands still no new row is promised; what was is kept, and all goes on when it moves', (t) => {
  const world = opened()
  world.engine.holdBatches = true
  const first = world.put('a', '1')
  world.timeline.run()
  world.timeline.advance(limits.storageStallMs)
  t.is(world.guard.stalledMs, 0)
  t.is(world.guard.refusal(), undefined)
  const waiting = world.put('b', '2')
  world.timeline.advance(1)
  t.is(world.guard.stalledMs, limits.storageStallMs + 1)
  t.is(world.guard.refusal(), 'stalled')
  const refused = world.put('c', '3')
  const record = world.write({ type: 'system', name: 'membership', value: Buffer.from('m') })
  world.timeline.run()
  t.like(refused.value, { kind: 'stalled', indeterminate: false })
  t.false(
    first.came || waiting.came || record.came,
    'the records of the node wait like what was promised before',
  )
  world.engine.release()
  world.timeline.run()
  t.is(first.value, undefined)
  t.is(world.guard.stalledMs, 0, 'the next batch has only begun')
  world.engine.release()
  world.timeline.run()
  t.true([first, waiting, record].every((write) => write.came && write.value === undefined))
  t.is(world.guard.refusal(), undefined)
  t.is(world.readNow('c'), undefined)
})

test('in mode os batches are not synced', (t) => {
  const world = opened({ durability: 'os' })
  world.put('k', 'v')
  world.timeline.run()
  t.deepEqual(world.engine.calls, ['batch 3'])
})

test('a batch is bounded by operations and by bytes; a single larger write goes alone', (t) => {
  const world = opened()
  const many = Array.from(
    { length: limits.storageBatchOperations },
    (_, i): WriteOperation => ({ type: 'system', name: `s${i}`, value: Buffer.of(1) }),
  )
  const half = many.slice(0, limits.storageBatchOperations / 2)
  for (let i = 0; i < 4; i++) world.write(...half)
  world.write(...many, { type: 'system', name: 'last', value: Buffer.of(1) })
  world.timeline.run()
  const size = (count: number) => `batch ${count + 1} sync`
  t.deepEqual(world.engine.calls, [size(many.length), size(many.length), size(many.length + 1)])
  world.engine.calls.length = 0
  const large = Buffer.alloc(limits.storageBatchBytes / 2 + 1)
  for (let i = 0; i < 3; i++) world.write({ type: 'system', name: `large${i}`, value: large })
  world.timeline.run()
  t.deepEqual(world.engine.calls, [size(1), size(1), size(1)])
})

test('writes of one key in one batch: the last counts', (t) => {
  const world = opened()
  world.put('k', 'first')
  world.put('k', 'second')
  world.timeline.run()
  t.deepEqual(world.engine.calls, ['batch 5 sync'])
  t.true(holds(world.readNow('k'), 'second'))
  world.guard.close(() => {})
  world.timeline.run()
  const again = new World(world.disk)
  again.open()
  t.true(holds(again.readNow('k'), 'second'))
})

test('reads of a turn are one look-up, cached rows none', (t) => {
  const world = opened()
  world.put('a', '1')
  world.timeline.run()
  world.engine.calls.length = 0
  const reads = [world.read('a', 'x'), world.read('y'), world.read('a'), world.read()]
  world.timeline.run()
  t.deepEqual(world.engine.calls, ['getMany 2'])
  t.true(holds(reads[0]!.value[0], '1'))
  t.deepEqual(
    reads.map((read) => read.value.length),
    [2, 1, 1, 0],
  )
  t.is(reads[0]!.value[1], undefined)
})

test('a row with a wrong byte, or another key’s row, is unreadable: never shown, never missing', (t) => {
  const world = opened()
  world.put('a', 'value of a')
  world.put('b', 'value of b')
  world.timeline.run()
  world.close()
  const good = world.disk.rows.get(nameOf('a'))!
  for (let at = 0; at < good.length; at++) {
    const bad = Uint8Array.from(good)
    bad[at]! ^= 1 << (at % 8)
    const again = new World(world.disk)
    world.disk.rows.set(nameOf('a'), bad)
    again.open()
    t.is(again.readNow('a'), 'unreadable')
    again.close()
  }
  for (const bad of [
    world.disk.rows.get(nameOf('b'))!,
    new Uint8Array(0),
    good.subarray(0, 15),
    good.subarray(0, good.length - 1),
  ]) {
    world.disk.rows.set(nameOf('a'), bad)
    const again = new World(world.disk)
    again.open()
    t.is(again.readNow('a'), 'unreadable')
    t.true(holds(again.readNow('b'), 'value of b'))
    t.is(again.guard.stats.rowsDamaged, 1)
    again.close()
  }
})

test('a look-up that fails for many keys hides only those that fail alone', (t) => {
  const world = opened()
  world.engine.brokenKeys.add(nameOf('bad'))
  const read = world.read('x', 'bad', 'y')
  world.timeline.run()
  t.deepEqual(read.value, [undefined, 'unreadable', undefined])
})

test('a look-up overtaken by a write does not put the older row into the cache', (t) => {
  const before = opened()
  before.put('k', 'old')
  before.timeline.run()
  before.close()
  const world = new World(before.disk)
  world.open()
  world.engine.holdReads = true
  const read = world.read('k')
  world.timeline.run()
  world.put('k', 'new')
  world.timeline.run()
  t.false(read.came)
  world.engine.releaseReads()
  world.timeline.run()
  t.true(read.came)
  t.true(holds(world.guard.readCached(rowKeyOf('k')), 'new'))
})

test('beyond the bounds of the queue writes are refused, and nothing of them is begun', (t) => {
  const world = opened()
  world.engine.holdBatches = true
  world.put('first', 'v')
  world.timeline.run()
  const value = Buffer.alloc(limits.storageQueueBytes / 4)
  const waiting = Array.from({ length: 4 }, () => world.write({ type: 'system', name: 'large', value }))
  const refused = world.write({ type: 'system', name: 'one', value: Buffer.of(1) })
  t.is(world.guard.refusal(), 'overloaded')
  const admitted = makeAdmitted(world)
  world.timeline.run()
  t.is(refused.value?.kind, 'overloaded')
  t.false(refused.value?.indeterminate)
  world.engine.holdBatches = false
  world.engine.release()
  world.timeline.run()
  t.true(waiting.every((write) => write.value === undefined))
  t.deepEqual(admitted, ['none'])
  t.is(world.systemNow('one'), undefined)
  t.is(world.guard.refusal(), undefined)
})

test('a refusal counts once, when it is one and not when it is only asked about', (t) => {
  const world = opened()
  world.disk.freeBytes = 1
  world.timeline.advance(limits.storageMeasureMs)
  t.is(world.guard.refusal(false), 'full')
  t.is(world.guard.stats.refusedFull, 0)
  t.is(world.guard.refusal(), 'full')
  world.put('k', 'v')
  t.is(world.guard.stats.refusedFull, 2)
})

test('below the floor of free space rows are refused, removals and records are not, until there is room again', (t) => {
  const world = opened({ freeSpaceFloorBytes: 1000 })
  world.disk.freeBytes = 999
  world.timeline.advance(limits.storageMeasureMs)
  t.is(world.guard.refusal(), 'full')
  const row = world.put('k', 'v')
  const rest = [
    world.write({ type: 'drop', rowKey: rowKeyOf('k') }),
    world.write({ type: 'system', name: 's', value: Buffer.of(1) }),
  ]
  world.timeline.run()
  t.is(row.value?.kind, 'full')
  t.deepEqual(makeAdmitted(world), [])
  world.timeline.run()
  t.true(world.readNow('admitted') instanceof Uint8Array)
  t.false(row.value?.indeterminate)
  t.true(rest.every((write) => write.value === undefined))
  world.disk.freeBytes = 1050
  world.timeline.advance(limits.storageMeasureMs)
  t.is(world.guard.refusal(), 'full')
  world.disk.freeBytes = 1200
  world.timeline.advance(limits.storageMeasureMs)
  t.is(world.guard.refusal(), undefined)
  t.is(world.guard.state, 'open')
})

test('what is written between two measurements counts against the floor', (t) => {
  const world = opened({ freeSpaceFloorBytes: 1000 })
  world.disk.freeBytes = 3000
  world.timeline.advance(limits.storageMeasureMs)
  world.write({ type: 'system', name: 's', value: Buffer.alloc(2500) })
  world.engine.holdBatches = true
  t.is(world.guard.refusal(), undefined)
  world.disk.freeBytes = 500
  world.engine.release()
  world.engine.holdBatches = false
  world.timeline.run()
  t.is(world.guard.refusal(), 'full')
})

test('after close nothing reaches the engine; what waited was written, and close waited for it', (t) => {
  const world = opened()
  world.engine.holdBatches = true
  const first = world.put('a', '1')
  world.timeline.run()
  const second = world.put('b', '2')
  let closed = 0
  world.guard.close(() => closed++)
  world.guard.close(() => closed++)
  const late = world.put('c', '3')
  world.timeline.run()
  t.is(closed, 0)
  t.is(late.value?.kind, 'closed')
  world.engine.holdBatches = false
  world.engine.release()
  world.timeline.run()
  t.is(closed, 2)
  t.is(first.value, undefined)
  t.is(second.value, undefined)
  const calls = world.engine.calls.length
  const [read, write, page] = [world.read('a'), world.put('d', '4'), world.scan()]
  world.guard.close(() => closed++)
  world.timeline.advance(10_000)
  t.deepEqual(read.value, ['unreadable'])
  t.is(write.value?.kind, 'closed')
  t.true(page().failed)
  t.is(world.systemNow('x'), 'unreadable')
  t.is(closed, 3)
  t.is(world.engine.calls.length, calls)
})

test('a row handed out by the cache is the row that was written', (t) => {
  const world = opened()
  const row = makeRow(world.guard.incarnation, 'value')
  world.write({ type: 'row', rowKey: rowKeyOf('k'), row, isNew: true })
  world.timeline.run()
  t.deepEqual(Buffer.from(world.guard.readCached(rowKeyOf('k'))!), Buffer.from(row))
  t.deepEqual(Buffer.from(world.disk.rows.get(nameOf('k'))!), Buffer.from(row))
})

function makeAdmitted(world: World): string[] {
  const outcomes: string[] = []
  const operation: WriteOperation = {
    type: 'row',
    rowKey: rowKeyOf('admitted'),
    row: world.row('v'),
    isNew: true,
  }
  world.guard.write([operation], (fault) => outcomes.push(fault?.kind ?? 'none'), true)
  return outcomes
}

function holds(row: unknown, value: string): boolean {
  return row instanceof Uint8Array && Buffer.from(row).toString('latin1').includes(value)
}
