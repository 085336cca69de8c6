/** Rows between nodes and backups as bytes: what goes in comes out, and nothing else is taken for it. */
import test from 'ava'
import fc from 'fast-check'
import { WireError } from '../../src/wire/bytes.js'
import {
  type CopiedPage,
  decodePage,
  decodeRows,
  encodePage,
  encodeRows,
} from '../../src/wire/copied-rows.js'

const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength })
const rows = fc
  .uniqueArray(fc.record({ rowKey: bytes(30), object: bytes(60) }), {
    maxLength: 20,
    selector: ({ rowKey }) => Buffer.from(rowKey).toString('hex'),
  })
  .map((all) => all.sort((one, other) => Buffer.compare(one.rowKey, other.rowKey)))
const page: fc.Arbitrary<CopiedPage> = fc.record({
  incomplete: fc.boolean(),
  ring: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((ring) => Buffer.from(ring).toString('hex')),
  next: bytes(20),
  digests: fc.boolean(),
  rows,
})

/** With plain arrays, so that buffers compare. */
function plain(value: CopiedPage): unknown {
  const listed = value.rows.map(({ rowKey, object }) => [[...rowKey], [...object]])
  return { ...value, next: [...value.next], rows: listed }
}

test('pages and rows come back as they were', (t) => {
  fc.assert(
    fc.property(page, (whole) => {
      t.deepEqual(plain(decodePage(encodePage(whole))), plain(whole))
      t.is(decodeRows(encodeRows(whole.rows)).length, whole.rows.length)
    }),
    { numRuns: 100 },
  )
})

test('whatever is decoded gives a page or a WireError', (t) => {
  fc.assert(
    fc.property(page, fc.nat(), fc.integer({ min: 1, max: 255 }), (whole, at, change) => {
      const changed = Buffer.from(encodePage(whole))
      changed[at % changed.length]! ^= change
      for (const broken of [changed, changed.subarray(0, at % changed.length)]) {
        try {
          decodePage(broken)
        } catch (error) {
          t.true(error instanceof WireError, String(error))
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('rows out of order, or the same key twice, are no rows', (t) => {
  const [one, other] = [1, 2].map((first) => ({
    rowKey: Uint8Array.of(first, 0, 0, 1),
    object: Uint8Array.of(1, 1),
  }))
  t.throws(() => decodeRows(encodeRows([other!, one!])), { instanceOf: WireError })
  t.throws(() => decodeRows(encodeRows([one!, one!])), { instanceOf: WireError })
  t.is(decodeRows(encodeRows([one!, other!])).length, 2)
})
