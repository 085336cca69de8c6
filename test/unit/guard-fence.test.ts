import test from 'ava'
import type { BatchFailure } from './scripted-engine.js'
import { nameOf, rowKeyOf, World } from './storage-world.js'

test('a failed write fences: close, new incarnation into the side file, reopen, look, mark, open', (t) => {
  const world = World.opened()
  const before = world.guard.incarnation
  world.failToPut({ kind: 'io', keeps: 'nothing' })
  t.deepEqual(world.engine.calls, ['batch 3 sync', 'close', 'open', 'getMany 1', 'getMany 1', 'batch 1 sync'])
  t.deepEqual(world.events, ['log storage-fenced', 'fenced', 'slot 0', 'log storage-reopened', 'reopened'])
  t.is(world.guard.state, 'open')
  t.not(world.guard.incarnation, before)
  t.like(world.reopens[0], {
    boot: 1,
    incarnation: world.guard.incarnation,
    lost: 'nothing',
    failedBatch: 'absent',
  })
  const again = world.put('again', 'v')
  world.timeline.run()
  t.is(again.value, undefined)
})

test('the new incarnation is in the side file before the engine is reopened', (t) => {
  const world = World.opened()
  world.engine.failOpens.push('io')
  const before = world.guard.incarnation
  world.failToPut({ kind: 'io', keeps: 'nothing' })
  t.is(world.guard.state, 'fenced')
  // The process is killed here; the next start must not go on under the old incarnation, nor may it under the recorded one.
  const next = new World(world.disk)
  const report = next.open()
  t.false(report.clean)
  t.not(report.incarnation, before)
})

test('what the failed batch left is told: whole, absent, partly', (t) => {
  const left = (keeps: BatchFailure['keeps']) => {
    const world = World.opened()
    world.failToPut({ kind: 'io', keeps })
    return { report: world.reopens[0]!, row: world.readNow('k') }
  }
  const whole = left('all')
  t.is(whole.report.failedBatch, 'whole')
  t.is(whole.report.lost, 'nothing')
  t.true(whole.row instanceof Uint8Array)
  const absent = left('nothing')
  t.is(absent.report.failedBatch, 'absent')
  t.is(absent.row, undefined)
  // An engine that kept a part of an atomic batch has broken more than that batch.
  const partly = left('half')
  t.is(partly.report.failedBatch, 'partly')
  t.is(partly.report.lost, 'tail')
})

test('a mark of an earlier attempt to reopen says nothing of the failed batch', (t) => {
  for (const keeps of ['all', 'nothing'] as const) {
    const world = World.opened()
    // The batch fails, and so does the first new mark, which is there all the same.
    world.engine.failBatches.push({ kind: 'io', keeps }, { kind: 'io', keeps: 'all' })
    world.put('k', 'doubtful')
    world.timeline.advance(1000)
    t.like(world.reopens[0], { lost: 'nothing', failedBatch: keeps === 'all' ? 'whole' : 'absent' })
  }
})

test('the writes of the failed batch are indeterminate, those that waited never began', (t) => {
  const world = World.opened()
  world.engine.holdBatches = true
  const failed = [world.put('a', '1'), world.put('b', '2')]
  world.timeline.run()
  const waiting = world.put('c', '3')
  world.timeline.run()
  world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' })
  world.engine.failOpens.push('io')
  world.engine.holdBatches = false
  world.engine.release()
  world.timeline.run()
  const late = world.put('d', '4')
  world.timeline.run()
  t.deepEqual(
    [...failed, waiting, late].map((write) => [write.value?.kind, write.value?.indeterminate]),
    [
      ['failed', true],
      ['failed', true],
      ['fenced', false],
      ['fenced', false],
    ],
  )
  world.timeline.advance(1000)
  t.is(world.guard.state, 'open')
  t.is(world.readNow('c'), undefined)
  t.is(world.readNow('d'), undefined)
})

test('while fenced, durable rows in memory are read, all else is unreadable; the failed batch never shows', (t) => {
  const world = World.opened()
  world.put('k', 'acknowledged')
  world.timeline.run()
  world.engine.failOpens.push('io', 'io')
  world.failToPut({ kind: 'io', keeps: 'all' })
  t.is(world.guard.state, 'fenced')
  t.true(world.readNow('old') instanceof Uint8Array)
  t.is(world.readNow('never'), 'unreadable')
  t.is(world.guard.readCached(rowKeyOf('k')), undefined)
  t.is(world.readNow('k'), 'unreadable')
})

test('while it cannot be opened for writing it is opened for reading, and shows only what was acknowledged', (t) => {
  const world = World.opened()
  world.engine.canOpenReadOnly()
  world.put('k', 'acknowledged')
  world.timeline.run()
  world.engine.failOpens.push('full', 'full')
  world.failToPut({ kind: 'full', keeps: 'all' })
  t.deepEqual(world.engine.calls.slice(-4), ['close', 'open', 'openReadOnly', 'getMany 1'])
  t.is(world.guard.state, 'fenced')
  t.is(world.readNow('never'), undefined)
  t.true(world.readNow('old') instanceof Uint8Array)
  t.is(world.readNow('k'), 'unreadable')
  world.timeline.advance(60_000)
  t.is(world.guard.state, 'open')
  t.is(world.reopens[0]?.failedBatch, 'whole')
  t.true(world.readNow('k') instanceof Uint8Array)
})

test('a database that has lost acknowledged rows is not read meanwhile, and says so when it is back', (t) => {
  const world = World.opened()
  world.engine.canOpenReadOnly()
  const snapshot = new Map(world.disk.rows)
  world.put('tail', 'acknowledged')
  world.timeline.run()
  world.engine.failOpens.push('io')
  world.engine.holdBatches = true
  world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' })
  world.put('k', 'doubtful')
  world.timeline.run()
  // The engine loses its tail in the failure.
  world.disk.rows.clear()
  for (const [name, row] of snapshot) world.disk.rows.set(name, row)
  world.engine.holdBatches = false
  world.engine.release()
  world.timeline.run()
  t.is(world.guard.state, 'fenced')
  t.is(world.readNow('never'), 'unreadable')
  world.timeline.advance(60_000)
  t.is(world.reopens[0]?.lost, 'tail')
  t.is(world.readNow('tail'), undefined)
})

test('a loss found while reopening is in the side file before anything hides it', (t) => {
  const world = World.opened()
  world.disk.hole = true
  world.engine.failOpens.push('io')
  world.failToPut({ kind: 'io', keeps: 'nothing' })
  t.is(world.guard.state, 'fenced')
  // Killed here: the first opening has removed the hole.
  t.is(new World(world.disk).open().lost, 'tail')
})

test('repeated failure stays fenced, with pauses that double up to half a minute', (t) => {
  const world = World.opened()
  for (let i = 0; i < 14; i++) world.engine.failOpens.push('io')
  const opens: number[] = []
  world.failToPut({ kind: 'io', keeps: 'nothing' })
  for (let ms = 0; ms < 240_000; ms += 10) {
    const before = world.engine.calls.filter((call) => call === 'open').length
    world.timeline.advance(10)
    if (world.engine.calls.filter((call) => call === 'open').length > before) opens.push(world.timeline.nowMs)
  }
  const pauses = opens.slice(1).map((at, index) => at - opens[index]!)
  t.is(world.guard.state, 'open')
  t.is(world.guard.stats.fences, 1)
  for (const [index, pause] of pauses.entries()) {
    const longest = Math.min(30_000, 100 * 2 ** (index + 1))
    t.true(pause >= longest / 2 - 10 && pause <= longest + 10, `pause ${index}: ${pause} ms`)
  }
})

test('a fence soon after a reopen goes on with the longer pauses', (t) => {
  const world = World.opened()
  world.failToPut({ kind: 'io', keeps: 'nothing' })
  t.is(world.guard.state, 'open')
  const first = world.guard.incarnation
  world.failToPut({ kind: 'io', keeps: 'nothing' }, 'other')
  t.is(world.guard.state, 'fenced')
  world.timeline.advance(200)
  t.is(world.guard.state, 'open')
  t.not(world.guard.incarnation, first)
  world.timeline.advance(61_000)
  world.failToPut({ kind: 'io', keeps: 'nothing' }, 'third')
  t.is(world.guard.state, 'open')
})

test('any step of the reopening may fail and is tried again', (t) => {
  const steps: ((world: World) => void)[] = [
    (world) => world.failSlotWrites.push('io'),
    (world) => world.engine.failOpens.push('io'),
    (world) =>
      world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' }, { kind: 'io', keeps: 'nothing' }),
  ]
  for (const breakIt of steps) {
    const world = World.opened()
    breakIt(world)
    if (world.engine.failBatches.length === 0) world.failToPut({ kind: 'io', keeps: 'nothing' })
    else {
      world.put('k', 'doubtful')
      world.timeline.run()
    }
    t.is(world.guard.state, 'fenced')
    world.timeline.advance(1000)
    t.is(world.guard.state, 'open')
    t.is(world.reopens.length, 1)
    t.true(world.readNow('old') instanceof Uint8Array)
  }
})

test('a side file that cannot be written fences too; a batch under way then still counts', (t) => {
  const world = World.opened()
  const write = world.put('k', 'v')
  world.timeline.run()
  t.is(write.value, undefined)
  world.failSlotWrites.push('io')
  world.engine.holdBatches = true
  const underWay = world.put('under way', 'v')
  world.timeline.advance(400)
  t.is(world.guard.state, 'fenced')
  t.false(underWay.came)
  world.engine.holdBatches = false
  world.engine.release()
  world.timeline.advance(1000)
  t.is(underWay.value, undefined)
  t.is(world.guard.state, 'open')
  t.like(world.reopens[0], { lost: 'nothing', failedBatch: 'none' })
  t.true(world.readNow('under way') instanceof Uint8Array)
})

test('a batch that fails under a fence that has fallen already is looked for as well', (t) => {
  const world = World.opened()
  world.failSlotWrites.push('io')
  world.engine.holdBatches = true
  world.put('first', 'v')
  world.timeline.run()
  world.engine.release()
  world.timeline.run()
  const underWay = world.put('under way', 'v')
  world.timeline.advance(400)
  t.is(world.guard.state, 'fenced')
  world.engine.failBatches.push({ kind: 'io', keeps: 'all' })
  world.engine.holdBatches = false
  world.engine.release()
  world.timeline.advance(1000)
  t.is(underWay.value?.kind, 'failed')
  t.is(world.reopens[0]?.failedBatch, 'whole')
  t.is(world.guard.stats.fences, 1)
})

test('a full disk gives up the reserve, refuses rows, and takes the reserve back when there is room', (t) => {
  const world = World.opened()
  t.true(world.disk.reserve)
  world.disk.freeBytes = 0
  world.failToPut({ kind: 'full', keeps: 'nothing' })
  t.false(world.disk.reserve)
  t.is(world.guard.state, 'open')
  t.is(world.guard.refusal(), 'full')
  world.disk.freeBytes = 1 << 30
  world.timeline.advance(1000)
  t.is(world.guard.refusal(), undefined)
  t.true(world.disk.reserve)
})

test('closing a fenced guard ends it, unclean, whatever it was about to do', (t) => {
  for (const waitMs of [0, 30, 5000]) {
    const world = World.opened()
    for (let i = 0; i < 20; i++) world.engine.failOpens.push('io')
    const before = world.guard.incarnation
    world.failToPut({ kind: 'io', keeps: 'nothing' })
    world.timeline.advance(waitMs)
    world.close()
    t.is(world.guard.state, 'closed')
    t.false(world.engine.isOpen)
    const calls = world.engine.calls.length
    world.timeline.advance(120_000)
    t.is(world.engine.calls.length, calls)
    const report = new World(world.disk).open()
    t.false(report.clean)
    t.not(report.incarnation, before)
  }
})

test('a write that fails while closing: told, not reopened, and the stop is unclean', (t) => {
  const world = World.opened()
  world.engine.holdBatches = true
  const write = world.put('k', 'v')
  world.timeline.run()
  const waiting = world.put('w', 'v')
  let closed = false
  world.guard.close(() => {
    closed = true
  })
  world.timeline.run()
  world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' })
  world.engine.release()
  world.timeline.run()
  t.true(closed)
  t.is(write.value?.kind, 'failed')
  t.is(waiting.value?.kind, 'closed')
  t.deepEqual(
    world.events.filter((event) => event === 'fenced'),
    [],
  )
  t.false(new World(world.disk).open().clean)
})

test('commit numbers never repeat over a fence', (t) => {
  const world = World.opened()
  world.failToPut({ kind: 'io', keeps: 'all' })
  const doubtful = Buffer.from(world.disk.rows.get(nameOf('k'))!).readBigUInt64LE(8)
  world.put('k', 'after')
  world.timeline.run()
  const after = Buffer.from(world.disk.rows.get(nameOf('k'))!).readBigUInt64LE(8)
  t.true(after > doubtful)
})

test('damaged tables are taken out behind a fence: the loss is in the side file before anything changes, and told', (t) => {
  const world = World.opened()
  const before = world.guard.incarnation
  world.engine.canMend()
  world.engine.failScans.push('corrupt')
  world.scan()
  world.timeline.run()
  t.is(world.guard.stats.tablesDamaged, 1)
  world.engine.calls.length = 0
  world.events.length = 0
  world.guard.mend()
  t.is(world.guard.state, 'fenced')
  world.timeline.run()
  t.deepEqual(world.engine.calls.slice(0, 3), ['close', 'mend', 'open'])
  t.true(world.events.indexOf('slot 0') < world.events.indexOf('log storage-mended'), world.events.join())
  t.like(world.reopens[0], { lost: 'tail', mended: 1, failedBatch: 'none' })
  t.not(world.guard.incarnation, before)
  t.like(world.guard.stats, { tablesDamaged: 0, tablesMended: 1 })
  t.is(new World(world.disk).open().lost, 'tail')
})

test('what cannot be mended is opened as it is, once', (t) => {
  const world = World.opened()
  world.engine.canMend('full')
  world.engine.failOpens.push('io')
  world.guard.mend()
  world.timeline.run()
  world.timeline.advance(1_000)
  t.is(world.engine.calls.filter((call) => call === 'mend').length, 1)
  t.is(world.guard.state, 'open')
  t.like(world.reopens[0], { lost: 'tail', mended: 0 })
  t.true(world.events.includes('log storage-not-mended'))
})

test('an engine that cannot mend is not fenced for it', (t) => {
  const world = World.opened()
  world.guard.mend()
  world.timeline.run()
  t.is(world.guard.state, 'open')
  t.deepEqual(world.events, [])
})
