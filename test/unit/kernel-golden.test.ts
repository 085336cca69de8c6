/** The golden files through the TypeScript face: the same bytes that crates/kernel/tests/golden.rs reads. */
import test from 'ava'
import {
  applyWrite,
  applyWriteBound,
  type Change,
  type ChangeMark,
  CODES,
  checkContext,
  checkObject,
  checkRow,
  compareObjects,
  compareSkeleton,
  crc32c,
  decodeClock,
  decodeObject,
  encodeChanges,
  KernelError,
  keyHash,
  makeRowKey,
  mergeBound,
  mergeObjects,
  mergeObjectsBound,
  mergeRow,
  objectClock,
  objectDigest,
  partitionOf,
  placementTable,
  RELATION,
  rowActor,
  rowCommit,
  rowFlags,
  rowObject,
  type SiblingLimits,
  siblingCount,
  skeletonOf,
  splitRowKey,
  versionDigest,
  writtenContext,
  writtenContextBound,
} from '../../src/kernel/index.js'
import { bytes, golden, hex, written } from '../model/golden.js'

interface Invalid {
  readonly why: string
  readonly bytes: string
}

const EMPTY = new Uint8Array(0)

test('keys: hash, row key, partition', (t) => {
  interface Case {
    bucket: string
    key: string
    hash: string
    rowKey: string
    partitionOf256: number
    partitionOf65536: number
  }
  for (const c of golden<{ cases: Case[] }>('keys.json').cases) {
    const rowKey = makeRowKey(bytes(c.bucket), bytes(c.key))
    t.is(hex(rowKey), c.rowKey)
    t.is(keyHash(bytes(c.bucket), bytes(c.key)).toString(16).padStart(16, '0'), c.hash)
    t.is(partitionOf(rowKey, 8), c.partitionOf256)
    t.is(partitionOf(rowKey, 16), c.partitionOf65536)
    const { bucket, key } = splitRowKey(rowKey)
    t.deepEqual([hex(bucket), hex(key)], [c.bucket, c.key])
  }
})

test('clocks: decoded as described, and what is none is refused by both decoders', (t) => {
  interface Valid {
    name: string
    entries: { actor: string; spans: [number, number][] }[]
    bytes: string
  }
  const { valid, invalid } = golden<{ valid: Valid[]; invalid: Invalid[] }>('clocks.json')
  for (const c of valid) {
    const entries = decodeClock(bytes(c.bytes)).map(({ actor, contiguous, beyond }) => {
      const first = contiguous > 0 ? [[1, contiguous]] : []
      return { actor: hex(actor), spans: [...first, ...beyond.map((span) => [span.first, span.last])] }
    })
    t.deepEqual(entries, c.entries, c.name)
    t.is(checkContext(bytes(c.bytes)), 0)
  }
  for (const c of invalid) t.is(checkContext(bytes(c.bytes)), CODES.BAD_CONTEXT, c.why)
})

test('objects: decoded as described; what is none is refused', (t) => {
  interface Described {
    actor: string
    counter: number
    tombstone: boolean
    wallMs: number
    operation: string
    operationIsClients: boolean
    expiryMs: number | null
    attributes: string
    value: string
  }
  interface Valid {
    name: string
    clock: string
    siblings: Described[]
    bytes: string
  }
  const { valid, invalid } = golden<{ valid: Valid[]; invalid: Invalid[] }>('objects.json')
  for (const c of valid) {
    const object = bytes(c.bytes)
    t.is(checkObject(object), 0, c.name)
    t.is(hex(objectClock(object)), c.clock)
    t.is(siblingCount(object), c.siblings.length)
    const siblings = decodeObject(object).siblings.map((s) => ({
      actor: hex(s.dot.actor),
      counter: s.dot.counter,
      tombstone: s.tombstone,
      wallMs: s.wallMs,
      operation: hex(s.operation),
      operationIsClients: s.operationIsClients,
      expiryMs: s.expiryMs ?? null,
      attributes: hex(s.attributes),
      value: hex(s.value),
    }))
    t.deepEqual(siblings, c.siblings, c.name)
  }
  for (const c of invalid) t.is(checkObject(bytes(c.bytes)), CODES.BAD_OBJECT, c.why)
})

test('skeletons: clock and dots of each object, and equal to it', (t) => {
  interface Case {
    name: string
    object: string
    skeleton: string
  }
  for (const c of golden<{ cases: Case[] }>('skeletons.json').cases) {
    t.is(hex(skeletonOf(bytes(c.object))), c.skeleton, c.name)
    t.is(compareSkeleton(bytes(c.object), bytes(c.skeleton)), RELATION.EQUAL, c.name)
    t.is(checkObject(bytes(c.skeleton)), CODES.BAD_OBJECT, c.name)
  }
})

test('merges: the join either way, and how the two compare', (t) => {
  interface Case {
    name: string
    a: string
    b: string
    merged: string
    relation: string
  }
  const relations = {
    equal: RELATION.EQUAL,
    first: RELATION.FIRST_NEWER,
    second: RELATION.SECOND_NEWER,
    concurrent: RELATION.CONCURRENT,
  }
  for (const c of golden<{ cases: Case[] }>('merges.json').cases) {
    const [a, b] = [bytes(c.a), bytes(c.b)]
    t.is(hex(written(mergeObjectsBound(a, b), (out) => mergeObjects(a, b, out))), c.merged, c.name)
    t.is(hex(written(mergeObjectsBound(b, a), (out) => mergeObjects(b, a, out))), c.merged, c.name)
    t.is(compareObjects(a, b), relations[c.relation as keyof typeof relations], c.name)
    const row = written(mergeBound(EMPTY, a), (out) => mergeRow(EMPTY, a, false, out))
    const merged = written(mergeBound(row, b), (out) => mergeRow(row, b, false, out))
    t.is(merged.length === 0 ? c.a : hex(rowObject(merged)), c.merged, c.name)
  }
})

test('rows: read as described; damage and other keys are noticed', (t) => {
  interface Valid {
    name: string
    rowKey: string
    bytes: string
    flags: number
    actor: string | null
    commit: number
    object: string
  }
  const rows = golden<{ valid: Valid[]; invalid: (Invalid & { rowKey: string })[] }>('rows.json')
  for (const c of rows.valid) {
    const row = bytes(c.bytes)
    t.is(checkRow(bytes(c.rowKey), row), 0, c.name)
    const actor = rowActor(row)
    t.is(actor === undefined ? null : hex(actor), c.actor)
    t.deepEqual([rowFlags(row), rowCommit(row), hex(rowObject(row))], [c.flags, c.commit, c.object], c.name)
  }
  for (const c of rows.invalid) t.is(checkRow(bytes(c.rowKey), bytes(c.bytes)), CODES.BAD_ROW, c.why)
})

test('writes: the new row, or the code of the refusal', (t) => {
  interface Case {
    name: string
    row: string
    freshActor: string
    context: string
    write: {
      tombstone: boolean
      incomplete: boolean
      wallMs: number
      expiryMs: number
      operation: string
      operationIsClients: boolean
      attributes: string
      value: string
    }
    limits: SiblingLimits
    result?: string
    code?: number
  }
  for (const c of golden<{ cases: Case[] }>('writes.json').cases) {
    const { operation, attributes, value } = c.write
    const write = {
      ...c.write,
      operation: bytes(operation),
      attributes: bytes(attributes),
      value: bytes(value),
    }
    const [row, context] = [bytes(c.row), bytes(c.context)]
    const out = Buffer.alloc(applyWriteBound(row, context, write))
    const code = applyWrite(row, bytes(c.freshActor), context, write, c.limits, out)
    if (c.result === undefined) t.is(code, c.code!, c.name)
    else t.is(hex(out.subarray(0, code)), c.result, c.name)
  }
})

test('contexts: what a write is answered with', (t) => {
  interface Case {
    name: string
    object: string
    actor: string
    counter: number
    context: string
  }
  for (const c of golden<{ cases: Case[] }>('contexts.json').cases) {
    const object = bytes(c.object)
    const context = written(writtenContextBound(object), (out) =>
      writtenContext(object, bytes(c.actor), c.counter, out),
    )
    t.is(hex(context), c.context, c.name)
  }
})

test('digests: checksums, object and version digests', (t) => {
  interface Golden {
    cases: { bytes: string; crc32c: number; objectDigest: string }[]
    objects: { object: string; versionDigest: string }[]
  }
  const { cases, objects } = golden<Golden>('digests.json')
  const out = Buffer.alloc(16)
  for (const c of cases) {
    const input = bytes(c.bytes)
    t.is(crc32c(input), c.crc32c)
    t.is(crc32c(input.subarray(4), crc32c(input.subarray(0, 4))), c.crc32c)
    objectDigest(input, out)
    t.is(hex(out), c.objectDigest)
  }
  for (const c of objects) {
    t.is(versionDigest(bytes(c.object), out), 16)
    t.is(hex(out), c.versionDigest)
  }
})

test('placements: changes, members and tables', (t) => {
  interface Case {
    name: string
    partitions: number
    copies: number
    changes: Change[]
    packed: string
    packedBefore?: string
    q: number
    n: number
    owners: number
    members: string[]
    gone: string[]
    dues: number[]
    heads: string
    voided: string
    table: string
  }
  const marks = (list: readonly ChangeMark[]) =>
    list.map(({ stamp, author }) => `${stamp} ${author}`).join(', ')
  for (const c of golden<{ cases: Case[] }>('placements-2.json').cases) {
    t.is(hex(encodeChanges(c.changes)), c.packed, c.name)
    const packings = [encodeChanges([...c.changes].reverse())]
    if (c.packedBefore !== undefined) packings.push(bytes(c.packedBefore))
    for (const packed of packings) {
      const { partitions, n, members, gone, copies, dues, heads, voided, table } = placementTable(
        c.partitions,
        c.copies,
        packed,
      )
      t.deepEqual([members, gone, copies, dues], [c.members, c.gone, c.owners, c.dues], c.name)
      t.deepEqual([partitions, n, marks(heads), marks(voided)], [c.q, c.n, c.heads, c.voided], c.name)
      t.is(table.join(' '), c.table, c.name)
    }
  }
})

test('bytes that are no object or clock are refused by name', (t) => {
  t.throws(() => decodeObject(bytes('02')), { instanceOf: KernelError, message: /version/ })
  t.throws(() => decodeClock(bytes('0200')), { instanceOf: KernelError, message: /version/ })
})
