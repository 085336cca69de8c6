import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import test from 'ava'
import { RocksdbEngine } from '../../src/io/engines/rocksdb.js'
import { logsHaveHole } from '../../src/io/engines/rocksdb-log.js'
import { RocksdbManifest } from '../../src/io/engines/rocksdb-manifest.js'
import { verifyTable } from '../../src/io/engines/rocksdb-table.js'
import type { Completion } from '../../src/ports/engine.js'

/** What we read of RocksDB's own files, held against files that this RocksDB wrote. */
const directory = mkdtempSync(join(tmpdir(), 'rotunda-files-'))
const database = join(directory, 'db')
const spanning = join(directory, 'spanning')

test.before(async () => {
  await session(database, 300, 40)
  await session(database, 400, 40)
})

test.after.always(() => rmSync(directory, { recursive: true, force: true }))

test('a sound table is sound', async (t) => {
  t.is(await verifyTable(file('.sst'), 'ends'), undefined)
  t.is(await verifyTable(file('.sst'), 'all'), undefined)
})

test('a flipped bit anywhere in a table is found', async (t) => {
  const table = readFileSync(file('.sst'))
  for (let at = 0; at < table.length; at += 11) {
    t.not(await verifyTable(saved('flipped', flipped(table, at)), 'all'), undefined, `byte ${at}`)
  }
})

test('a table that was cut anywhere is found by its ends', async (t) => {
  const table = readFileSync(file('.sst'))
  for (let length = 0; length < table.length; length += 997) {
    t.not(await verifyTable(saved('cut', table.subarray(0, length)), 'ends'), undefined, `${length} bytes`)
  }
})

test('sound logs have no hole, nor has one that is cut at any point', async (t) => {
  t.false(await holes(readFileSync(file('.log'))))
  const log = readFileSync(file('.log'))
  for (let length = 0; length < log.length; length += 487)
    t.false(await holes(log.subarray(0, length)), `${length} bytes`)
})

test('a flipped bit in a log is a hole, unless only the last record is hit', async (t) => {
  const log = readFileSync(file('.log'))
  let found = 0
  for (let at = 0; at < log.length - 600; at += 331) {
    if (await holes(flipped(log, at))) found++
    else t.fail(`byte ${at} of ${log.length}`)
  }
  t.true(found > 50)
  t.false(await holes(flipped(log, log.length - 5)))
})

test('a record that spans blocks: damaged in its middle it is a hole, at the torn end it is none', async (t) => {
  await session(spanning, 3, 100_000)
  const log = readFileSync(file('.log', spanning))
  t.true(log.length > 300_000)
  t.true(await holes(flipped(log, 150_000)))
  t.false(await holes(flipped(log, log.length - 50_000)))
  const zeroed = Buffer.from(log)
  zeroed.fill(0, 120_000, 121_000)
  t.true(await holes(zeroed))
})

test('damage at the end of one log is a hole if another follows', async (t) => {
  const log = readFileSync(file('.log'))
  t.true(await holes(log.subarray(0, log.length - 10), log))
  t.false(await holes(log, log.subarray(0, log.length - 10)))
})

test('what a killed process has left of a table is no damage: the database opens, and is scanned', async (t) => {
  const left = join(directory, 'left')
  await session(left, 300, 40)
  await session(left, 300, 40)
  writeFileSync(join(left, '009999.sst'), Buffer.alloc(20))
  writeFileSync(join(left, '009998.sst'), readFileSync(file('.sst', left)).subarray(0, 4000))
  t.is(await scanned(left), 300)
})

test('a table that is in force and was cut is damage', async (t) => {
  const cut = join(directory, 'cut-database')
  await session(cut, 300, 40)
  await session(cut, 300, 40)
  const table = file('.sst', cut)
  writeFileSync(table, readFileSync(table).subarray(0, 4000))
  await t.throwsAsync(scanned(cut), { message: /damaged/ })
})

test('the MANIFEST names the tables in force, however it is read', async (t) => {
  const busy = join(directory, 'busy')
  const engine = new RocksdbEngine(busy, { writeBufferBytes: 64 * 1024 })
  await asked((done) => engine.open(done))
  const follower = new RocksdbManifest(busy)
  const sizes = new Set<number>()
  const unchanged = { yes: 0, no: 0 }
  let followed: ReadonlyMap<number, number> = new Map()
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 20; i++) {
      const value = randomBytes(8000)
      await asked((done) =>
        engine.batch(
          [{ type: 'put', key: Buffer.from(`key-${(round * 20 + i) % 300}`), value }],
          false,
          done,
        ),
      )
    }
    t.is(await count(engine), Math.min(300, (round + 1) * 20), 'a scan beside flushes and compactions')
    for (let look = 0; look < 3; look++) {
      const now = await new RocksdbManifest(busy).tables()
      if (await follower.isUnchanged()) {
        unchanged.yes++
        t.deepEqual(now, followed, 'what was the same a moment later was the same then')
      } else unchanged.no++
      followed = new Map(await follower.tables())
    }
    sizes.add(followed.size)
  }
  await asked((done) => engine.close(done))
  t.deepEqual(await new RocksdbManifest(busy).tables(), await follower.tables())
  t.true(sizes.size > 2, 'tables came and went')
  t.true(unchanged.yes > 0 && unchanged.no > 0)
  t.true(await follower.isUnchanged())
  await asked((done) => engine.open(done))
  t.false(await follower.isUnchanged(), 'an opening writes a MANIFEST of its own')
  // When compactions have come to rest, what is there is what is in force.
  for (let tries = 0; ; tries++) {
    const inForce = await follower.tables()
    const there = new Set(tableNumbers(busy))
    if (isDeepStrictEqual(there, new Set(inForce!.keys()))) break
    t.true(tries < 200, `in force ${[...inForce!.keys()].join()}, there ${[...there].join()}`)
    await setTimeout(25)
  }
  await asked((done) => engine.close(done))
})

test('a MANIFEST that was cut anywhere names tables that were in force before, and never fails', async (t) => {
  const whole = await new RocksdbManifest(database).tables()
  t.true(whole!.size > 0)
  const name = readFileSync(join(database, 'CURRENT'), 'latin1').trim()
  const bytes = readFileSync(join(database, name))
  const seen = new Set<number>()
  for (let length = 0; length <= bytes.length; length++) {
    const folder = join(directory, 'manifest')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    writeFileSync(join(folder, 'CURRENT'), `${name}\n`)
    writeFileSync(join(folder, name), bytes.subarray(0, length))
    const tables = await new RocksdbManifest(folder).tables()
    for (const table of tables!.keys()) seen.add(table)
    if (length === 0) t.is(tables!.size, 0)
    if (length === bytes.length) t.deepEqual(tables, whole)
  }
  t.true([...whole!.keys()].every((table) => seen.has(table)))
  t.true(seen.size <= 10, 'no number was made up')
  t.is(await new RocksdbManifest(join(directory, 'nowhere')).tables(), undefined)
})

/** Opens, which writes the last session's log into a table, and writes `count` rows in batches of their own. */
async function session(path: string, count: number, valueBytes: number): Promise<void> {
  const engine = new RocksdbEngine(path)
  await asked((done) => engine.open(done))
  for (let i = 0; i < count; i++) {
    const value = Buffer.alloc(valueBytes, `${i},`)
    await asked((done) => engine.batch([{ type: 'put', key: Buffer.from(`key-${i}`), value }], false, done))
  }
  await asked((done) => engine.close(done))
}

/** Opens, scans everything, closes: the number of rows. */
async function scanned(path: string): Promise<number> {
  const engine = new RocksdbEngine(path)
  await asked((done) => engine.open(done))
  try {
    return await count(engine)
  } finally {
    await asked((done) => engine.close(done))
  }
}

function count(engine: RocksdbEngine): Promise<number> {
  const range = { from: Buffer.alloc(0), maxRows: 10_000, maxBytes: 1 << 26 }
  return new Promise((resolve, reject) =>
    engine.scan(range, (error, result) =>
      error === undefined ? resolve(result.rows.length) : reject(error),
    ),
  )
}

async function holes(...logs: readonly Buffer[]): Promise<boolean> {
  const folder = mkdtempSync(join(directory, 'logs-'))
  for (const [index, log] of logs.entries()) writeFileSync(join(folder, `00000${index + 1}.log`), log)
  return await logsHaveHole(folder)
}

function saved(name: string, bytes: Buffer): string {
  writeFileSync(join(directory, name), bytes)
  return join(directory, name)
}

/** The largest file of that kind. */
function file(extension: string, path = database): string {
  const names = readdirSync(path).filter((name) => name.endsWith(extension))
  const [largest] = names
    .map((name) => join(path, name))
    .sort((a, b) => readFileSync(b).length - readFileSync(a).length)
  return largest!
}

function tableNumbers(path: string): number[] {
  const names = readdirSync(path).filter((name) => name.endsWith('.sst'))
  return names.map((name) => Number.parseInt(name, 10))
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1 << (at % 8)
  return copy
}

function asked(call: (done: Completion<void>) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error === undefined ? resolve() : reject(error))))
}
