/**
 * The rows last written or read, within a budget of bytes.
 *
 * Rows are copied into segments of a megabyte, and the map holds only where they are: thousands of row objects that live for some
 * seconds and then die are what costs a garbage collector most (measured: a third of the CPU of a put). Segments are filled one
 * after the other. When the budget is used up the oldest one goes, and with it every row that has not been moved on: a row that is
 * asked for while in the older half is copied into the segment being filled.
 *
 *     oldest ─▶ [#####][#####][#####][##...] ◀─ being filled
 *                 └ asked for: copied ──┘
 *
 * A segment is never written twice, so that the bytes handed out stay as they are for whoever still holds them.
 *
 * A row that is about to be written is made where it will be kept: `take` lends room in the segment being filled, `fit` gives back what
 * was too much of it, and `set`, once the row is durable, finds it there and copies nothing. What is never set is room lost until
 * its segment goes.
 */
import type { RowMemory } from '../../protocol/replica/row-memory.js'

const FEWEST_SEGMENTS = 32
const LARGEST_SEGMENT_BYTES = 1024 * 1024
/** What the map and the key take for an entry, about. */
const ENTRY_BYTES = 150
const LENGTH_BYTES = 4
/** A row that takes more of a segment than this pushes out too many small ones. */
const LARGEST_SHARE = 4

interface Segment {
  readonly bytes: Buffer
  readonly memory: ArrayBufferLike
  /** Keys of the rows in it; some may have moved on. */
  readonly keys: string[]
  used: number
  /** Rows that it has given room to. */
  rows: number
}

export class RowCache implements RowMemory {
  readonly #segmentBytes: number
  readonly #segments: number
  /** A ring; `#filling` is the place of the segment being filled, the one after it the oldest. */
  readonly #ring: (Segment | undefined)[]
  #filling = 0
  /** Segments in the ring now. */
  #held = 0
  /** Key → place in the ring × segment size + offset: a small integer. */
  readonly #places = new Map<string, number>()

  /** With no budget to speak of it keeps nothing. */
  constructor(budgetBytes: number) {
    this.#segmentBytes = Math.min(LARGEST_SEGMENT_BYTES, Math.floor(budgetBytes / FEWEST_SEGMENTS))
    this.#segments = Math.max(FEWEST_SEGMENTS, Math.floor(budgetBytes / LARGEST_SEGMENT_BYTES))
    this.#ring = new Array(this.#segments).fill(undefined)
  }

  /** Bytes held, an upper bound. */
  get bytes(): number {
    return this.#held * this.#segmentBytes
  }

  /** The row's bytes, shared with the cache. */
  get(key: string): Uint8Array | undefined {
    const place = this.#places.get(key)
    if (place === undefined) return undefined
    const slot = Math.floor(place / this.#segmentBytes)
    const { bytes } = this.#ring[slot]!
    const at = place % this.#segmentBytes
    const row = bytes.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + lengthAt(bytes, at))
    const age = (this.#filling - slot + this.#segments) % this.#segments
    if (age >= this.#segments / 2) this.set(key, row)
    return row
  }

  /** Keeps the row: where it is if it was made in room lent here not long ago, else a copy. */
  set(key: string, row: Uint8Array): void {
    if (this.#isTooLarge(row.length)) {
      this.#places.delete(key)
      return
    }
    const slot = this.#slotOf(row)
    if (slot === undefined) this.#copy(key, row)
    else this.#keep(key, slot, row.byteOffset - this.#ring[slot]!.bytes.byteOffset - LENGTH_BYTES, row.length)
  }

  /** Room for a row of up to this many bytes; what it holds is undefined. */
  take(bytes: number): Buffer {
    if (this.#isTooLarge(bytes)) return Buffer.allocUnsafe(bytes)
    const segment = this.#segmentFor(bytes)
    const at = lend(segment, bytes) + LENGTH_BYTES
    return segment.bytes.subarray(at, at + bytes)
  }

  /** The first bytes of what `take` just lent; the rest is lent anew. */
  fit(room: Buffer, bytes: number): Buffer {
    const segment = this.#ring[this.#filling]
    if (segment !== undefined && segment.memory === room.buffer) {
      const at = room.byteOffset - segment.bytes.byteOffset
      if (segment.used === at + room.length) giveBack(segment, at, bytes)
    }
    return room.subarray(0, bytes)
  }

  delete(key: string): void {
    this.#places.delete(key)
  }

  clear(): void {
    this.#places.clear()
    this.#ring.fill(undefined)
    this.#held = 0
  }

  #isTooLarge(bytes: number): boolean {
    return bytes + LENGTH_BYTES + ENTRY_BYTES > this.#segmentBytes / LARGEST_SHARE
  }

  /** Where in the ring the row's own bytes are, if they are in the segment being filled or the one before. */
  #slotOf(row: Uint8Array): number | undefined {
    const memory = row.buffer
    if (this.#ring[this.#filling]?.memory === memory) return this.#filling
    const before = (this.#filling - 1 + this.#segments) % this.#segments
    return this.#ring[before]?.memory === memory ? before : undefined
  }

  #copy(key: string, row: Uint8Array): void {
    const segment = this.#segmentFor(row.length)
    const at = lend(segment, row.length)
    segment.bytes.set(row, at + LENGTH_BYTES)
    this.#keep(key, this.#filling, at, row.length)
  }

  #keep(key: string, slot: number, at: number, rowBytes: number): void {
    const segment = this.#ring[slot]!
    segment.bytes.writeUInt32LE(rowBytes, at)
    segment.keys.push(key)
    this.#places.set(key, slot * this.#segmentBytes + at)
  }

  /** The one being filled, or a new one in the place of the oldest. */
  #segmentFor(rowBytes: number): Segment {
    const filling = this.#ring[this.#filling]
    if (filling !== undefined && this.#fits(filling, rowBytes)) return filling
    if (filling !== undefined) this.#filling = (this.#filling + 1) % this.#segments
    this.#forget(this.#filling)
    const bytes = Buffer.allocUnsafeSlow(this.#segmentBytes)
    const segment: Segment = { bytes, memory: bytes.buffer, keys: [], used: 0, rows: 0 }
    this.#ring[this.#filling] = segment
    this.#held++
    return segment
  }

  #fits(segment: Segment, rowBytes: number): boolean {
    const taken = segment.used + segment.rows * ENTRY_BYTES
    return taken + LENGTH_BYTES + rowBytes + ENTRY_BYTES <= this.#segmentBytes
  }

  /** Lets go of the segment in this place, if there is one, and of the rows that are still in it. */
  #forget(slot: number): void {
    const segment = this.#ring[slot]
    if (segment === undefined) return
    const first = slot * this.#segmentBytes
    for (const key of segment.keys) {
      const place = this.#places.get(key)
      if (place !== undefined && place >= first && place < first + this.#segmentBytes)
        this.#places.delete(key)
    }
    this.#ring[slot] = undefined
    this.#held--
  }
}

/** Room for one more row and its length; where it begins. */
function lend(segment: Segment, bytes: number): number {
  const at = segment.used
  segment.used = at + LENGTH_BYTES + bytes
  segment.rows++
  return at
}

/** Of what was lent last, at `at`, only so many bytes were needed; none, if there is no row. */
function giveBack(segment: Segment, at: number, bytes: number): void {
  segment.used = bytes === 0 ? at - LENGTH_BYTES : at + bytes
  if (bytes === 0) segment.rows--
}

/** The number that writeUInt32LE wrote; below 2^31, as no row is longer than a segment. */
function lengthAt(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
