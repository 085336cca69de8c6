import test from 'ava'
import {
  FIRST_PIECE,
  type FrameError,
  type FrameFault,
  LAST_PIECE,
  PIECE_BYTES,
  PIECE_CONTENT_BYTES,
  PIECE_HEADER_BYTES,
  Reassembly,
  sealPiece,
  WHOLE_FRAME,
} from '../../src/wire/frame.js'
import { crc32c } from './crc32c.js'

const LIMITS = { frameBytes: 1_000_000, partialFrames: 4, partialBytes: 1_500_000 }

function piece(content: Uint8Array, flags: number, stream: number, frameBytes: number): Buffer {
  const bytes = Buffer.alloc(PIECE_HEADER_BYTES + content.length)
  bytes.set(content, PIECE_HEADER_BYTES)
  sealPiece(bytes, flags, stream, frameBytes, crc32c)
  return bytes
}

const full = Buffer.alloc(PIECE_CONTENT_BYTES, 7)
const fresh = () => new Reassembly(LIMITS, crc32c)
const faultOf = (run: () => void): FrameFault | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as FrameError).fault
  }
}

test('the bytes of a piece are those of the protocol', (t) => {
  t.is(crc32c(Buffer.from('123456789')), 0xe3069283, 'the check value of CRC-32C')
  const bytes = piece(Buffer.from('ring'), WHOLE_FRAME, 0, 4)
  t.is(bytes.toString('hex'), `${le32(crc32c(bytes.subarray(4)))}a10300000400000072696e67`)
})

test('a whole frame is handed out without a copy', (t) => {
  const bytes = piece(Buffer.from('ring'), WHOLE_FRAME, 0, 4)
  const frame = fresh().take(bytes)!
  t.is(Buffer.from(frame).toString(), 'ring')
  t.is(frame.buffer, bytes.buffer)
})

test('frames in pieces may alternate with each other and with whole ones', (t) => {
  const reassembly = fresh()
  const tail = Buffer.from('tail')
  const length = full.length + tail.length
  t.is(reassembly.take(piece(full, FIRST_PIECE, 0, length)), undefined)
  t.is(reassembly.take(piece(full, FIRST_PIECE, 3, 2 * full.length)), undefined)
  t.deepEqual(reassembly.take(piece(tail, WHOLE_FRAME, 0, 4)), tail)
  t.is(reassembly.unfinished, 2)
  t.deepEqual(
    Buffer.from(reassembly.take(piece(full, LAST_PIECE, 3, 2 * full.length))!),
    Buffer.concat([full, full]),
  )
  t.deepEqual(Buffer.from(reassembly.take(piece(tail, LAST_PIECE, 0, length))!), Buffer.concat([full, tail]))
  t.is(reassembly.unfinished, 0)
})

test('each way in which a piece can be wrong has its name', (t) => {
  const length = 3 * full.length
  const begun = () => {
    const reassembly = fresh()
    reassembly.take(piece(full, FIRST_PIECE, 1, length))
    return reassembly
  }
  const tooLong = Buffer.alloc(PIECE_BYTES + 1)
  const damaged = piece(Buffer.from('ring'), WHOLE_FRAME, 0, 4)
  damaged[13]! ^= 1
  const otherVersion = piece(Buffer.from('ring'), WHOLE_FRAME, 0, 4)
  otherVersion[4] = 0xa2
  const cases: [FrameFault, Reassembly, Uint8Array][] = [
    ['size', fresh(), Buffer.alloc(0)],
    ['size', fresh(), piece(Buffer.alloc(0), WHOLE_FRAME, 0, 0)],
    ['size', fresh(), tooLong],
    ['format', fresh(), otherVersion],
    ['checksum', fresh(), damaged],
    ['flags', fresh(), piece(Buffer.from('ring'), 4, 0, 4)],
    ['flags', fresh(), piece(Buffer.from('ring'), WHOLE_FRAME | 8, 0, 4)],
    ['length', fresh(), piece(Buffer.from('ring'), WHOLE_FRAME, 0, 5)],
    ['length', fresh(), piece(full, FIRST_PIECE, 0, LIMITS.frameBytes + 1)],
    ['length', fresh(), piece(Buffer.from('short'), FIRST_PIECE, 0, length)],
    ['length', fresh(), piece(full, FIRST_PIECE, 0, full.length)],
    ['length', begun(), piece(full, 0, 1, length + 1)],
    ['length', begun(), piece(full, LAST_PIECE, 1, length)],
    ['stream', fresh(), piece(Buffer.from('ring'), WHOLE_FRAME, 1, 4)],
    ['stream', fresh(), piece(full, 0, 1, length)],
    ['stream', begun(), piece(full, FIRST_PIECE, 1, length)],
    ['partials', fresh(), piece(full, FIRST_PIECE, LIMITS.partialFrames, length)],
  ]
  for (const [i, [fault, reassembly, bytes]] of cases.entries())
    t.is(
      faultOf(() => reassembly.take(bytes)),
      fault,
      `case ${i}`,
    )
})

test('unfinished frames are bounded by what they announce, and room comes back when one is finished', (t) => {
  const reassembly = fresh()
  const half = 750_000
  const finish = (stream: number) => {
    let left = half - full.length
    for (; left > full.length; left -= full.length) reassembly.take(piece(full, 0, stream, half))
    return reassembly.take(piece(Buffer.alloc(left), LAST_PIECE, stream, half))
  }
  reassembly.take(piece(full, FIRST_PIECE, 0, half))
  reassembly.take(piece(full, FIRST_PIECE, 1, half))
  t.is(
    faultOf(() => reassembly.take(piece(full, FIRST_PIECE, 2, full.length + 1))),
    'partials',
  )
  t.is(finish(1)?.length, half)
  t.is(
    faultOf(() => reassembly.take(piece(full, FIRST_PIECE, 2, full.length + 1))),
    undefined,
  )
})

function le32(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('hex')
}
