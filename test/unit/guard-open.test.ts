import test from 'ava'
import { limits } from '../../src/limits.js'
import type { EngineErrorKind } from '../../src/ports/engine.js'
import { Disk } from './scripted-engine.js'
import { rowKeyOf, World } from './storage-world.js'

const CLEAN = { clean: true, fresh: false, lost: 'nothing' } as const
const UNCLEAN = { clean: false, fresh: false, lost: 'nothing' } as const

/** A disk on which `writes` rows were acknowledged, by a guard that was then stopped or killed. */
function used(
  stop: 'clean' | 'killed',
  writes = 3,
  settleMs = limits.storageReserveAfter * limits.storageMeasureMs,
): { disk: Disk; incarnation: string; boot: number } {
  const world = new World()
  world.open()
  for (let i = 0; i < writes; i++) {
    world.put(`k${i}`, 'v')
    world.timeline.run()
  }
  world.timeline.advance(settleMs)
  if (stop === 'clean') world.close()
  return { disk: world.disk, incarnation: world.guard.incarnation, boot: world.guard.boot }
}

test('a new directory is fresh, boot 1', (t) => {
  const report = new World().open()
  t.like(report, { boot: 1, fresh: true, clean: false, lost: 'nothing' })
  t.regex(report.incarnation, /^[0-9a-f]{16}$/)
})

test('a clean stop keeps the incarnation and counts the boot', (t) => {
  const { disk, incarnation } = used('clean')
  for (let boot = 2; boot < 6; boot++) {
    const world = new World(disk)
    t.like(world.open(), { ...CLEAN, boot, incarnation })
    t.true(world.readNow('k2') instanceof Uint8Array)
    world.put(`more ${boot}`, 'v')
    world.timeline.run()
    world.close()
  }
})

test('a killed node comes back with everything, under a new incarnation', (t) => {
  const { disk, incarnation } = used('killed')
  const world = new World(disk)
  const report = world.open()
  t.like(report, { ...UNCLEAN, boot: 2 })
  t.not(report.incarnation, incarnation)
  for (const key of ['k0', 'k1', 'k2']) t.true(world.readNow(key) instanceof Uint8Array)
})

test('killed at any point of its first start a directory is fresh again, never lost', (t) => {
  for (let steps = 0; steps < 12; steps++) {
    const disk = new Disk()
    killAfter(disk, steps)
    // The second slot ends the creation.
    const begun = disk.slots[0] !== undefined && disk.slots[1] !== undefined
    t.like(new World(disk).open(), { fresh: !begun, lost: 'nothing' }, `after ${steps} steps`)
  }
})

test('killed at any point of a later start nothing is lost and the incarnation is new', (t) => {
  for (let steps = 0; steps < 12; steps++) {
    const { disk, incarnation } = used('clean')
    killAfter(disk, steps)
    const report = new World(disk).open()
    t.is(report.lost, 'nothing')
    t.false(report.fresh)
    if (report.clean) t.is(report.boot, 2)
    else t.not(report.incarnation, incarnation)
  }
})

test('a database behind its side file has lost its tail', (t) => {
  for (const stop of ['clean', 'killed'] as const) {
    const early = used('clean', 1)
    const rows = new Map(early.disk.rows)
    const world = new World(early.disk)
    const { incarnation } = world.open()
    for (let i = 0; i < 5; i++) {
      world.put(`late${i}`, 'v')
      world.timeline.run()
    }
    world.timeline.advance(300)
    if (stop === 'clean') world.close()
    early.disk.rows.clear()
    for (const [name, row] of rows) early.disk.rows.set(name, row)
    const next = new World(early.disk)
    const report = next.open()
    t.is(report.lost, 'tail')
    t.not(report.incarnation, incarnation)
    t.is(next.readNow('late0'), undefined)
    t.true(next.readNow('k0') instanceof Uint8Array)
  }
})

test('the side file is at most 250 ms behind while writing, and never ahead', (t) => {
  const world = new World()
  world.open()
  const history: { atMs: number; commit: number }[] = []
  for (let ms = 0; ms < 3000; ms += 5) {
    if (ms < 2500) world.put(`k${ms}`, 'v')
    world.timeline.advance(5)
    const commit = commitIn(world.disk.rows.get('scommit'))
    history.push({ atMs: world.timeline.nowMs, commit })
    const recorded = Math.max(...world.disk.slots.map(commitIn))
    t.true(recorded <= commit)
    const then = history.filter(({ atMs }) => atMs <= world.timeline.nowMs - 250).at(-1)
    if (then !== undefined) t.true(recorded >= then.commit, `${recorded} at ${world.timeline.nowMs}`)
  }
})

test('a commit during a write of the side file is followed without another commit', (t) => {
  const world = new World()
  world.open()
  world.slotWriteMs = 50
  world.put('a', 'v')
  world.timeline.advance(160)
  world.put('b', 'v')
  world.timeline.advance(250)
  t.is(Math.max(...world.disk.slots.map(commitIn)), commitIn(world.disk.rows.get('scommit')))
})

test('rows without a side file, or with a damaged one, are never fresh and never clean', (t) => {
  const broken: ((disk: Disk) => void)[] = [
    (disk) => {
      disk.slots = [undefined, undefined]
    },
    (disk) => {
      disk.slots = [Buffer.from('nonsense'), undefined]
    },
    (disk) => {
      for (const slot of disk.slots) slot![20]! ^= 1
    },
  ]
  for (const breakIt of broken) {
    const { disk, incarnation, boot } = used('clean')
    breakIt(disk)
    const report = new World(disk).open()
    t.like(report, { clean: false, fresh: false, lost: 'tail' })
    t.not(report.incarnation, incarnation)
    t.true(report.boot > boot)
  }
})

test('an empty database beside its side file has lost everything', (t) => {
  for (const stop of ['clean', 'killed'] as const) {
    const { disk, incarnation, boot } = used(stop)
    disk.rows.clear()
    const report = new World(disk).open()
    t.like(report, { clean: false, fresh: false, lost: 'everything', boot: boot + 1 })
    t.not(report.incarnation, incarnation)
  }
})

test('a missing or damaged mark is a lost tail, and later commits are beyond any row', (t) => {
  for (const breakIt of [
    (disk: Disk) => void disk.rows.delete('scommit'),
    (disk: Disk) => void disk.rows.get('scommit')!.fill(0xaa, 8, 9),
  ]) {
    const { disk, incarnation } = used('clean')
    breakIt(disk)
    const report = new World(disk).open()
    t.is(report.lost, 'tail')
    t.not(report.incarnation, incarnation)
    t.true(report.lastCommit > 1_000_000)
  }
})

test('a hole in the log is a loss, told at every start until the node has recorded it', (t) => {
  const { disk, incarnation } = used('clean')
  disk.hole = true
  const first = new World(disk)
  const report = first.open()
  t.is(report.lost, 'tail')
  t.not(report.incarnation, incarnation)
  first.close()
  const second = new World(disk)
  // The same story as at the clean stop: this start has lost nothing more.
  t.like(second.open(), { lost: 'tail', clean: true, incarnation: report.incarnation })
  second.guard.lossRecorded()
  second.timeline.advance(300)
  t.like(new World(disk).open(), { ...UNCLEAN })
})

test('killed at any point of the start that finds a loss, the next start still tells it', (t) => {
  const losses: ((disk: Disk) => void)[] = [
    (disk) => {
      disk.hole = true
    },
    (disk) => {
      const mark = new World(disk)
      mark.open()
      const early = new Map(disk.rows)
      mark.put('late', 'v')
      mark.timeline.run()
      mark.close()
      disk.rows.clear()
      for (const [name, row] of early) disk.rows.set(name, row)
    },
    (disk) => disk.rows.clear(),
  ]
  for (const lose of losses) {
    for (let steps = 0; steps < 12; steps++) {
      const { disk } = used('clean')
      lose(disk)
      killAfter(disk, steps)
      t.not(new World(disk).open().lost, 'nothing', `after ${steps} steps`)
    }
  }
})

test('hasRows: from the first row on, for ever', (t) => {
  const world = new World()
  t.false(world.open().hasRows)
  world.write({ type: 'system', name: 'identity', value: Buffer.from('me') })
  world.timeline.run()
  world.close()
  const again = new World(world.disk)
  t.false(again.open().hasRows)
  again.put('k', 'v')
  again.timeline.run()
  again.write({ type: 'drop', rowKey: rowKeyOf('k') })
  again.timeline.run()
  again.close()
  t.true(new World(world.disk).open().hasRows)
})

test('one damaged slot: the older one may say clean, the database gives it away', (t) => {
  const { disk, incarnation } = used('clean')
  const world = new World(disk)
  world.open()
  world.put('k', 'v')
  world.timeline.run()
  world.timeline.advance(1000)
  // Killed. Whatever slot is damaged now, this is no clean start.
  for (const slot of [0, 1] as const) {
    const copy = new Disk()
    for (const [name, row] of disk.rows) copy.rows.set(name, row)
    copy.slots = [...disk.slots]
    copy.slots[slot] = Buffer.from(copy.slots[slot]!).fill(0xaa, 10)
    const report = new World(copy).open()
    t.false(report.clean)
    t.not(report.incarnation, incarnation)
    t.is(report.boot, 3)
  }
})

test('what cannot be opened says why in one sentence and writes nothing', (t) => {
  const sentences: [EngineErrorKind, RegExp][] = [
    ['corrupt', /^The database is damaged and cannot be opened; .*\.$/],
    ['unavailable', /^The database may not be opened; .*\.$/],
    ['io', /^The disk failed .*\.$/],
    ['full', /^There is no room on the disk .*\.$/],
    ['unknown', /^The database cannot be opened; .*\.$/],
  ]
  for (const [kind, sentence] of sentences) {
    const { disk } = used('clean')
    const before = { rows: new Map(disk.rows), slots: [...disk.slots] }
    const world = new World(disk)
    world.engine.failOpens.push(kind, kind)
    const [failure, report] = world.tryOpen()
    t.is(report, undefined)
    t.is(failure?.kind, kind)
    t.regex(failure!.message, sentence)
    t.notRegex(failure!.message, /\n/)
    t.is(world.guard.state, 'failed')
    t.deepEqual({ rows: disk.rows, slots: disk.slots as unknown[] }, before)
    world.close()
    t.deepEqual({ rows: disk.rows, slots: disk.slots as unknown[] }, before)
  }
})

test('on a full disk the reserve is given up for the start', (t) => {
  const { disk } = used('killed')
  t.true(disk.reserve)
  disk.freeBytes = 0
  const world = new World(disk)
  world.engine.failOpens.push('full')
  t.is(world.open().lost, 'nothing')
  t.false(disk.reserve)
  t.is(world.guard.refusal(), 'full')
})

test('a start that fails after the engine was opened closes it again', (t) => {
  for (const breakIt of [
    (world: World) => void world.failSlotWrites.push('io'),
    (world: World) => void world.engine.failBatches.push({ kind: 'io', keeps: 'nothing' }),
  ]) {
    const { disk } = used('clean')
    const world = new World(disk)
    breakIt(world)
    const [failure] = world.tryOpen()
    t.is(failure?.kind, 'io')
    t.false(world.engine.isOpen)
    t.is(new World(disk).open().lost, 'nothing')
  }
})

test('a close asked for while opening comes after the start', (t) => {
  const world = new World()
  const order: string[] = []
  world.guard.open(() => order.push('opened'))
  world.guard.close(() => order.push('closed'))
  world.timeline.run()
  t.deepEqual(order, ['opened', 'closed'])
  t.like(new World(world.disk).open(), { clean: true })
})

/** Starts a guard on the disk and kills it after so many steps of its timeline. */
function killAfter(disk: Disk, steps: number): void {
  const world = new World(disk)
  world.guard.open(() => {})
  world.timeline.steps(steps)
}

/** The commit number in a mark or a slot. */
function commitIn(record: Uint8Array | undefined): number {
  return record === undefined ? 0 : Number(Buffer.from(record).readBigUInt64LE(5))
}
