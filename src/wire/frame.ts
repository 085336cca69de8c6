/**
 * Frames and pieces: how bytes travel on a proven connection between two nodes.
 *
 * A *frame* is what one node sends to another in one go (a batch of messages). A *piece* is what the connection carries: one
 * WebSocket message of at most `PIECE_BYTES`. A frame that fits is one piece. A larger one is cut, and pieces of several
 * frames may alternate, each frame on a *stream* of its own, so that a small frame never waits for the whole of a large one:
 *
 *     frame A (150 KiB)  ███████ ███████ ██      stream 0
 *     frame b (1 KiB)                        ▪    whole
 *     on the wire:       A0 first · b whole · A0 · A0 last
 *
 * A piece, integers little endian:
 *
 *     0   u32  CRC-32C of everything after these four bytes
 *     4   u8   0xA1: the format and its version
 *     5   u8   flags: 1 first piece of its frame, 2 last piece (3 = the whole frame)
 *     6   u8   stream; 0 for a whole frame
 *     7   u8   0
 *     8   u32  length of the whole frame's content
 *     12  content
 *
 * Every piece but a frame's last is full. So the number of pieces a peer can make us keep is bounded by their bytes, and
 * memory is only ever taken for what has arrived, never for what was announced. Failure mode: anything unexpected is a
 * `FrameError`, after which nothing on that connection can be trusted and it is closed.
 */

/** Largest piece, header included. Part of the wire format: both sides must agree on it. */
export const PIECE_BYTES = 65_536
export const PIECE_HEADER_BYTES = 12
/** Largest content of one piece; a frame up to this length travels whole. */
export const PIECE_CONTENT_BYTES = PIECE_BYTES - PIECE_HEADER_BYTES

export const FIRST_PIECE = 1
export const LAST_PIECE = 2
export const WHOLE_FRAME = FIRST_PIECE | LAST_PIECE

const FORMAT = 0xa1

/** CRC-32C (Castagnoli) as an unsigned number. */
export type Checksum = (bytes: Uint8Array) => number

export type FrameFault =
  /** Shorter than a header, or longer than a piece. */
  | 'size'
  /** Not this format, or not this version of it. */
  | 'format'
  | 'checksum'
  /** Unknown flags, or a reserved byte that is not zero. */
  | 'flags'
  /** The content does not fit the announced length, or the length is zero or beyond the limit. */
  | 'length'
  /** A piece of a frame that was never begun, or one begun twice. */
  | 'stream'
  /** More unfinished frames, or bytes of them, than allowed. */
  | 'partials'

export class FrameError extends Error {
  readonly fault: FrameFault
  constructor(fault: FrameFault) {
    super(`bad frame: ${fault}`)
    this.name = 'FrameError'
    this.fault = fault
  }
}

/** Writes the header of a piece whose content already stands from offset 12 to the end. */
export function sealPiece(
  piece: Uint8Array,
  flags: number,
  stream: number,
  frameBytes: number,
  checksum: Checksum,
): void {
  piece[4] = FORMAT
  piece[5] = flags
  piece[6] = stream
  piece[7] = 0
  writeU32(piece, 8, frameBytes)
  writeU32(piece, 0, checksum(piece.subarray(4)))
}

export interface FrameLimits {
  /** Largest frame taken. */
  readonly frameBytes: number
  /** Unfinished frames at a time; their streams are numbered below this. */
  readonly partialFrames: number
  /** Announced bytes of all unfinished frames together. */
  readonly partialBytes: number
}

interface Partial {
  readonly frameBytes: number
  readonly contents: Uint8Array[]
  receivedBytes: number
}

/** Takes pieces in the order of their arrival on one connection and gives back frames. */
export class Reassembly {
  readonly #limits: FrameLimits
  readonly #checksum: Checksum
  readonly #allocate: (bytes: number) => Uint8Array
  readonly #partials = new Map<number, Partial>()
  #partialBytes = 0

  /** `allocate` gives the memory for a frame that came in several pieces, once all of them are here. */
  constructor(limits: FrameLimits, checksum: Checksum, allocate = (bytes: number) => new Uint8Array(bytes)) {
    this.#limits = limits
    this.#checksum = checksum
    this.#allocate = allocate
  }

  /** Frames begun and not finished. */
  get unfinished(): number {
    return this.#partials.size
  }

  /** The frame that this piece completes, if it does; a whole frame is given without a copy. Throws `FrameError`. */
  take(piece: Uint8Array): Uint8Array | undefined {
    if (piece.length <= PIECE_HEADER_BYTES || piece.length > PIECE_BYTES) throw new FrameError('size')
    if (piece[4] !== FORMAT) throw new FrameError('format')
    if (readU32(piece, 0) !== this.#checksum(piece.subarray(4))) throw new FrameError('checksum')
    const flags = piece[5]!
    if (flags > WHOLE_FRAME || piece[7] !== 0) throw new FrameError('flags')
    const frameBytes = readU32(piece, 8)
    if (frameBytes > this.#limits.frameBytes) throw new FrameError('length')
    const content = piece.subarray(PIECE_HEADER_BYTES)
    if (flags !== WHOLE_FRAME) return this.#takePart(flags, piece[6]!, frameBytes, content)
    if (piece[6] !== 0) throw new FrameError('stream')
    if (content.length !== frameBytes) throw new FrameError('length')
    return content
  }

  #takePart(flags: number, stream: number, frameBytes: number, content: Uint8Array): Uint8Array | undefined {
    const partial = flags & FIRST_PIECE ? this.#begin(stream, frameBytes) : this.#partials.get(stream)
    if (partial === undefined) throw new FrameError('stream')
    if (partial.frameBytes !== frameBytes) throw new FrameError('length')
    const last = (flags & LAST_PIECE) !== 0
    const receivedBytes = partial.receivedBytes + content.length
    if (last !== (receivedBytes === frameBytes) || receivedBytes > frameBytes) throw new FrameError('length')
    if (!last && content.length !== PIECE_CONTENT_BYTES) throw new FrameError('length')
    partial.contents.push(content)
    partial.receivedBytes = receivedBytes
    if (!last) return undefined
    this.#partials.delete(stream)
    this.#partialBytes -= frameBytes
    return this.#join(partial)
  }

  #begin(stream: number, frameBytes: number): Partial {
    if (this.#partials.has(stream)) throw new FrameError('stream')
    if (stream >= this.#limits.partialFrames) throw new FrameError('partials')
    if (this.#partialBytes + frameBytes > this.#limits.partialBytes) throw new FrameError('partials')
    const partial = { frameBytes, contents: [], receivedBytes: 0 }
    this.#partials.set(stream, partial)
    this.#partialBytes += frameBytes
    return partial
  }

  #join(partial: Partial): Uint8Array {
    const frame = this.#allocate(partial.frameBytes)
    let offset = 0
    for (const content of partial.contents) {
      frame.set(content, offset)
      offset += content.length
    }
    return frame
  }
}

function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
}

function readU32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>>
    0
  )
}
