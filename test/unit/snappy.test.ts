import test from 'ava'
import fc from 'fast-check'
import { snappyDecompress } from '../../src/io/engines/snappy.js'

type Piece = { readonly literal: Uint8Array } | { readonly back: number; readonly length: number }

const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ literal: fc.uint8Array({ minLength: 1, maxLength: 300 }) }),
  fc.record({ back: fc.integer({ min: 1, max: 70_000 }), length: fc.integer({ min: 1, max: 64 }) }),
)

test('streams of literals and copies give what they were made from', (t) => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const { stream, plain } = compressed(pieces)
      return snappyDecompress(stream, plain.length)?.equals(plain) === true
    }),
  )
  t.pass()
})

test('any bytes give a result or undefined, never more than allowed', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(1000), (bytes, maxBytes) => {
      const plain = snappyDecompress(bytes, maxBytes)
      return plain === undefined || plain.length <= maxBytes
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

test('a stream that is cut, or says another length, is refused', (t) => {
  const { stream, plain } = compressed([{ literal: Buffer.from('abcdefgh') }, { back: 8, length: 20 }])
  for (let end = 0; end < stream.length; end++)
    t.is(snappyDecompress(stream.subarray(0, end), 1000), undefined)
  t.is(snappyDecompress(Buffer.concat([stream, Buffer.of(0, 1)]), 1000), undefined)
  t.is(snappyDecompress(stream, plain.length - 1), undefined)
  t.is(snappyDecompress(Buffer.from([4, 0x0d, 0x09]), 1000), undefined)
})

/** A copy from before the beginning becomes one from the beginning; one from nothing is left out. */
function compressed(pieces: readonly Piece[]): { stream: Buffer; plain: Buffer } {
  const elements: Buffer[] = []
  let plain = Buffer.alloc(0)
  for (const each of pieces) {
    if ('literal' in each) {
      elements.push(literalElement(each.literal))
      plain = Buffer.concat([plain, each.literal])
    } else if (plain.length > 0) {
      const back = Math.min(each.back, plain.length)
      elements.push(copyElement(back, each.length))
      const copied = Array.from({ length: each.length }, (_, i) => plain[plain.length - back + (i % back)]!)
      plain = Buffer.concat([plain, Buffer.from(copied)])
    }
  }
  return { stream: Buffer.concat([varint(plain.length), ...elements]), plain }
}

function literalElement(bytes: Uint8Array): Buffer {
  const length = bytes.length - 1
  const head = length < 60 ? Buffer.of(length << 2) : Buffer.of(61 << 2, length & 0xff, length >> 8)
  return Buffer.concat([head, bytes])
}

/** The shortest of the three kinds that can say it. */
function copyElement(back: number, length: number): Buffer {
  if (back < 2048 && length >= 4 && length <= 11)
    return Buffer.of(1 | ((length - 4) << 2) | ((back >> 8) << 5), back & 0xff)
  if (back < 65_536) return Buffer.of(2 | ((length - 1) << 2), back & 0xff, back >> 8)
  return Buffer.of(3 | ((length - 1) << 2), back & 0xff, (back >> 8) & 0xff, back >> 16, 0)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}
