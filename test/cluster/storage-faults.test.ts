import { createHash } from 'node:crypto'
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { OpenReport } from '../../src/node/guard/index.js'
import { killChildren, StorageChild, writtenValue } from './storage-child.js'
import { StorageNode, saying } from './storage-node.js'

/** Faults of a process and of a disk, provoked on the real RocksDB under the real guard. What needs a small disk is in storage-full.test.ts. */
const VALUE_BYTES = 200
const KEYS = Array.from({ length: 400 }, (_, i) => `key-${i}`)

test('calls while closing and after the close are refused, and the process lives', async (t) => {
  const child = await StorageChild.start(temporary(t))
  await child.putAll(KEYS.slice(0, 20), VALUE_BYTES)
  t.is(await child.end(), 0)
})

test('killed while writing: every acknowledged write is there, under a new incarnation', async (t) => {
  const directory = temporary(t)
  let before: OpenReport | undefined
  const acked: string[] = []
  for (let round = 0; round < 3; round++) {
    const child = await StorageChild.start(directory)
    t.is(child.report?.boot, round + 1)
    t.is(child.report?.lost, 'nothing')
    if (before !== undefined) {
      t.false(child.report?.clean)
      t.not(child.report?.incarnation, before.incarnation)
    }
    before = child.report
    const rows = await child.read(acked)
    for (const [index, key] of acked.entries()) t.true(rows[index] === writtenValue(key, VALUE_BYTES), key)
    const keys = Array.from({ length: 2000 }, (_, i) => `round-${round}-${i}`)
    child.put(keys, VALUE_BYTES)
    await child.until(() => child.acked.size >= 60 + 100 * round)
    await child.kill()
    acked.push(...child.acked)
  }
  t.true(acked.length >= 3 * 60)
})

test('a clean stop keeps the incarnation', async (t) => {
  const directory = filled(t)
  const node = new StorageNode(directory)
  const report = await node.open()
  t.like(report, { boot: 3, clean: true, fresh: false, lost: 'nothing', hasRows: true })
  t.true(report.incarnation === incarnationOf.get(directory))
  await node.close()
})

test('a flipped bit in a table: each row is right or unreadable, no row is missing, no scan pretends to be whole', async (t) => {
  const directory = filled(t)
  const table = files(directory, /\.sst$/)[0]!
  const { size } = statSync(table)
  const seen = { unreadable: 0, damagedScans: 0, refused: 0 }
  for (let at = 7; at < size; at += Math.ceil(size / 14)) {
    const copy = copyOf(t, directory)
    flip(table.replace(directory, copy), at)
    const child = await StorageChild.start(copy, { cacheBytes: 0 })
    if (child.failure !== undefined) {
      t.regex(
        child.failure,
        /^The database is damaged and cannot be opened; it was left as it is \(table \d+\.sst is damaged: .*\)\.$/,
      )
      seen.refused++
      await child.exited()
      continue
    }
    const rows = await child.read(KEYS)
    for (const [index, key] of KEYS.entries()) {
      if (rows[index] === 'unreadable') seen.unreadable++
      else t.true(rows[index] === writtenValue(key, VALUE_BYTES), key)
    }
    const { rows: count, damaged } = await child.scan()
    if (damaged) seen.damagedScans++
    else t.is(count, KEYS.length)
    t.is(await child.end(), 0)
  }
  t.true(seen.unreadable > 0 && seen.damagedScans > 0, JSON.stringify(seen))
})

test('a missing table: its rows are unreadable, never missing', async (t) => {
  const directory = filled(t)
  for (const table of files(directory, /\.sst$/)) rmSync(table)
  const child = await StorageChild.start(directory, { cacheBytes: 0 })
  t.is(child.failure, undefined)
  const rows = await child.read(KEYS.slice(0, 50))
  t.deepEqual(new Set(rows), new Set(['unreadable']))
  t.true((await child.scan()).damaged)
  t.is(await child.end(), 0)
})

test('a damaged log is never opened without a word: rows are there, or the start says that some are lost', async (t) => {
  const directory = await withLog(t)
  const log = files(directory, /\.log$/)[0]!
  const { size } = statSync(log)
  const spots = Array.from({ length: 12 }, (_, i) => Math.floor((size * (i + 0.4)) / 12))
  const damages: ((path: string) => void)[] = [
    ...spots.map((at) => (path: string) => flip(path, at)),
    (path) => truncateSync(path, size >> 1),
    (path) => truncateSync(path, size - 1),
    (path) => rmSync(path),
  ]
  for (const damage of damages) {
    const copy = copyOf(t, directory)
    damage(log.replace(directory, copy))
    const node = new StorageNode(copy)
    const report = await node.open()
    t.like(report, { lost: 'tail', fresh: false })
    t.not(report.incarnation, incarnationOf.get(directory))
    const rows = (await node.read(KEYS)).map(saying)
    t.true(rows.includes('missing'))
    for (const [index, key] of KEYS.entries())
      if (rows[index] !== 'missing') t.true(rows[index] === writtenValue(key, VALUE_BYTES), key)
    await node.close()
    const again = new StorageNode(copy)
    t.is((await again.open()).lost, 'tail')
    await again.close()
  }
})

test('a torn end of the log, as a kill leaves it, is no loss', async (t) => {
  const directory = temporary(t)
  const child = await StorageChild.start(directory)
  await child.putAll(KEYS.slice(0, 50), VALUE_BYTES)
  await child.kill()
  const log = files(directory, /\.log$/)[0]!
  appendFileSync(log, Buffer.from('the beginning of a record that was never finished'))
  const node = new StorageNode(directory)
  t.is((await node.open()).lost, 'nothing')
  const rows = await node.read(KEYS.slice(0, 50))
  t.true(rows.every((row) => saying(row).startsWith('key-')))
  await node.close()
})

test('the database is emptied or its side file taken away: told, never fresh', async (t) => {
  const emptied = filled(t)
  rmSync(join(emptied, 'db'), { recursive: true })
  const first = new StorageNode(emptied)
  t.like(await first.open(), { fresh: false, lost: 'everything' })
  await first.close()
  const robbed = filled(t)
  rmSync(join(robbed, 'boots'))
  const second = new StorageNode(robbed)
  t.like(await second.open(), { fresh: false, lost: 'tail' })
  await second.close()
})

test('what cannot be opened is refused in one sentence, and left as it is', async (t) => {
  const damages: [RegExp, (path: string) => void][] = [
    [/^CURRENT$/, (path) => rmSync(path)],
    [/^CURRENT$/, (path) => writeFileSync(path, 'MANIFEST-999999\n')],
    [/^CURRENT$/, (path) => writeFileSync(path, '')],
    [/^MANIFEST/, (path) => flip(path, 40)],
    [/^MANIFEST/, (path) => rmSync(path)],
  ]
  for (const [name, damage] of damages) {
    const directory = filled(t)
    damage(files(directory, name)[0]!)
    const before = fingerprint(directory)
    const error = await t.throwsAsync(new StorageNode(directory).open())
    t.regex(error!.message, /^The database is damaged and cannot be opened; it was left as it is \(.*\)\.$/)
    t.deepEqual(fingerprint(directory), before)
  }
})

test('a directory that holds something else is refused and left as it is', async (t) => {
  const directory = temporary(t)
  const child = await StorageChild.start(directory)
  await child.end()
  rmSync(join(directory, 'db'), { recursive: true })
  cpSync(process.argv[1]!, join(directory, 'db', 'letters.txt'))
  const before = fingerprint(directory)
  const error = await t.throwsAsync(new StorageNode(directory).open())
  t.regex(error!.message, /holds no database \(letters\.txt\)/)
  t.deepEqual(fingerprint(directory), before)
})

test('a directory that another process has open is refused and left as it is', async (t) => {
  const directory = filled(t)
  const holder = await StorageChild.start(directory)
  const before = fingerprint(join(directory, 'db'))
  const error = await t.throwsAsync(new StorageNode(directory).open())
  t.regex(error!.message, /^The database may not be opened; it was left as it is \(.*LOCK.*\)\.$/)
  t.deepEqual(fingerprint(join(directory, 'db')), before)
  const rows = await holder.read(['key-0'])
  t.true(rows[0] === writtenValue('key-0', VALUE_BYTES))
  t.is(await holder.end(), 0)
})

/** The incarnation under which a directory of this test was last stopped. */
const incarnationOf = new Map<string, string>()

let prepared = { directory: '', incarnation: '' }

test.before(prepare)

test.after.always(killChildren)

test.after.always(() => rmSync(prepared.directory, { recursive: true, force: true }))

/** All of KEYS in one table, stopped cleanly twice: RocksDB writes its log into a table when it is opened. */
async function prepare(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rotunda-storage-'))
  const node = new StorageNode(directory)
  await node.open()
  await Promise.all(KEYS.map((key) => node.put(key, writtenValue(key, VALUE_BYTES))))
  await node.close()
  const again = new StorageNode(directory)
  const { incarnation } = await again.open()
  await again.close()
  prepared = { directory, incarnation }
}

function filled(t: ExecutionContext): string {
  const directory = copyOf(t, prepared.directory)
  incarnationOf.set(directory, prepared.incarnation)
  return directory
}

/** Half of KEYS in a table, half in the log, each in a batch of its own. */
async function withLog(t: ExecutionContext): Promise<string> {
  const directory = temporary(t)
  for (const half of [KEYS.slice(0, 200), KEYS.slice(200)]) {
    const node = new StorageNode(directory, { durability: 'os' })
    const { incarnation } = await node.open()
    for (const key of half) await node.put(key, writtenValue(key, VALUE_BYTES))
    await node.close()
    incarnationOf.set(directory, incarnation)
  }
  return directory
}

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rotunda-storage-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function copyOf(t: ExecutionContext, directory: string): string {
  const copy = temporary(t)
  cpSync(directory, copy, { recursive: true })
  return copy
}

function files(directory: string, name: RegExp): string[] {
  const database = join(directory, 'db')
  const names = readdirSync(database).filter((each) => name.test(each))
  return names.map((each) => join(database, each)).filter((path) => statSync(path).size > 0)
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 1 << (at % 8)
  writeFileSync(path, bytes)
}

/** Names and contents of all files; the lock file is only ever locked. */
function fingerprint(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true }) as string[]
  return names
    .filter((name) => !name.endsWith('LOCK') && statSync(join(directory, name)).isFile())
    .map(
      (name) =>
        `${name} ${createHash('md5')
          .update(readFileSync(join(directory, name)))
          .digest('hex')}`,
    )
    .sort()
}
