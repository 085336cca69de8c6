/**
 * What waits to be written on one connection, and in which order it goes.
 *
 * Frames leave in the order of `push`, with one exception: a frame larger than a piece is cut, and its pieces take turns with
 * the frames that were pushed after it (byte for byte as much) and with the pieces of other large frames:
 *
 *     pushed:   a  LARGE-1  b  c  LARGE-2  d
 *     written:  a  1  b c d  2 1 2 1 2 2 …
 *
 * So a frame never arrives before an earlier small one, but may arrive before an earlier large one. One that must not (it says
 * something about all that was sent before it) is pushed `inOrder` and waits until nothing earlier is left.
 *
 * Large frames begin in their order, as many at a time as the receiver takes (`Reassembly`); the others wait without holding up
 * the small ones. The bound on bytes is the owner's (the send window).
 */
import {
  type Checksum,
  FIRST_PIECE,
  LAST_PIECE,
  PIECE_CONTENT_BYTES,
  PIECE_HEADER_BYTES,
  sealPiece,
  WHOLE_FRAME,
} from '../../wire/frame.js'
import { Fifo } from './fifo.js'

/** What a waiting frame costs beside its content; counted, so that a window full of tiny frames is bounded too. */
const FRAME_OVERHEAD_BYTES = 128

interface Waiting {
  readonly content: Buffer
  readonly inOrder: boolean
}

/** A large frame under way. */
interface Stream {
  readonly content: Buffer
  readonly number: number
  sentBytes: number
}

export interface OutboxLimits {
  readonly partialFrames: number
  readonly partialBytes: number
}

export class Outbox {
  readonly #limits: OutboxLimits
  readonly #checksum: Checksum
  readonly #waiting = new Fifo<Waiting>()
  /** Large frames that were reached, in order, and have no stream yet. */
  readonly #large = new Fifo<Waiting>()
  /** Large frames under way; the first is the next to give a piece. */
  readonly #streams: Stream[] = []
  readonly #freeNumbers: number[]
  #streamsBytes = 0
  #bytes = 0
  /** Bytes of small frames written since the last piece of a large one. */
  #smallBytes = 0

  constructor(limits: OutboxLimits, checksum: Checksum) {
    this.#limits = limits
    this.#checksum = checksum
    this.#freeNumbers = Array.from({ length: limits.partialFrames }, (_, number) => number)
  }

  /** What waits here: content, and the overhead of each frame. */
  get bytes(): number {
    return this.#bytes
  }

  /** Keeps a copy of the parts. */
  push(parts: readonly Uint8Array[], frameBytes: number, inOrder: boolean): void {
    const content = Buffer.allocUnsafeSlow(frameBytes)
    join(parts, content, 0)
    this.#waiting.push({ content, inOrder })
    this.#bytes += frameBytes + FRAME_OVERHEAD_BYTES
  }

  /** The next piece to write, or `undefined` when nothing waits. */
  next(): Uint8Array | undefined {
    this.#moveLarge()
    const small = this.#smallCanGo()
    if (this.#streams.length > 0 && (!small || this.#smallBytes >= PIECE_CONTENT_BYTES)) {
      this.#smallBytes = 0
      return this.#nextOfStream(this.#streams.shift()!)
    }
    if (!small) return undefined
    const frame = this.#waiting.shift()!
    const { content } = frame
    this.#bytes -= content.length + FRAME_OVERHEAD_BYTES
    this.#smallBytes += content.length
    const piece = Buffer.allocUnsafeSlow(PIECE_HEADER_BYTES + content.length)
    piece.set(content, PIECE_HEADER_BYTES)
    sealPiece(piece, WHOLE_FRAME, 0, content.length, this.#checksum)
    return piece
  }

  /** Large frames at the head of the queue make way for what is behind them; those for which there is room begin. */
  #moveLarge(): void {
    for (;;) {
      const head = this.#waiting.peek()
      if (head === undefined || head.content.length <= PIECE_CONTENT_BYTES || this.#mustWait(head)) break
      this.#large.push(this.#waiting.shift()!)
    }
    for (;;) {
      const first = this.#large.peek()
      if (first === undefined || this.#freeNumbers.length === 0) return
      if (this.#streamsBytes > 0 && this.#streamsBytes + first.content.length > this.#limits.partialBytes)
        return
      this.#begin(this.#large.shift()!)
    }
  }

  #smallCanGo(): boolean {
    const head = this.#waiting.peek()
    return head !== undefined && head.content.length <= PIECE_CONTENT_BYTES && !this.#mustWait(head)
  }

  #mustWait(frame: Waiting): boolean {
    return frame.inOrder && (this.#streams.length > 0 || this.#large.length > 0)
  }

  #begin({ content }: Waiting): void {
    const number = this.#freeNumbers.pop()!
    this.#streams.push({ content, number, sentBytes: 0 })
    this.#streamsBytes += content.length
  }

  #nextOfStream(stream: Stream): Uint8Array {
    const { content } = stream
    const frameBytes = content.length
    const contentBytes = Math.min(PIECE_CONTENT_BYTES, frameBytes - stream.sentBytes)
    const piece = Buffer.allocUnsafeSlow(PIECE_HEADER_BYTES + contentBytes)
    piece.set(content.subarray(stream.sentBytes, stream.sentBytes + contentBytes), PIECE_HEADER_BYTES)
    let flags = stream.sentBytes === 0 ? FIRST_PIECE : 0
    stream.sentBytes += contentBytes
    this.#bytes -= contentBytes
    if (stream.sentBytes === frameBytes) {
      flags |= LAST_PIECE
      this.#bytes -= FRAME_OVERHEAD_BYTES
      this.#streamsBytes -= frameBytes
      this.#freeNumbers.push(stream.number)
    } else {
      this.#streams.push(stream)
    }
    sealPiece(piece, flags, stream.number, frameBytes, this.#checksum)
    return piece
  }
}

/** Joins and seals a frame of at most one piece's content in `piece`, which has room for exactly that and the header. */
export function sealWhole(piece: Buffer, parts: readonly Uint8Array[], checksum: Checksum): void {
  join(parts, piece, PIECE_HEADER_BYTES)
  sealPiece(piece, WHOLE_FRAME, 0, piece.length - PIECE_HEADER_BYTES, checksum)
}

function join(parts: readonly Uint8Array[], into: Buffer, offset: number): void {
  let at = offset
  for (let i = 0; i < parts.length; i++) {
    into.set(parts[i]!, at)
    at += parts[i]!.length
  }
}
