/** What becomes of a frame of which a bit has flipped on its way: it goes through the pieces of the wire format and their checksums, as on a real connection. */
import { crc32c } from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import {
  FIRST_PIECE,
  FrameError,
  LAST_PIECE,
  PIECE_CONTENT_BYTES,
  PIECE_HEADER_BYTES,
  Reassembly,
  sealPiece,
} from '../../src/wire/frame.js'
import type { Prng } from './prng.js'

const checksum = (bytes: Uint8Array): number => crc32c(bytes)

/** The frame as its receiver sees it; undefined where it notices the damage, and the connection is over. */
export function damaged(frame: Uint8Array, prng: Prng): Uint8Array | undefined {
  const pieces = inPieces(frame)
  const piece = prng.pick(pieces)
  const bit = prng.below(piece.length * 8)
  piece[bit >> 3] = (piece[bit >> 3] as number) ^ (1 << (bit & 7))
  const reassembly = new Reassembly(
    {
      frameBytes: limits.peerDataFrameBytes,
      partialFrames: limits.peerPartialFrames,
      partialBytes: limits.peerPartialBytes,
    },
    checksum,
  )
  try {
    let whole: Uint8Array | undefined
    for (const one of pieces) whole = reassembly.take(one)
    return whole
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    return undefined
  }
}

function inPieces(frame: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let from = 0; from < frame.length; from += PIECE_CONTENT_BYTES) {
    const content = frame.subarray(from, from + PIECE_CONTENT_BYTES)
    const piece = new Uint8Array(PIECE_HEADER_BYTES + content.length)
    piece.set(content, PIECE_HEADER_BYTES)
    const last = from + PIECE_CONTENT_BYTES >= frame.length
    sealPiece(piece, (from === 0 ? FIRST_PIECE : 0) | (last ? LAST_PIECE : 0), 0, frame.length, checksum)
    pieces.push(piece)
  }
  return pieces
}
