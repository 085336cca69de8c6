import test from 'ava'
import fc from 'fast-check'
import {
  decodeBase64url,
  decodeBase64urlPiece,
  decodePercent,
  type Piece,
} from '../../src/api/bytes-in-url.js'
import { RotundaError } from '../../src/errors.js'

const KEY: Piece = { name: 'key', minBytes: 1, maxBytes: 64, code: 'BAD_KEY', form: false }
const FORM: Piece = { name: 'parameter', minBytes: 0, maxBytes: 64, code: 'BAD_PARAM', form: true }

function decode(raw: string, piece = KEY): string {
  return decodePercent(raw, 0, raw.length, piece).toString('utf8')
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    return error instanceof RotundaError ? error.code : String(error)
  }
}

test('any UTF-8 text survives percent-encoding of every byte, of some, and of none', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 15 }), (text) => {
      const all = [...Buffer.from(text, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
      t.is(decode(all.join('')), Buffer.from(text, 'utf8').toString('utf8'))
      if (Buffer.from(text, 'utf8').toString('utf8') === text) t.is(decode(encodeURIComponent(text)), text)
    }),
  )
})

test('it decodes once, and nothing else happens to the bytes', (t) => {
  t.is(decode('%252F'), '%2F')
  t.is(decode('a%2Fb'), 'a/b')
  t.is(decode('..%2F..%2Fetc%2Fpasswd'), '../../etc/passwd')
  t.is(decode('%00'), '\0')
  t.is(decode('__proto__'), '__proto__')
  t.is(decode('a+b;c=d&e'), 'a+b;c=d&e')
  t.is(decode('%e2%82%AC'), '€')
})

test('broken encoding, raw bytes and what is no UTF-8 are refused', (t) => {
  const bad = [
    '%',
    '%4',
    'a%',
    '%zz',
    '%4g',
    '%%41',
    '%ff',
    '%c3',
    '%c3%28',
    '%ed%a0%80',
    '%c0%af',
    'a b',
    'a#b',
    'ключ',
    'a/b',
    '\x7f',
  ]
  for (const raw of bad)
    t.is(
      codeOf(() => decode(raw)),
      'BAD_KEY',
      raw,
    )
})

test('lengths are counted in decoded bytes, at each bound', (t) => {
  t.is(
    codeOf(() => decode('')),
    'BAD_KEY',
  )
  t.is(decode('x'.repeat(64)).length, 64)
  t.is(
    codeOf(() => decode('x'.repeat(65))),
    'BAD_KEY',
  )
  t.is(decode('%41'.repeat(64)), 'A'.repeat(64))
  t.is(
    codeOf(() => decode('%41'.repeat(65))),
    'BAD_KEY',
  )
  t.is(
    codeOf(() => decode('%41'.repeat(1_000_000))),
    'BAD_KEY',
  )
})

test('only in a query plus is a space and a slash stands for itself', (t) => {
  t.is(decode('a+b/c%2B', FORM), 'a b/c+')
  t.is(decode('', FORM), '')
  t.is(
    codeOf(() => decode('%ff', FORM)),
    'BAD_PARAM',
  )
})

test('a piece ends where it is told to, within an escape as well', (t) => {
  t.is(decodePercent('bucket/key?x', 7, 10, KEY).toString(), 'key')
  t.is(
    codeOf(() => decodePercent('%41', 0, 2, KEY)),
    'BAD_KEY',
  )
})

test('base64url takes any bytes in their one spelling', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64url')
      t.deepEqual([...decodeBase64urlPiece(text, 0, text.length, KEY)], [...bytes])
    }),
  )
  for (const raw of ['YQ==', 'YR', 'Y', 'YQ YQ', 'Y+==', 'YQ.', 'a/bc', '*', 'YWJj\n'])
    t.is(
      codeOf(() => decodeBase64urlPiece(raw, 0, raw.length, KEY)),
      'BAD_KEY',
      raw,
    )
  t.is(decodeBase64url('YR'), undefined)
})

test('base64url lengths, at each bound', (t) => {
  const of = (bytes: number): string => Buffer.alloc(bytes, 1).toString('base64url')
  t.is(
    codeOf(() => decodeBase64urlPiece('', 0, 0, KEY)),
    'BAD_KEY',
  )
  t.is(decodeBase64urlPiece(of(64), 0, of(64).length, KEY).length, 64)
  t.is(
    codeOf(() => decodeBase64urlPiece(of(65), 0, of(65).length, KEY)),
    'BAD_KEY',
  )
  t.is(
    codeOf(() => decodeBase64urlPiece(of(900), 0, of(900).length, KEY)),
    'BAD_KEY',
  )
})

test('any text at all gives bytes or BAD_KEY', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      t.true(['none', 'BAD_KEY'].includes(codeOf(() => decode(text))))
      t.true(['none', 'BAD_KEY'].includes(codeOf(() => decodeBase64urlPiece(text, 0, text.length, KEY))))
    }),
  )
})
