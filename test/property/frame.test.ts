import test from 'ava'
import fc from 'fast-check'
import { Outbox } from '../../src/io/network/outbox.js'
import { FrameError, PIECE_BYTES, PIECE_CONTENT_BYTES, Reassembly, sealPiece } from '../../src/wire/frame.js'
import { crc32c } from '../unit/crc32c.js'

const LIMITS = { frameBytes: 8 * PIECE_BYTES, partialFrames: 3, partialBytes: 12 * PIECE_BYTES }

interface Sent {
  readonly bytes: number
  readonly cuts: readonly number[]
  readonly inOrder: boolean
  /** How many pieces are written before the next frame is pushed. */
  readonly written: number
}

const frameBytes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 5, max: 3000 }) },
  { weight: 2, arbitrary: fc.integer({ min: PIECE_CONTENT_BYTES - 2, max: PIECE_CONTENT_BYTES + 2 }) },
  { weight: 3, arbitrary: fc.integer({ min: 5, max: LIMITS.frameBytes }) },
)
const sending: fc.Arbitrary<Sent[]> = fc.array(
  fc.record({
    bytes: frameBytes,
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
    inOrder: fc.boolean().map((coin) => coin),
    written: fc.nat({ max: 5 }),
  }),
  { minLength: 1, maxLength: 25 },
)

/** Begins with its number; the rest tells frames and places apart. */
function content(number: number, bytes: number): Buffer {
  const frame = Buffer.alloc(bytes, `frame ${number}, `)
  frame.writeUInt32LE(number)
  frame[bytes - 1] = number
  return frame
}

function split(frame: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * frame.length)).sort((a, b) => a - b), frame.length]
  return places.slice(1).map((end, i) => frame.subarray(places[i], end))
}

/** All frames through an outbox and a reassembly, in the order of their arrival. */
function carry(frames: readonly Sent[]): { arrived: Buffer[]; outbox: Outbox; largestPiece: number } {
  const outbox = new Outbox(LIMITS, crc32c)
  const reassembly = new Reassembly(LIMITS, crc32c)
  const arrived: Buffer[] = []
  let largestPiece = 0
  const write = (): boolean => {
    const piece = outbox.next()
    if (piece === undefined) return false
    largestPiece = Math.max(largestPiece, piece.length)
    const frame = reassembly.take(piece)
    if (frame !== undefined) arrived.push(Buffer.from(frame))
    return true
  }
  for (const [i, { bytes, cuts, inOrder, written }] of frames.entries()) {
    outbox.push(split(content(i, bytes), cuts), bytes, inOrder)
    for (let n = 0; n < written; n++) write()
  }
  while (write());
  return { arrived, outbox, largestPiece }
}

test('what goes through outbox and reassembly arrives whole, once, in pieces of the right size', (t) => {
  const property = fc.property(sending, (frames) => {
    const { arrived, outbox, largestPiece } = carry(frames)
    if (arrived.length !== frames.length || outbox.bytes !== 0 || largestPiece > PIECE_BYTES) return false
    return arrived.every((frame) => content(frame.readUInt32LE(0), frame.length).equals(frame))
  })
  t.notThrows(() => fc.assert(property, { numRuns: 100 }))
})

test('only a large frame is ever overtaken, and never by one that was sent in order', (t) => {
  const property = fc.property(sending, (frames) => {
    const order = carry(frames).arrived.map((frame) => frame.readUInt32LE(0))
    return order.every((number, at) =>
      order
        .slice(at + 1)
        .filter((later) => later < number)
        .every((overtaken) => frames[overtaken]!.bytes > PIECE_CONTENT_BYTES && !frames[number]!.inOrder),
    )
  })
  t.notThrows(() => fc.assert(property, { numRuns: 100 }))
})

test('a small frame waits for a bounded number of pieces, however much of large ones was sent before it', (t) => {
  const property = fc.property(
    fc.array(fc.integer({ min: 2, max: 7 }), { minLength: 1, maxLength: 12 }),
    (sizes) => {
      const outbox = new Outbox(LIMITS, crc32c)
      for (const [i, pieces] of sizes.entries())
        outbox.push([content(i, pieces * PIECE_BYTES)], pieces * PIECE_BYTES, false)
      outbox.next()
      outbox.push([Buffer.from('small')], 5, false)
      const next = [outbox.next()!, outbox.next()!]
      return next.some((piece) => piece.length < 100)
    },
  )
  t.notThrows(() => fc.assert(property))
})

test('any bytes give a frame or a typed error, and hold no more memory than they bring', (t) => {
  const property = fc.property(
    fc.array(fc.record({ bytes: fc.uint8Array({ maxLength: 200 }), sealed: fc.boolean() }), {
      maxLength: 20,
    }),
    (inputs) => {
      let allocated = 0
      const allocate = (bytes: number) => {
        allocated += bytes
        return new Uint8Array(bytes)
      }
      const reassembly = new Reassembly(LIMITS, crc32c, allocate)
      for (const { bytes, sealed } of inputs) {
        if (sealed && bytes.length > 12)
          sealPiece(bytes, bytes[5]! % 4, bytes[6]! % 4, (bytes[8]! << 16) | bytes[9]!, crc32c)
        try {
          reassembly.take(bytes)
        } catch (error) {
          if (!(error instanceof FrameError)) return false
        }
      }
      return allocated === 0 && reassembly.unfinished === 0
    },
  )
  t.notThrows(() => fc.assert(property, { numRuns: 2000 }))
})

test('one flipped bit anywhere in a piece is noticed', (t) => {
  const property = fc.property(fc.uint8Array({ minLength: 13, maxLength: 300 }), fc.nat(), (bytes, place) => {
    sealPiece(bytes, 3, 0, bytes.length - 12, crc32c)
    const bit = place % (bytes.length * 8)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    try {
      new Reassembly(LIMITS, crc32c).take(bytes)
      return false
    } catch (error) {
      return error instanceof FrameError
    }
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})
