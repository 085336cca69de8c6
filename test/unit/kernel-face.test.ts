/** What the face adds to the core: checks of arguments, errors, handles. */
import test from 'ava'
import {
  applyWrite,
  applyWriteBound,
  CODES,
  checkRow,
  decodeClock,
  decodeObject,
  encodeChanges,
  entryContains,
  KernelError,
  type KernelErrorCode,
  liveCount,
  makeRowKey,
  mergeBound,
  mergeRow,
  merkleClear,
  merkleCommit,
  merkleCreate,
  merkleDepth,
  merkleDiffer,
  merkleFree,
  merkleLevel,
  merkleRows,
  merkleSegment,
  merkleWidth,
  objectClock,
  objectDigest,
  partitionOf,
  placementTable,
  ROW_FLAGS,
  rowActor,
  rowCommit,
  rowFlags,
  rowObject,
  sealRow,
  sealRowKey,
  sealToken,
  setIncomplete,
  siblingCount,
  splitRowKey,
  type Write,
  writtenContext,
  writtenContextBound,
} from '../../src/kernel/index.js'
import { bytes, written } from '../model/golden.js'

const NONE = new Uint8Array(0)
const ACTOR = bytes('a1a2a3a4a5a6a7a8000000000001')
const FRESH = bytes('a1a2a3a4a5a6a7a8000000000002')
const LIMITS = { maxSiblings: 128, maxBytes: 8 << 20 }
const ROW_KEY = makeRowKey(Buffer.from('carts'), Buffer.from('alice'))

function value(text: string): Write {
  return {
    tombstone: false,
    incomplete: false,
    wallMs: 1_700_000_000_000,
    operation: NONE,
    operationIsClients: false,
    attributes: NONE,
    value: Buffer.from(text),
  }
}

function put(row: Uint8Array, actor: Uint8Array, context: Uint8Array, write: Write): Buffer {
  return written(applyWriteBound(row, context, write), (out) =>
    applyWrite(row, actor, context, write, LIMITS, out),
  )
}

function answer(row: Uint8Array, counter: number): Buffer {
  const object = rowObject(row)
  return written(writtenContextBound(object), (out) => writtenContext(object, ACTOR, counter, out))
}

function values(row: Uint8Array): string[] {
  return decodeObject(rowObject(row)).siblings.map((sibling) => Buffer.from(sibling.value).toString())
}

test('two blind puts through one node, then a put with the second context: the first is not lost', (t) => {
  const first = put(NONE, ACTOR, NONE, value('x'))
  const second = put(first, FRESH, NONE, value('y'))
  const seen = answer(second, 2)
  t.deepEqual(
    decodeClock(seen).map((entry) => [1, 2, 3].filter((counter) => entryContains(entry, counter))),
    [[2]],
  )
  const third = put(second, FRESH, seen, value('z'))
  t.deepEqual(values(third), ['x', 'z'])
  t.deepEqual(
    decodeObject(rowObject(third)).siblings.map((sibling) => sibling.dot.counter),
    [1, 3],
  )
  const merged = put(third, FRESH, objectClock(rowObject(third)), value('both'))
  t.deepEqual(values(merged), ['both'])
})

test('a client that goes on with the contexts of its own puts keeps a small context', (t) => {
  let row = put(NONE, ACTOR, NONE, value('untouched'))
  row = put(row, ACTOR, NONE, value('mine 2'))
  let context = answer(row, 2)
  for (let counter = 3; counter <= 1_000; counter++) {
    row = put(row, ACTOR, context, value(`mine ${counter}`))
    context = answer(row, counter)
  }
  t.deepEqual(values(row), ['untouched', 'mine 1000'])
  t.true(context.length < 32, `${context.length} bytes`)
})

test('a row is sealed, marked and read in place', (t) => {
  const row = put(NONE, ACTOR, NONE, value('x'))
  t.is(checkRow(ROW_KEY, row), CODES.BAD_ROW, 'not sealed yet')
  sealRow(ROW_KEY, row, Number.MAX_SAFE_INTEGER)
  t.is(checkRow(ROW_KEY, row), 0)
  t.is(rowCommit(row), Number.MAX_SAFE_INTEGER)
  t.deepEqual(Buffer.from(rowActor(row)!), ACTOR)
  setIncomplete(row, true)
  t.is(checkRow(ROW_KEY, row), CODES.BAD_ROW, 'marking breaks the seal')
  t.is(rowFlags(row) & ROW_FLAGS.INCOMPLETE, ROW_FLAGS.INCOMPLETE)
  setIncomplete(row, false)
  t.is(checkRow(ROW_KEY, row), 0)
  t.is(rowObject(NONE).length, 0)
  t.is(rowActor(NONE), undefined)
})

test('siblings are counted without being read', (t) => {
  let row = put(NONE, ACTOR, NONE, value('x'))
  row = put(row, ACTOR, NONE, value('y'))
  row = put(row, ACTOR, NONE, { ...value(''), tombstone: true })
  t.is(siblingCount(rowObject(row)), 3)
  t.is(liveCount(rowObject(row)), 2)
})

const mistakes: Record<string, [KernelErrorCode, () => unknown]> = {
  'a wall time before 1970': ['bad-argument', () => put(NONE, ACTOR, NONE, { ...value('x'), wallMs: -1 })],
  'a wall time with a fraction': [
    'bad-argument',
    () => put(NONE, ACTOR, NONE, { ...value('x'), wallMs: 0.5 }),
  ],
  'a wall time beyond 48 bits': [
    'bad-argument',
    () => put(NONE, ACTOR, NONE, { ...value('x'), wallMs: 2 ** 48 }),
  ],
  'an expiry that is no number': [
    'bad-argument',
    () => put(NONE, ACTOR, NONE, { ...value('x'), expiryMs: Number.NaN }),
  ],
  'an actor that is too short': ['bad-argument', () => put(NONE, ACTOR.subarray(1), NONE, value('x'))],
  'an operation of 65 bytes': [
    'bad-argument',
    () => put(NONE, ACTOR, NONE, { ...value('x'), operation: Buffer.alloc(65) }),
  ],
  'a tombstone with a value': [
    'bad-argument',
    () => put(NONE, ACTOR, NONE, { ...value('x'), tombstone: true }),
  ],
  'a limit below zero': [
    'bad-argument',
    () => applyWrite(NONE, ACTOR, NONE, value('x'), { maxSiblings: -1, maxBytes: 1 }, Buffer.alloc(999)),
  ],
  'an output that is too small': [
    'out-too-small',
    () => applyWrite(NONE, ACTOR, NONE, value('x'), LIMITS, Buffer.alloc(9)),
  ],
  'a commit number below zero': [
    'bad-argument',
    () => sealRow(ROW_KEY, put(NONE, ACTOR, NONE, value('x')), -1),
  ],
  'sealing what is no row': ['bad-row', () => sealRow(ROW_KEY, Buffer.alloc(15), 1)],
  'the commit number of what is no row': ['bad-row', () => rowCommit(Buffer.alloc(15))],
  'the object of a row cut short': ['bad-row', () => rowObject(Buffer.from([1, 1, 0, 0, 0]))],
  'a token without a key': ['out-too-small', () => sealToken(Buffer.alloc(35), Buffer.alloc(99), 0, 9)],
  'a token and no room for its text': [
    'out-too-small',
    () => sealToken(Buffer.alloc(36), Buffer.alloc(45), 0, 9),
  ],
  'a digest into 15 bytes': ['out-too-small', () => objectDigest(NONE, Buffer.alloc(15))],
  'a row key that promises more than it has': ['bad-argument', () => sealRowKey(Buffer.from([0, 0, 2, 1]))],
  'splitting such a row key': ['bad-argument', () => splitRowKey(Buffer.from([0, 0, 2, 1]))],
  'splitting nothing': ['bad-argument', () => splitRowKey(NONE)],
  'a bucket of 256 bytes': ['bad-argument', () => makeRowKey(Buffer.alloc(256), NONE)],
  '17 bits of partition': ['bad-argument', () => partitionOf(ROW_KEY, 17)],
  'partitions that are no power of two': ['bad-argument', () => placementTable(100, 3, encodeChanges([]))],
  'no copies': ['bad-argument', () => placementTable(128, 0, encodeChanges([]))],
  'changes that are none': ['bad-changes', () => placementTable(128, 3, Buffer.from([9]))],
  'a tree that never was': ['bad-tree', () => merkleRows(12_345)],
  'a tree of 21 bits of segment': [
    'bad-argument',
    () => merkleCreate({ partition: 0, partitionBits: 0, segmentBits: 21, fanBits: 4 }),
  ],
  'a tree of a partition beyond the last': [
    'bad-tree',
    () => merkleCreate({ partition: 4, partitionBits: 2, segmentBits: 4, fanBits: 4 }),
  ],
}

for (const [mistake, [code, make]] of Object.entries(mistakes)) {
  test(`thrown as ${code}: ${mistake}`, (t) => {
    const error = t.throws(make, { instanceOf: KernelError })
    t.is(error.code, code)
    t.false(error.message.includes('\n'))
  })
}

test('a change that cannot be packed is refused by name', (t) => {
  const id = '0'.repeat(32)
  const join = { stamp: 1, author: id, kind: 'join', member: id, weight: 1, zone: '' } as const
  const refused = (change: object) =>
    t.throws(() => encodeChanges([{ ...join, ...change }]), { instanceOf: KernelError })
  refused({ weight: 0 })
  refused({ weight: Number.NaN })
  refused({ weight: Number.POSITIVE_INFINITY })
  refused({ zone: 'z'.repeat(65) })
  refused({ member: 'A'.repeat(32) })
  refused({ author: '' })
  refused({ kind: 'promote' })
  refused({ stamp: -1 })
  refused({ after: Array.from({ length: 1025 }, () => ({ stamp: 0, author: id })) })
  refused({ after: [{ stamp: 0, author: '' }] })
  refused({ kind: 'replace', replaced: 'nobody' })
  refused({ kind: 'split', partitions: 100 })
  refused({ kind: 'split', partitions: 131_072 })
  refused({ kind: 'copies', copies: 17 })
  t.is(placementTable(8, 3, encodeChanges([join])).members.length, 1)
})

test('an output that shares memory with an input is refused, and nothing is written', (t) => {
  const row = put(NONE, ACTOR, NONE, value('x'))
  const memory = Buffer.alloc(4096)
  row.copy(memory)
  const before = Buffer.from(memory)
  const inside = memory.subarray(0, row.length)
  const other = rowObject(put(NONE, bytes('b1b2b3b4b5b6b7b8000000000001'), NONE, value('y')))
  t.true(mergeBound(inside, other) < memory.length)
  t.throws(() => mergeRow(inside, other, false, memory), { instanceOf: KernelError })
  t.throws(() => applyWrite(inside, FRESH, NONE, value('y'), LIMITS, memory), { instanceOf: KernelError })
  t.deepEqual(memory, before)
})

test('arguments that are no bytes are an error, never a crash', (t) => {
  for (const nonsense of [undefined, null, 7, 'text', {}, [], new Uint16Array(4)]) {
    t.throws(() => checkRow(ROW_KEY, nonsense as unknown as Uint8Array))
    t.throws(() => objectDigest(NONE, nonsense as unknown as Uint8Array))
  }
})

test('two trees find the segment in which they differ, level by level', (t) => {
  const shape = { partition: partitionOf(ROW_KEY, 8), partitionBits: 8, segmentBits: 10, fanBits: 4 }
  const [mine, theirs] = [merkleCreate(shape), merkleCreate(shape)]
  const row = Buffer.concat([Uint8Array.of(1), Buffer.alloc(15), Buffer.from('no object, and yet bytes')])
  merkleCommit(Uint32Array.of(mine), [ROW_KEY, NONE, row])
  t.is(merkleRows(mine), 1)
  let suspects = [0]
  for (let level = 0; level <= merkleDepth(shape); level++) {
    const width = merkleWidth(shape, level)
    const nodes = written(width * 16, (out) => merkleLevel(theirs, level, 0, width, out))
    suspects = [...merkleDiffer(mine, level, 0, nodes)]
    t.is(suspects.length, 1)
  }
  t.deepEqual(suspects, [merkleSegment(mine, ROW_KEY)])
  merkleCommit(Uint32Array.of(theirs), [ROW_KEY, NONE, row])
  const roots = [mine, theirs].map((tree) => written(16, (out) => merkleLevel(tree, 0, 0, 1, out)))
  t.deepEqual(roots[0], roots[1])
  merkleClear(mine)
  t.is(merkleRows(mine), 0)
  merkleFree(mine)
  t.is(t.throws(() => merkleRows(mine), { instanceOf: KernelError }).code, 'bad-tree')
  t.throws(() => merkleFree(mine), { instanceOf: KernelError })
  merkleFree(theirs)
})
