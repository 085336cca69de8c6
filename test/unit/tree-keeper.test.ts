/** Trees over restarts: kept where the stop was clean and nothing was committed since, else built by a scan. */
import test from 'ava'
import type { OpenReport, RowRead } from '../../src/node/guard/index.js'
import { RECORDS } from '../../src/node/records.js'
import { INDEX_HAS_GAPS, loadTrees, TreeKeeper } from '../../src/node/tree-keeper.js'
import { Governor } from '../../src/protocol/background/governor.js'
import type { Trees } from '../../src/protocol/entropy/trees.js'
import { Disk } from './scripted-engine.js'
import { nameOf, rowKeyOf, World } from './storage-world.js'

const PARTITIONS = 4
const ALL = [0, 1, 2, 3]
const KEYS = Array.from({ length: 30 }, (_, key) => `key ${key}`)

/** A node's trees over a guard, without the node. */
class Node {
  readonly world: World
  readonly trees: Trees
  readonly keeper: TreeKeeper
  readonly events: string[] = []

  constructor(
    disk: Disk,
    change: (report: OpenReport) => OpenReport = (report) => report,
    indexHasGaps = false,
    partitions = PARTITIONS,
  ) {
    this.world = new World(disk)
    const report = change(this.world.open())
    const record: RowRead = this.world.systemNow(RECORDS.trees)
    const note = (event: string) => void this.events.push(event)
    const log = { debug: note, info: note, warn: note, error: note }
    let loaded: Trees | undefined
    loadTrees(this.world.guard, log, partitions, report, record, (trees) => {
      loaded = trees
    })
    this.world.timeline.run()
    this.trees = loaded!
    const { clock } = this.world.timeline
    const governor = new Governor(0, { least: 1e9, most: 1e9, windowMs: 500, longestMs: 5_000 })
    governor.tick(1_000)
    const { guard } = this.world
    this.keeper = new TreeKeeper({ clock, log, guard, trees: this.trees, governor, indexHasGaps })
  }

  put(key: string, value: string): void {
    const row = this.world.row(value)
    const before = this.world.readNow(key)
    this.world.write({ type: 'row', rowKey: rowKeyOf(key), row, isNew: before === undefined })
    this.world.timeline.run()
    this.trees.committed(rowKeyOf(key), before, row)
  }

  stop(): void {
    let saved = false
    this.keeper.save(() => {
      saved = true
    })
    this.world.timeline.run()
    if (!saved) throw new Error('the trees were not kept, nor given up')
    this.world.close()
  }

  tick(): void {
    this.keeper.tick(this.world.timeline.nowMs)
    this.world.timeline.run()
  }

  get roots(): string {
    return this.trees.roots(ALL).toString('hex')
  }
}

/** A disk with rows, cleanly left; and what the trees were then. */
function filled(): { disk: Disk; roots: string } {
  const disk = new Disk()
  const node = new Node(disk)
  for (const key of KEYS) node.put(key, `value of ${key}`)
  node.stop()
  return { disk, roots: node.roots }
}

test('after a clean stop the trees are as they were, without a scan', (t) => {
  const { disk, roots } = filled()
  const node = new Node(disk)
  t.deepEqual(node.events, ['trees-kept'])
  t.is(node.trees.stale, 0)
  t.is(node.roots, roots)
  node.put('key 3', 'another value')
  node.stop()
  const again = new Node(disk)
  t.is(again.trees.stale, 0)
  t.is(again.roots, node.roots)
  t.not(again.roots, roots)
})

test('trees that were kept before a split was recorded are those of the parts afterwards, without a scan', (t) => {
  const { disk } = filled()
  const node = new Node(disk, undefined, false, 16 * PARTITIONS)
  t.deepEqual(node.events, ['trees-kept'])
  t.is(node.trees.stale, 0)
  const parts = Array.from({ length: 16 * PARTITIONS }, (_, part) => part)
  const scanned = new Node(disk, (report) => ({ ...report, clean: false }), false, 16 * PARTITIONS)
  scanned.tick()
  t.is(scanned.trees.stale, 0)
  t.deepEqual(node.trees.roots(parts), scanned.trees.roots(parts))
  t.is(
    parts.reduce((rows, part) => rows + node.trees.rowsOf(part), 0),
    KEYS.length,
  )
  node.stop()
  t.is(
    new Node(disk).trees.stale,
    PARTITIONS,
    'a ring never has fewer: whatever that is, it is not these trees',
  )
})

test('a ring that is split at work keeps its trees, and goes on renewing them', (t) => {
  const node = new Node(filled().disk)
  node.keeper.split(4 * PARTITIONS)
  t.is(node.trees.stale, 0)
  node.put('key 3', 'another value')
  node.stop()
  t.deepEqual(node.events, ['trees-kept'])
  const again = new Node(node.world.disk, undefined, false, 4 * PARTITIONS)
  t.is(again.trees.stale, 0)
  t.deepEqual(again.trees.roots([0, 7, 15]), node.trees.roots([0, 7, 15]))
})

test('after any other end they are built by a scan, and are the same', (t) => {
  const { disk, roots } = filled()
  const unclean = new Node(disk, (report) => ({ ...report, clean: false }))
  t.is(unclean.trees.stale, PARTITIONS)
  t.is(unclean.events.length, 0)
  unclean.tick()
  t.is(unclean.trees.stale, 0)
  t.is(unclean.roots, roots)
  t.deepEqual(unclean.events, ['trees-building'])
  unclean.tick()
  t.deepEqual(unclean.events, ['trees-building', 'trees-ready'])
})

test('a commit after the trees were kept makes them worthless', (t) => {
  const { disk } = filled()
  const forgetful = new World(disk)
  forgetful.open()
  forgetful.put('key 99', 'not in the trees')
  forgetful.timeline.run()
  forgetful.close()
  const node = new Node(disk)
  t.is(node.trees.stale, PARTITIONS)
  node.tick()
  t.is(node.trees.stale, 0)
})

test('a page that is damaged or gone makes all of them worthless', (t) => {
  for (const harm of ['flip', 'remove', 'swap'] as const) {
    const { disk, roots } = filled()
    const pages = [...disk.rows.keys()].filter((name) => name.startsWith('t'))
    t.true(pages.length > 1)
    const [one, other] = [pages[0]!, pages[1]!]
    if (harm === 'remove') disk.rows.delete(one)
    else if (harm === 'swap') disk.rows.set(one, disk.rows.get(other)!)
    else
      disk.rows.set(
        one,
        Uint8Array.from(disk.rows.get(one)!, (byte, at) => (at === 20 ? byte ^ 1 : byte)),
      )
    const node = new Node(disk)
    t.is(node.trees.stale, PARTITIONS, harm)
    node.tick()
    t.is(node.roots, roots, harm)
  }
})

test('trees that are not right are not kept', (t) => {
  const { disk } = filled()
  const node = new Node(disk)
  node.trees.doubt(rowKeyOf('key 1'))
  node.stop()
  t.is(new Node(disk).trees.stale, PARTITIONS)
})

test('a scan that fails is tried again; rows that cannot be read are in no tree', (t) => {
  const { disk, roots } = filled()
  const node = new Node(disk, (report) => ({ ...report, clean: false }))
  node.world.engine.failScans.push('io')
  node.tick()
  t.is(node.trees.stale, PARTITIONS)
  node.tick()
  t.is(node.trees.stale, PARTITIONS, 'not at once')
  node.world.timeline.advance(1_000)
  node.tick()
  t.is(node.roots, roots)

  const name = nameOf('key 7')
  disk.rows.set(
    name,
    Uint8Array.from(disk.rows.get(name)!, (byte) => byte ^ 1),
  )
  t.false(ALL.some((partition) => node.trees.hasHole(partition)))
  node.keeper.lost(false)
  node.tick()
  t.is(node.trees.stale, 0)
  t.not(node.roots, roots)
  t.deepEqual(
    ALL.filter((partition) => node.trees.hasHole(partition)),
    [node.trees.shape.partitionOf(rowKeyOf('key 7'))],
  )
  node.put('key 7', 'written anew')
  node.keeper.lost(false)
  node.tick()
  t.false(ALL.some((partition) => node.trees.hasHole(partition)))
})

test('a node that cannot scan its rows again and again says so', (t) => {
  const { disk } = filled()
  const node = new Node(disk, (report) => ({ ...report, clean: false }))
  for (let failures = 0; failures < 3; failures++) {
    t.false(node.keeper.cannotScan)
    node.world.engine.failScans.push('corrupt')
    node.tick()
    node.world.timeline.advance(1_000)
  }
  t.true(node.keeper.cannotScan)
  node.tick()
  t.false(node.keeper.cannotScan)
})

test('every tree is built anew in its turn', (t) => {
  const { disk, roots } = filled()
  const node = new Node(disk)
  const seen = new Set<number>()
  for (let day = 0; day < 20; day++) {
    node.world.timeline.advance(24 * 3_600_000)
    node.keeper.tick(node.world.timeline.nowMs)
    for (const partition of ALL) if (!node.trees.isReady(partition)) seen.add(partition)
    node.world.timeline.run()
    node.tick()
    t.is(node.trees.stale, 0)
    t.is(node.roots, roots)
  }
  t.deepEqual([...seen].sort(), ALL)
})

test('index rows that may be lost are written anew as the rows go by, also over a restart', (t) => {
  const { disk, roots } = filled()
  const indexed = () => [...disk.rows.keys()].filter((name) => name.startsWith('i')).length
  const lose = (node: Node) => {
    const gaps = { type: 'system', name: RECORDS.trees, value: INDEX_HAS_GAPS } as const
    node.world.write(gaps)
    node.world.timeline.run()
    for (const name of [...disk.rows.keys()].filter((each) => each.startsWith('i')).slice(0, 12))
      disk.rows.delete(name)
    t.is(indexed(), KEYS.length - 12)
  }
  const node = new Node(disk)
  lose(node)
  node.keeper.lost(true)
  node.tick()
  t.is(node.world.systemNow(RECORDS.trees) === undefined, false, 'not before all have gone by')
  node.tick()
  t.is(indexed(), KEYS.length)
  t.is(node.world.systemNow(RECORDS.trees), undefined)
  t.is(node.roots, roots)
  lose(node)
  node.world.close()

  const next = new Node(disk, undefined, true)
  next.tick()
  next.tick()
  t.is(indexed(), KEYS.length)
  t.is(next.world.systemNow(RECORDS.trees), undefined)
  const calls = next.world.engine.calls.length
  next.tick()
  t.is(next.world.engine.calls.length, calls, 'and then no more')
})
