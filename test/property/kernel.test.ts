/** The TypeScript decoders beside the core's: on any bytes both are total, and on objects they see the same. */
import { createHash } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import {
  applyWrite,
  applyWriteBound,
  checkContext,
  checkObject,
  checkRow,
  compareObjects,
  decodeAttributes,
  decodeClock,
  decodeObject,
  encodeAttributes,
  entryContains,
  KernelError,
  keyHash,
  liveCount,
  makeRowKey,
  mergeBound,
  mergeObjects,
  mergeObjectsBound,
  mergeRow,
  objectClock,
  RELATION,
  rowActor,
  rowObject,
  sealRow,
  siblingCount,
  splitRowKey,
} from '../../src/kernel/index.js'
import { written } from '../model/golden.js'

const RUNS = { numRuns: 10_000 }
const NONE = new Uint8Array(0)
const LIMITS = { maxSiblings: 1_000, maxBytes: 1e9 }
const ACTORS = [1, 2, 3].map((n) => Buffer.alloc(14, n))

const anyBytes = fc.uint8Array({ maxLength: 120 })

/** One write after another, each by an actor, seeing nothing, all, or what one sibling stands for. */
const history = fc.array(
  fc.record({
    actor: fc.nat({ max: ACTORS.length - 1 }),
    sees: fc.constantFrom('nothing', 'all'),
    tombstone: fc.boolean(),
    value: fc.uint8Array({ maxLength: 20 }),
    operation: fc.uint8Array({ maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 8 },
)

type Step = typeof history extends fc.Arbitrary<(infer S)[]> ? S : never

function live(steps: readonly Step[]): Buffer {
  let row: Uint8Array = NONE
  for (const [at, step] of steps.entries()) {
    const context = step.sees === 'all' && row.length > 0 ? objectClock(rowObject(row)) : NONE
    const write = {
      tombstone: step.tombstone,
      incomplete: false,
      wallMs: at,
      operation: Buffer.concat([Uint8Array.of(at), step.operation]),
      operationIsClients: at % 2 === 0,
      attributes: step.operation,
      value: step.tombstone ? NONE : step.value,
    }
    const before = row
    row = written(applyWriteBound(before, context, write), (out) =>
      applyWrite(before, ACTORS[step.actor]!, context, write, LIMITS, out),
    )
  }
  return row as Buffer
}

/** A mistake of the bytes may be thrown, nothing else. */
function orRefused(read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
  }
}

test('any bytes: every decoder gives a value or its own error', (t) => {
  fc.assert(
    fc.property(anyBytes, fc.constantFrom<number[]>([], [1], [1, 0], [1, 0, 1]), (tail, head) => {
      const bytes = Uint8Array.from([...head, ...tail])
      orRefused(() => decodeObject(bytes))
      orRefused(() => decodeClock(bytes))
      orRefused(() => decodeAttributes(bytes))
      orRefused(() => objectClock(bytes))
      orRefused(() => siblingCount(bytes))
      orRefused(() => liveCount(bytes))
      orRefused(() => rowObject(bytes))
      orRefused(() => rowActor(bytes))
      orRefused(() => splitRowKey(bytes))
      const checked = [checkObject(bytes), checkContext(bytes), checkRow(NONE, bytes)]
      if (checked[1] === 0) decodeClock(bytes)
      return checked.every((code) => code <= 0)
    }),
    RUNS,
  )
  t.pass()
})

test('changed objects: what the core accepts, TypeScript reads', (t) => {
  let accepted = 0
  fc.assert(
    fc.property(history, fc.nat(), fc.nat({ max: 255 }), (steps, at, byte) => {
      const object = Buffer.from(rowObject(live(steps)))
      object[at % object.length] = byte
      if (checkObject(object) !== 0) return orRefused(() => decodeObject(object))
      accepted++
      const { clock, siblings } = decodeObject(object)
      if (checkContext(clock) !== 0) throw new Error('The clock within an object is no context.')
      if (siblings.length !== siblingCount(object)) throw new Error('Siblings were miscounted.')
    }),
    RUNS,
  )
  t.true(accepted > 1_000, `${accepted} accepted`)
})

test('objects that were written: every sibling is in the clock, live ones are counted', (t) => {
  fc.assert(
    fc.property(history, (steps) => {
      const object = rowObject(live(steps))
      const { clock, siblings } = decodeObject(object)
      const entries = decodeClock(clock)
      for (const { dot } of siblings) {
        const entry = entries.find(({ actor }) => Buffer.compare(actor, dot.actor) === 0)
        if (!entryContains(entry, dot.counter)) return false
      }
      return liveCount(object) === siblings.filter((sibling) => !sibling.tombstone).length
    }),
    RUNS,
  )
  t.pass()
})

test('rows merged either way hold one object, and it is newer than both or equal', (t) => {
  fc.assert(
    fc.property(history, history, (some, others) => {
      const shifted = others.map((step) => ({ ...step, actor: 2 - step.actor }))
      const [a, b] = [rowObject(live(some)), rowObject(live(shifted))]
      const both = written(mergeObjectsBound(a, b), (out) => mergeObjects(a, b, out))
      const row = written(mergeBound(NONE, a), (out) => mergeRow(NONE, a, false, out))
      const merged = written(mergeBound(row, b), (out) => mergeRow(row, b, false, out))
      const object = merged.length === 0 ? rowObject(row) : rowObject(merged)
      const relations = [compareObjects(both, a), compareObjects(both, b)]
      return (
        Buffer.compare(object, both) === 0 &&
        relations.every((relation) => relation === RELATION.EQUAL || relation === RELATION.FIRST_NEWER)
      )
    }),
    RUNS,
  )
  t.pass()
})

test('a sealed row is whole for its own key and for no other', (t) => {
  fc.assert(
    fc.property(history, anyBytes, anyBytes, fc.maxSafeNat(), (steps, key, other, commit) => {
      const row = live(steps)
      sealRow(key, row, commit)
      const same = Buffer.compare(key, other) === 0
      return checkRow(key, row) === 0 && (checkRow(other, row) === 0) === same
    }),
    RUNS,
  )
  t.pass()
})

test('the key hash is the head of MD5, as every standard library has it', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 255 }), fc.uint8Array({ maxLength: 1_024 }), (bucket, key) => {
      const digest = createHash('md5')
        .update(Uint8Array.of(bucket.length))
        .update(bucket)
        .update(key)
        .digest()
      const rowKey = makeRowKey(bucket, key)
      return (
        keyHash(bucket, key) === digest.readBigUInt64BE() && rowKey.readUInt16BE() === digest.readUInt16BE()
      )
    }),
    { numRuns: 2_000 },
  )
  t.pass()
})

test('attributes go round trip', (t) => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 })
  fc.assert(
    fc.property(
      text,
      text,
      fc.array(fc.tuple(text, text), { maxLength: 5 }),
      (contentType, contentEncoding, meta) => {
        const attributes = { contentType, contentEncoding, meta }
        t.deepEqual(decodeAttributes(encodeAttributes(attributes)), attributes)
      },
    ),
    { numRuns: 2_000 },
  )
})
