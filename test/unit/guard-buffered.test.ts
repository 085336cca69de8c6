import test from 'ava'
import { rowObject } from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import { measurements } from '../../src/node/measuring.js'
import { rowKeyOf, World } from './storage-world.js'

/** Durability `buffered`: rows are acknowledged from memory and written out behind it. */

function opened(disk?: World['disk']): World {
  const world = new World(disk, { durability: 'buffered' })
  world.open()
  world.engine.calls.length = 0
  return world
}

/** What a kill leaves: the disk, and another guard over it. */
function killed(world: World, durability: 'buffered' | 'fsync' = 'buffered'): World {
  return new World(world.disk, { durability })
}

function valueAt(world: World, key: string): string | undefined {
  const row = world.readNow(key)
  if (row === undefined || row === 'unreadable') return row
  return Buffer.from(rowObject(row)).toString('latin1').includes('newer') ? 'newer' : 'there'
}

const dropOf = (key: string) => ({ type: 'drop', rowKey: rowKeyOf(key) }) as const

test('a row is acknowledged and shown before the disk has it, and written out a moment later with others', (t) => {
  const world = opened()
  const writes = [world.put('a', '1'), world.put('b', '2')]
  world.timeline.run()
  t.true(writes.every((write) => write.came && write.value === undefined))
  t.deepEqual(world.engine.calls, [])
  t.truthy(world.guard.readCached(rowKeyOf('a')))
  t.is(valueAt(world, 'b'), 'there')
  t.false(world.guard.isDurable(rowKeyOf('a')))
  t.is(world.guard.stats.bufferedRows, 2)
  world.timeline.advance(limits.bufferMs - 1)
  world.put('c', '3')
  world.timeline.advance(1)
  t.deepEqual(world.engine.calls, ['batch 7 sync'])
  t.true(['a', 'b', 'c'].every((key) => world.guard.isDurable(rowKeyOf(key))))
  t.like(world.guard.stats, { bufferedRows: 0, bufferedBytes: 0, queuedBytes: 0 })
  world.timeline.advance(1_000)
  t.is(world.engine.calls.length, 1)
})

test('records wait for the disk as ever, and rows before them are on it first', (t) => {
  const world = opened()
  world.put('a', '1')
  const record = world.write({ type: 'system', name: 'membership', value: Buffer.from('m') })
  world.engine.holdBatches = true
  world.timeline.run()
  t.false(record.came)
  t.deepEqual(world.engine.calls, ['batch 4 sync'])
  world.engine.release()
  world.timeline.run()
  t.is(record.value, undefined)
  t.true(world.guard.isDurable(rowKeyOf('a')))
})

test('who wants a row on the disk is told when it is there, and hurries it', (t) => {
  const world = opened()
  const told: boolean[] = []
  world.guard.whenDurable((durable) => told.push(durable))
  t.deepEqual(told, [true])
  world.put('a', '1')
  world.timeline.run()
  world.engine.holdBatches = true
  world.guard.whenDurable((durable) => told.push(durable))
  world.timeline.run()
  t.deepEqual(world.engine.calls, ['batch 3 sync'])
  world.put('b', '2')
  world.timeline.run()
  t.deepEqual(told, [true])
  world.engine.release()
  world.timeline.run()
  t.deepEqual(told, [true, true])
  t.false(world.guard.isDurable(rowKeyOf('b')))
})

test('who wants what is being written does not hurry what comes after it, nor does it keep that from being written', (t) => {
  const world = opened()
  world.put('a', '1')
  world.engine.holdBatches = true
  world.timeline.advance(limits.bufferMs)
  world.guard.whenDurable(() => {})
  world.engine.release()
  world.timeline.run()
  world.put('b', '2')
  world.timeline.advance(limits.bufferMs - 1)
  t.is(world.engine.calls.length, 1)
  world.timeline.advance(1)
  t.is(world.engine.calls.length, 2)
})

test('a dropped row is not there, also while the disk still has it', (t) => {
  const world = opened()
  world.put('a', '1')
  world.timeline.advance(limits.bufferMs)
  const drop = world.write(dropOf('a'))
  world.timeline.run()
  t.is(drop.value, undefined)
  t.is(world.guard.readCached(rowKeyOf('a')), undefined)
  t.is(world.readNow('a'), undefined)
  t.false(world.guard.isDurable(rowKeyOf('a')))
  world.timeline.advance(limits.bufferMs)
  t.is(world.readNow('a'), undefined)
  t.true(world.guard.isDurable(rowKeyOf('a')))
})

test('a newer row of a key hides the older one that is being written', (t) => {
  const world = opened()
  world.put('a', 'older')
  world.engine.holdBatches = true
  world.timeline.advance(limits.bufferMs)
  t.is(world.engine.calls.length, 1)
  world.put('a', 'newer')
  world.timeline.run()
  world.engine.release()
  world.timeline.run()
  t.is(valueAt(world, 'a'), 'newer')
  t.false(world.guard.isDurable(rowKeyOf('a')))
})

test('scans and listings show all that was acknowledged before them', (t) => {
  const world = opened()
  world.put('a', '1')
  world.timeline.run()
  t.is(world.scan()().rows.length, 1)
  world.put('b', '2')
  world.timeline.run()
  t.deepEqual(world.keys(''), ['a', 'b'])
})

test('beyond the bound an acknowledgement waits for the disk; nothing is refused', (t) => {
  const world = opened()
  world.engine.holdBatches = true
  const large = 'x'.repeat(1 << 20)
  const writes = Array.from({ length: 40 }, (_, i) => world.put(`k${i}`, large))
  world.timeline.run()
  const fits = limits.bufferBytes / (1 << 20)
  t.true(writes.slice(0, fits).every((write) => write.came))
  t.true(writes.slice(fits + 1).every((write) => !write.came))
  t.is(world.guard.refusal(), undefined)
  for (let i = 0; i < 40; i++) {
    world.engine.release()
    world.timeline.run()
  }
  t.true(writes.every((write) => write.value === undefined))
  t.is(world.guard.stats.bufferedBytes, 0)
})

test('many bytes do not wait for the time', (t) => {
  const world = opened()
  const half = 'x'.repeat(limits.bufferBatchBytes / 2)
  world.put('a', half)
  world.timeline.run()
  t.deepEqual(world.engine.calls, [])
  world.put('b', half)
  world.timeline.run()
  t.deepEqual(world.engine.calls, ['batch 5 sync'])
})

test('a clean stop writes everything out; the incarnation is kept, and nothing is lost', (t) => {
  const world = opened()
  const { incarnation } = world.guard
  world.put('a', '1')
  world.timeline.run()
  world.close()
  const next = killed(world)
  t.like(next.open(), { lost: 'nothing', clean: true, incarnation })
  t.is(valueAt(next, 'a'), 'there')
})

test('a kill takes what was in memory; the next start says so, in whatever mode, until it is recorded', (t) => {
  const world = opened()
  world.put('a', '1')
  world.timeline.advance(limits.bufferMs)
  world.put('b', '2')
  world.timeline.run()
  const next = killed(world, 'fsync')
  const report = next.open()
  t.like(report, { lost: 'tail', clean: false })
  t.not(report.incarnation, world.guard.incarnation)
  t.is(valueAt(next, 'a'), 'there')
  t.is(next.readNow('b'), undefined)
  const again = killed(next, 'fsync')
  t.is(again.open().lost, 'tail')
  again.guard.lossRecorded()
  again.timeline.advance(1_000)
  t.is(
    killed(again).open().lost,
    'nothing',
    'that start was one in which nothing was acknowledged from memory',
  )
})

test('the first start of a directory, cut off before it promised anything, has lost nothing', (t) => {
  const world = new World(undefined, { durability: 'buffered' })
  world.slotWriteMs = 10
  world.guard.open(() => {})
  world.timeline.advance(15)
  t.like(killed(world).open(), { fresh: true, lost: 'nothing' })
})

for (const keeps of ['nothing', 'all', 'half'] as const)
  test(`a failed write of which the disk keeps ${keeps}: what was acknowledged is shown meanwhile, and written when it can be`, (t) => {
    const world = opened()
    world.put('old', 'older')
    world.timeline.advance(limits.bufferMs)
    world.put('old', 'newer')
    world.put('a', '1')
    world.engine.holdBatches = true
    world.timeline.advance(limits.bufferMs)
    const behind = [world.put('b', '2'), world.put('a', 'newer')]
    const record = world.write({ type: 'system', name: 'membership', value: Buffer.from('m') })
    const told: boolean[] = []
    world.guard.whenDurable((durable) => told.push(durable))
    world.timeline.run()
    t.true(behind.every((write) => write.value === undefined))
    world.engine.failBatches.push({ kind: 'io', keeps })
    world.engine.failOpens.push('io')
    world.engine.holdBatches = false
    world.engine.release()
    world.timeline.run()
    t.is(world.guard.state, 'fenced')
    t.is(record.value?.kind, 'fenced')
    t.deepEqual(told, [false])
    t.is(valueAt(world, 'old'), 'newer')
    t.is(valueAt(world, 'a'), 'newer')
    t.is(valueAt(world, 'b'), 'there')
    t.true(world.scan()().failed, 'a scan would not show them')
    t.is(world.put('c', '3').came, false)
    world.timeline.advance(60_000)
    t.is(world.guard.state, 'open')
    t.like(world.guard.stats, { bufferedRows: 0, bufferedBytes: 0, bufferLost: 0 })
    const next = killed(world)
    next.open()
    t.is(valueAt(next, 'old'), 'newer')
    t.is(valueAt(next, 'a'), 'newer')
    t.is(valueAt(next, 'b'), 'there')
    t.is(next.readNow('c'), undefined)
    t.deepEqual(next.keys(''), ['a', 'b', 'old'])
  })

test('after a fence no row is written over a newer one of its key, and its index row is not forgotten', (t) => {
  const world = opened()
  world.put('a', 'older')
  world.write({ type: 'row', rowKey: rowKeyOf('a'), row: world.row('newer'), isNew: false })
  world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' })
  world.timeline.advance(limits.bufferMs)
  t.is(world.guard.state, 'open', 'reopened at once')
  // One row, its index row and the mark; before it the mark of the reopening alone.
  t.deepEqual(world.engine.calls.filter((call) => call.startsWith('batch')).slice(1), [
    'batch 1 sync',
    'batch 3 sync',
  ])
  t.is(valueAt(world, 'a'), 'newer')
  t.deepEqual(world.keys(''), ['a'])
  t.is(world.guard.stats.bufferedBytes, 0)
})

test('stopped while it cannot write: what is lost is counted and told, and the stop is not clean', (t) => {
  const world = opened()
  world.put('a', '1')
  world.put('b', '2')
  world.timeline.run()
  world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' })
  world.engine.failOpens.push('io', 'io', 'io')
  world.timeline.advance(limits.bufferMs)
  t.is(world.guard.state, 'fenced')
  world.close()
  t.true(world.events.includes('log storage-buffer-lost'))
  t.is(world.guard.stats.bufferLost, 2)
  t.is(measurements(world.guard, undefined).get('storage_buffered_rows_lost_total'), 2)
  t.is(killed(world).open().lost, 'tail')
})

test('a stop whose last batch fails says what is lost', (t) => {
  const world = opened()
  world.put('a', '1')
  world.timeline.run()
  world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' })
  world.close()
  t.is(world.guard.stats.bufferLost, 1)
  t.is(killed(world).open().lost, 'tail')
})

test('the side file fails while a batch is under way: the batch lands, what waits behind it is written after the reopen', (t) => {
  const world = opened()
  world.put('a', '1')
  world.timeline.advance(limits.bufferMs)
  world.engine.holdBatches = true
  world.put('b', '2')
  world.timeline.advance(limits.bufferMs)
  world.put('c', '3')
  world.failSlotWrites.push('io')
  world.timeline.advance(1_000)
  t.is(world.guard.state, 'fenced')
  t.is(valueAt(world, 'c'), 'there')
  world.engine.holdBatches = false
  world.engine.release()
  world.timeline.advance(1_000)
  t.is(world.guard.state, 'open')
  t.is(world.guard.stats.bufferedRows, 0)
  world.put('d', '4')
  world.timeline.run()
  t.is(world.scan()().rows.length, 4)
  const next = killed(world)
  next.open()
  t.true(['a', 'b', 'c'].every((key) => valueAt(next, key) === 'there'))
})
