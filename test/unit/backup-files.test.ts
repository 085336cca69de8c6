/** Files of a backup: what was written comes back, and whatever is changed in them is found, named, and costs no more than it has to. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import * as manifests from '../../src/cli/backup/manifest.js'
import { rangeName } from '../../src/cli/backup/range-file.js'
import { readRangeFile } from '../../src/cli/backup/range-file-reader.js'
import { RangeFileWriter } from '../../src/cli/backup/range-file-writer.js'
import { type CopiedRow, decodeRows } from '../../src/wire/copied-rows.js'
import { rowsByRange } from '../model/backup-objects.js'
import { makeBackup } from '../model/made-backup.js'

const HEAD = { backup: 'b'.repeat(32), cluster: 'c'.repeat(32), range: 0x7f }

function directoryOf(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rotunda-backup-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** `blocks` of two rows each or so: large objects do not share one. */
async function written(directory: string, rows: readonly CopiedRow[]) {
  const writer = await RangeFileWriter.create(directory, HEAD)
  await writer.add(rows)
  const end = await writer.finish()
  return { end, path: join(directory, rangeName(HEAD.range)) }
}

const largeRows = (count: number): CopiedRow[] =>
  Array.from({ length: count }, (_, index) => ({
    rowKey: Buffer.from([0x7f, index >> 8, 1, 98, index & 255]),
    object: Buffer.alloc(200_000, index),
  }))

async function readBack(path: string) {
  const rows: CopiedRow[] = []
  const verdict = await readRangeFile(path, (block) => {
    rows.push(...decodeRows(block.rows))
  })
  return { rows, verdict }
}

test('rows come back in their order, whatever they are and however many', async (t) => {
  const bytes = fc.uint8Array({ minLength: 2, maxLength: 300 })
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(bytes, { maxLength: 40, selector: String }), async (objects) => {
      const directory = mkdtempSync(join(tmpdir(), 'rotunda-backup-'))
      try {
        const rows = objects.map((object, index) => ({ rowKey: Buffer.from([0x7f, index, 0, 1]), object }))
        const { end, path } = await written(directory, rows)
        const { rows: found, verdict } = await readBack(path)
        t.deepEqual(verdict.damage, [])
        t.deepEqual(verdict.head, HEAD)
        t.deepEqual(verdict.end, end)
        t.is(end.rows, rows.length)
        t.deepEqual(
          found.map(({ rowKey, object }) => [[...rowKey], [...object]]),
          rows.map(({ rowKey, object }) => [[...rowKey], [...object]]),
        )
        t.deepEqual(readdirSync(directory), [rangeName(HEAD.range)])
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    }),
    { numRuns: 30 },
  )
})

test('a bit that has turned anywhere is found', async (t) => {
  const directory = directoryOf(t)
  const rows = rowsByRange(600)[0x11]!.map((row) => ({ ...row, rowKey: Buffer.from(row.rowKey) }))
  const { path } = await written(directory, rows)
  const bytes = readFileSync(path)
  t.true(bytes.length < 2_000 && rows.length > 0)
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1 << (at % 8)
    writeFileSync(path, changed)
    const { end, damage } = await readRangeFile(path)
    t.true(damage.length > 0 && end === undefined, `byte ${at}`)
  }
})

test('a file cut short anywhere, or with something behind its end, is damaged', async (t) => {
  const { path } = await written(directoryOf(t), rowsByRange(600)[0x11]!)
  const bytes = readFileSync(path)
  for (let length = 0; length < bytes.length; length++) {
    writeFileSync(path, bytes.subarray(0, length))
    t.true((await readRangeFile(path)).damage.length > 0, `${length} bytes`)
  }
  writeFileSync(path, Buffer.concat([bytes, Buffer.of(0)]))
  t.deepEqual((await readRangeFile(path)).damage, ['something follows its end'])
})

test('of a damaged file the blocks that are whole can still be read', async (t) => {
  const rows = largeRows(10)
  const { path } = await written(directoryOf(t), rows)
  const bytes = readFileSync(path)
  // Within the rows of the third of five blocks.
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  writeFileSync(path, bytes)
  const { rows: found, verdict } = await readBack(path)
  t.is(verdict.intact, 8)
  t.is(found.length, 8)
  t.regex(verdict.damage.join(), /^block 2 is damaged/)
  t.deepEqual(
    found.map(({ object }) => object[0]),
    [0, 1, 2, 3, 6, 7, 8, 9],
  )
})

test('a block of another file is none of this one', async (t) => {
  const [one, other] = [directoryOf(t), directoryOf(t)]
  const { path } = await written(one, largeRows(4))
  const writer = await RangeFileWriter.create(other, { ...HEAD, backup: 'd'.repeat(32) })
  await writer.add(largeRows(4))
  await writer.finish()
  const mixed = readFileSync(path)
  const foreign = readFileSync(join(other, rangeName(HEAD.range)))
  foreign.copy(mixed, 120, 120)
  writeFileSync(path, mixed)
  t.true((await readRangeFile(path)).damage.length > 0)
})

test('what was abandoned leaves nothing, and a file has its name only when it is whole', async (t) => {
  const directory = directoryOf(t)
  const writer = await RangeFileWriter.create(directory, HEAD)
  await writer.add(largeRows(4))
  t.false(readdirSync(directory).includes(rangeName(HEAD.range)))
  await writer.abandon()
  t.deepEqual(readdirSync(directory), [])
})

test('the manifest comes back as it was, and a changed one is refused', async (t) => {
  const directory = directoryOf(t)
  t.is(await manifests.load(directory), undefined)
  const manifest = await makeBackup(directory, rowsByRange(100))
  t.deepEqual(await manifests.load(directory), manifest)
  t.is(manifest.rows, 100)
  const path = join(directory, 'manifest.json')
  const text = readFileSync(path, 'utf8')
  for (const changed of [text.replace('"rows": 100', '"rows": 101'), text.slice(0, -40), '{}', 'null']) {
    writeFileSync(path, changed)
    await t.throwsAsync(() => manifests.load(directory), { message: /damaged/ })
  }
})

test('two backups of the same rows have the same content, whatever blocks they are in', async (t) => {
  const [one, other] = [directoryOf(t), directoryOf(t)]
  const first = await makeBackup(one, rowsByRange(300))
  const second = await makeBackup(other, rowsByRange(300))
  t.is(first.content, second.content)
  t.not(first.backup, second.backup)
  t.not(first.ranges[0]!.file, second.ranges[0]!.file)
})
