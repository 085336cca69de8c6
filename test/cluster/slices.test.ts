/**
 * Work in the background over a real RocksDB with many rows: trees built by a scan, rows listed and read for exchanges, tombstones looked for. No slice of it keeps the
 * node busy for long. What counts is the time of the processor that the thread has used, since other processes take theirs while a slice runs; the kernel
 * says it to the nanosecond, on Linux.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { makeRow, type StoredRow } from '../../bench/entropy/replica.js'
import { machineClock } from '../../src/io/clock.js'
import { eventLoopScheduler } from '../../src/io/scheduler.js'
import { digestOf } from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import type { StorageGuard } from '../../src/node/guard/index.js'
import { readEach } from '../../src/node/read-each.js'
import { Replica } from '../../src/node/replica.js'
import { SegmentLister } from '../../src/node/segment-lister.js'
import { TreeKeeper } from '../../src/node/tree-keeper.js'
import { Governor } from '../../src/protocol/background/governor.js'
import { RING_BITS } from '../../src/protocol/entropy/shape.js'
import { Trees } from '../../src/protocol/entropy/trees.js'
import { ActorSource } from '../../src/protocol/replica/actor.js'
import { StorageNode } from './storage-node.js'

const CPU_TIME = `/proc/self/task/${process.pid}/schedstat`
const BOUND_MS = 5
const PARTITIONS = 256
const quiet = () => {}
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
/** Grants everything. */
const governor = new Governor(0, { least: 1e9, most: 1e9, windowMs: 500, longestMs: 5_000 })

/** Of the thread that runs this, in ms. */
function cpuMs(): number {
  return Number(readFileSync(CPU_TIME, 'latin1').split(' ')[0]) / 1e6
}

/** From now on: how much processor time each slice took, by kind. Those within others are part of them. */
function watch(guard: StorageGuard): Map<string, number[]> {
  const used = new Map<string, number[]>()
  const run = guard.slices.run.bind(guard.slices)
  let isWithin = false
  guard.slices.run = (kind, slice) => {
    if (isWithin) return slice()
    isWithin = true
    const began = cpuMs()
    try {
      return run(kind, slice)
    } finally {
      isWithin = false
      const found = used.get(kind) ?? []
      found.push(cpuMs() - began)
      used.set(kind, found)
    }
  }
  return used
}

async function fill(guard: StorageGuard, rows: Iterator<StoredRow>): Promise<void> {
  for (;;) {
    const operations = Array.from({ length: 2_000 }, () => rows.next().value as StoredRow | undefined)
      .filter((stored) => stored !== undefined)
      .map(({ rowKey, row }) => ({ type: 'row', rowKey, row: row as Uint8Array, isNew: true }) as const)
    if (operations.length === 0) return
    await new Promise<void>((resolve, reject) =>
      guard.write(operations, (fault) => (fault === undefined ? resolve() : reject(fault))),
    )
  }
}

function* rows(count: number, valueBytes: number): Generator<StoredRow> {
  for (let key = 0; key < count; key++) yield makeRow(`key ${key}`, 1, 1, valueBytes)
}

function replicaOver(guard: StorageGuard, trees: Trees): Replica {
  const stores = { guard, scheduler: eventLoopScheduler, log, lost: 'nothing' } as const
  const caps = { hintBytes: limits.hintBytes, spareEntries: limits.spareEntries }
  const listener = { laneEffect: quiet, hintEffect: quiet, wake: quiet }
  return new Replica({ ...stores, ...caps }, new ActorSource('00'.repeat(8), 1), true, trees, listener)
}

async function buildTrees(guard: StorageGuard, trees: Trees): Promise<void> {
  const keeper = new TreeKeeper({
    ...{ clock: machineClock, log, guard, trees, governor },
    indexHasGaps: false,
  })
  while (trees.stale > 0) {
    governor.tick(machineClock.monotonicMs())
    keeper.tick(machineClock.monotonicMs())
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** All rows, as for an exchange in which everything differs: listed with their digests. */
async function listAll(guard: StorageGuard, trees: Trees): Promise<Uint8Array[]> {
  const lister = new SegmentLister(guard, trees, governor)
  const found: Uint8Array[] = []
  const segments = Array.from({ length: limits.exchangeSegments }, (_, index) => index)
  for (let first = 0; first < 2 ** RING_BITS; first += 16 * segments.length) {
    const wanted = segments.map((segment) => first + 16 * segment)
    for (let from: Uint8Array = new Uint8Array(0); ; ) {
      const wish = { kind: 'list-segments', segments: wanted, from, to: new Uint8Array(0) } as const
      const { rows: listed, next } = await new Promise<Parameters<Parameters<SegmentLister['list']>[1]>[0]>(
        (resolve) =>
          lister.list(wish, (answer) => {
            for (const { object } of answer.rows) if (object !== undefined) digestOf(object)
            resolve(answer)
          }),
      )
      found.push(...listed.map(({ rowKey }) => rowKey))
      if (next.length === 0) break
      from = next
    }
  }
  return found
}

async function findTombstones({ tombstones }: Replica): Promise<void> {
  for (let nowMs = 0; !tombstones.isComplete; nowMs += limits.tombstoneScanMs) {
    tombstones.tick(nowMs, () => true)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

async function readAll(guard: StorageGuard, replica: Replica, keys: readonly Uint8Array[]): Promise<number> {
  let read = 0
  for (let from = 0; from < keys.length; from += limits.exchangeRows)
    await new Promise<void>((resolve) =>
      readEach({ guard, replica }, keys.slice(from, from + limits.exchangeRows), {
        kind: 'exchange',
        each: ({ object }) => {
          if (object !== undefined) read += digestOf(object).length > 0 ? 1 : 0
          return true
        },
        done: resolve,
      }),
    )
  return read
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

const inTime = existsSync(CPU_TIME) ? test.serial : test.serial.skip

for (const { count, valueBytes } of [
  { count: 200_000, valueBytes: 100 },
  { count: 150, valueBytes: 1024 * 1024 },
])
  inTime(`no slice takes long over ${count} rows of ${valueBytes} bytes`, async (t) => {
    t.timeout(240_000, 'many rows')
    const directory = mkdtempSync(join(tmpdir(), 'rotunda-slices-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const node = new StorageNode(directory, { cacheBytes: 0, writeBufferBytes: 8 << 20 })
    await node.open()
    const { guard } = node
    await fill(guard, rows(count, valueBytes))
    const used = watch(guard)
    const trees = new Trees(PARTITIONS, false)
    await buildTrees(guard, trees)
    t.is(
      Array.from({ length: PARTITIONS }, (_, partition) => trees.rowsOf(partition)).reduce((a, b) => a + b),
      count,
    )
    const replica = replicaOver(guard, trees)
    await findTombstones(replica)
    const keys = await listAll(guard, trees)
    t.true(keys.length > count / 32, `${keys.length} keys listed`)
    t.is(await readAll(guard, replica, keys), keys.length)
    for (const kind of ['scan', 'trees', 'exchange', 'reaping']) {
      const took = used.get(kind)!
      const [p99, longest] = [percentile(took, 0.99), Math.max(...took)]
      t.log(`${kind}: ${took.length} slices, p99 ${p99.toFixed(2)} ms, longest ${longest.toFixed(2)} ms`)
      t.true(p99 < BOUND_MS, `${kind}: p99 ${p99} ms`)
    }
    await node.close()
  })
