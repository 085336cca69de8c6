import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { RocksdbEngine } from '../../src/io/engines/rocksdb.js'
import { RocksdbManifest } from '../../src/io/engines/rocksdb-manifest.js'
import {
  endOfRecord,
  LOG_BLOCK_BYTES,
  RECORD_HEAD_BYTES,
  recordsOf,
} from '../../src/io/engines/rocksdb-record.js'
import { rowsOfTable, verifyTable } from '../../src/io/engines/rocksdb-table.js'
import type { BatchOperation, Completion, Mended } from '../../src/ports/engine.js'

/** Damaged tables of real databases are taken out of them, and nothing else changes. */
const directory = mkdtempSync(join(tmpdir(), 'rotunda-mending-'))
test.after.always(() => rmSync(directory, { recursive: true, force: true }))

const KEYS = Array.from({ length: 300 }, (_, index) => `key-${String(index).padStart(3, '0')}`)
const isDeleted = (index: number) => index % 3 === 1
const isNew = (index: number) => index % 3 === 2

/** Two tables, and a log: older versions of all keys in the first; in the second a third is written anew and a third is deleted. */
async function made(name: string): Promise<string> {
  const path = join(directory, name)
  await session(path, KEYS.map(oldRow))
  await session(path, KEYS.flatMap(change))
  await session(path, [])
  return path
}

function oldRow(key: string): BatchOperation {
  return { type: 'put', key: Buffer.from(key), value: Buffer.from(`old ${key} ${'.'.repeat(200)}`) }
}

function change(key: string, index: number): BatchOperation[] {
  if (isDeleted(index)) return [{ type: 'del', key: Buffer.from(key) }]
  return isNew(index) ? [{ type: 'put', key: Buffer.from(key), value: newValue(key) }] : []
}

/** Not to be compressed: the blocks are to be many. */
const newValues = new Map<string, Buffer>()
function newValue(key: string): Buffer {
  const value = newValues.get(key) ?? Buffer.concat([Buffer.from(`new ${key} `), randomBytes(200)])
  newValues.set(key, value)
  return value
}

function expected(key: string, index: number): string {
  if (isDeleted(index)) return 'nothing'
  return isNew(index) ? newValue(key).toString('latin1') : `old ${key} ${'.'.repeat(200)}`
}

test('rows of a table, as RocksDB gives them', async (t) => {
  const path = await made('listed')
  const [older, newer] = tables(path)
  const rows = await listed(older!)
  t.deepEqual(
    rows.map(({ key }) => key.toString()),
    KEYS,
  )
  t.true(rows.every(({ key, value }) => value!.toString().startsWith(`old ${key}`)))
  const changes = await listed(newer!)
  t.is(changes.length, 200)
  t.true(changes.every(({ key, value }) => (value === undefined) === isDeleted(KEYS.indexOf(key.toString()))))
  const [after, before] = [Buffer.from('key-100'), Buffer.from('key-110')]
  const some = (await listed(newer!, { after, before })).map(({ key }) => key.toString())
  t.true(some.length < changes.length, `${some.length} rows`)
  const between = KEYS.slice(101, 110).filter(
    (key) => isDeleted(KEYS.indexOf(key)) || isNew(KEYS.indexOf(key)),
  )
  for (const key of between) t.true(some.includes(key), key)
})

test('wherever a bit of a table flips: what could be read can be, nothing else is there, nothing deleted and nothing older', async (t) => {
  const path = await made('flipped')
  const { size } = statSync(tables(path)[1]!)
  const seen = { mended: 0, unreadable: 0, setAside: 0, refused: 0 }
  for (let at = 3; at < size; at += Math.ceil(size / 40)) {
    const copy = join(directory, `flipped-${at}`)
    cpSync(path, copy, { recursive: true })
    const table = tables(copy)[1]!
    flip(table, at)
    if ((await verifyTable(table, 'ends')) !== undefined) {
      seen.refused++
      continue
    }
    const engine = new RocksdbEngine(copy)
    await asked((done) => engine.open(done))
    const before = await readEach(engine)
    await t.throwsAsync(scanned(engine), { message: /damaged/ }, `byte ${at}`)
    await asked((done) => engine.close(done))
    const damagedBytes = readFileSync(table)
    const mended = await asked<Mended>((done) => engine.mend(done)).catch((error: Error) => error)
    if (mended instanceof Error) {
      // The index itself: nothing tells what lies where. The database is as it was.
      t.regex(mended.message, /: (index|block at)/)
      t.true(tables(copy).includes(table))
      seen.refused++
      continue
    }
    await asked((done) => engine.open(done))
    const after = await readEach(engine)
    for (const [index, key] of KEYS.entries()) {
      if (before[index] === 'damaged') seen.unreadable++
      else t.is(before[index], expected(key, index))
      t.is(after[index], before[index] === 'damaged' ? 'nothing' : expected(key, index), `byte ${at} ${key}`)
    }
    t.is(await scanned(engine), after.filter((value) => value !== 'nothing').length)
    await asked((done) => engine.close(done))
    const [name] = mended.tables
    t.false((await new RocksdbManifest(copy).tables())!.has(Number.parseInt(name!, 10)))
    t.true(readFileSync(join(mended.aside, name!)).equals(damagedBytes))
    seen.mended++
    seen.setAside += mended.rowsSetAside
  }
  t.true(seen.mended > 20 && seen.unreadable > 0 && seen.setAside > 0, JSON.stringify(seen))
})

test('what is set aside says which older versions it holds', async (t) => {
  const path = await made('aside')
  const table = tables(path)[1]!
  flip(table, 1_000)
  const engine = new RocksdbEngine(path)
  await asked((done) => engine.open(done))
  await t.throwsAsync(scanned(engine))
  await asked((done) => engine.close(done))
  const { aside, rowsSetAside, tables: names } = await asked<Mended>((done) => engine.mend(done))
  t.true(rowsSetAside > 0)
  const lines = readFileSync(join(aside, `${names[0]}.older`), 'latin1')
    .trimEnd()
    .split('\n')
  t.is(lines.length, rowsSetAside)
  for (const line of lines) {
    const [key, value] = line.split(' ')
    const name = Buffer.from(key!, 'hex').toString()
    t.is(Buffer.from(value!, 'base64').toString(), `old ${name} ${'.'.repeat(200)}`)
  }
})

test('a database without damage is not mended', async (t) => {
  const path = await made('sound')
  const engine = new RocksdbEngine(path)
  await asked((done) => engine.open(done))
  await scanned(engine)
  await asked((done) => engine.close(done))
  const names = tables(path)
  await t.throwsAsync(asked<Mended>((done) => engine.mend(done)))
  t.deepEqual(tables(path), names)
})

test('a read that meets damage takes back that a table was found sound', async (t) => {
  const path = await made('rotten')
  const engine = new RocksdbEngine(path, { blockCacheBytes: 1 })
  await asked((done) => engine.open(done))
  t.is(await scanned(engine), 200)
  flip(tables(path)[1]!, 1_000)
  t.true((await readEach(engine)).includes('damaged'))
  await t.throwsAsync(scanned(engine), { message: /damaged/ })
  await asked((done) => engine.close(done))
})

test('records of a log are read back as they were written, wherever they begin', (t) => {
  for (let left = 0; left < 40; left++) {
    for (const length of [1, 8, 30, 40_000, 70_000]) {
      const at = LOG_BLOCK_BYTES - left
      const contents = randomBytes(length)
      const log = Buffer.concat([Buffer.alloc(at), recordsOf(contents, at)])
      const parts: Buffer[] = []
      for (let from = at; from < log.length; ) {
        const room = LOG_BLOCK_BYTES - (from % LOG_BLOCK_BYTES)
        if (room < RECORD_HEAD_BYTES) from += room
        const end = endOfRecord(log, from)
        if (end === undefined) return t.fail(`${left} ${length} at ${from}`)
        parts.push(log.subarray(from + RECORD_HEAD_BYTES, end))
        from = end
      }
      t.true(Buffer.concat(parts).equals(contents))
    }
  }
})

async function session(path: string, operations: readonly BatchOperation[]): Promise<void> {
  const engine = new RocksdbEngine(path)
  await asked((done) => engine.open(done))
  if (operations.length > 0) await asked((done) => engine.batch(operations, true, done))
  await asked((done) => engine.close(done))
}

/** What each key holds: its value, `nothing` or `damaged`. */
async function readEach(engine: RocksdbEngine): Promise<string[]> {
  const values: string[] = []
  for (const key of KEYS) {
    const read = asked<readonly (Uint8Array | undefined)[]>((done) =>
      engine.getMany([Buffer.from(key)], done),
    )
    const value = await read.then(
      ([bytes]) => (bytes === undefined ? 'nothing' : Buffer.from(bytes).toString('latin1')),
      () => 'damaged',
    )
    values.push(value)
  }
  return values
}

async function scanned(engine: RocksdbEngine): Promise<number> {
  const range = { from: Buffer.alloc(0), maxRows: 10_000, maxBytes: 1 << 26 }
  const { rows } = await asked<{ rows: readonly unknown[] }>((done) => engine.scan(range, done))
  return rows.length
}

async function listed(path: string, between?: Parameters<typeof rowsOfTable>[1]) {
  const rows: { key: Buffer; value: Buffer | undefined }[] = []
  for await (const block of rowsOfTable(path, between)) if (block !== 'damaged') rows.push(...block)
  return rows
}

/** Oldest first. */
function tables(path: string): string[] {
  return readdirSync(path)
    .filter((name) => name.endsWith('.sst'))
    .sort()
    .map((name) => join(path, name))
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 1 << (at % 8)
  writeFileSync(path, bytes)
}

function asked<T>(call: (done: Completion<T>) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    call((error, result) => (error === undefined ? resolve(result) : reject(error))),
  )
}
