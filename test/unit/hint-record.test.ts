/** Hints on the disk: bytes that must never change their meaning. */
import test from 'ava'
import fc from 'fast-check'
import {
  decodeFallback,
  decodeHint,
  encodeFallback,
  encodeHint,
  fallbackBytes,
  hintKey,
  hintsOf,
  splitHintKey,
} from '../../src/protocol/hints/record.js'
import { WireError } from '../../src/wire/bytes.js'

const A = '0123456789abcdef0123456789abcdef'
const B = 'ff'.repeat(16)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('a record and a hint have these bytes', (t) => {
  const record = { number: 258, targets: [A, B], row: Buffer.from('0102', 'hex') }
  t.is(hex(encodeFallback(record)), `010201000000000000${'02'}${A}${B}0102`)
  t.is(hex(encodeHint({ holdsRow: true, bytes: 1000 })), '0101e8030000')
  t.is(hex(hintKey(A, Buffer.from('k'))), `${A}6b`)
  t.is(hex(hintsOf(B)), B)
})

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => hex(bytes))
const bytes = fc.uint8Array({ maxLength: 80 }).map((some) => Buffer.from(some))

test('what is written is read', (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.array(id, { maxLength: 15 }), bytes, (number, targets, row) => {
      const record = { number, targets, row }
      t.deepEqual(decodeFallback(encodeFallback(record)), record)
      t.is(encodeFallback(record).length, fallbackBytes(record))
    }),
  )
  fc.assert(
    fc.property(id, fc.uint8Array({ minLength: 1, maxLength: 40 }), (target, rowKey) => {
      const split = splitHintKey(hintKey(target, rowKey))
      t.is(split.target, target)
      t.is(hex(split.rowKey), hex(rowKey))
    }),
  )
  fc.assert(
    fc.property(fc.boolean(), fc.nat(0xffff_ffff), (holdsRow, size) => {
      t.deepEqual(decodeHint(encodeHint({ holdsRow, bytes: size })), { holdsRow, bytes: size })
    }),
  )
})

test('any bytes give a record or a WireError', (t) => {
  let refused = 0
  const attempt = (decode: () => unknown) => {
    try {
      decode()
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      refused++
    }
  }
  fc.assert(
    fc.property(bytes, (some) => {
      attempt(() => decodeFallback(some))
      attempt(() => decodeHint(some))
      attempt(() => splitHintKey(some))
    }),
    { numRuns: 2000 },
  )
  t.true(refused > 100)
  t.throws(() => hintKey('not an id', NOTHING), { instanceOf: WireError })
})

const NOTHING = new Uint8Array(0)
