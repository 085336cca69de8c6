/**
 * The rows last written or read, within a budget of bytes.
 *
 * Rows are copied into segments of a megabyte, each behind its key, and an index of numbers says where they are (row-index.ts): row
 * objects, key strings and tables that live for some seconds and then die are what costs a garbage collector most (measured: a
 * third of the CPU of a put). Segments are filled one after the other. When the budget is used up the oldest one goes, and with it every
 * row that has not been moved on: a row that is asked for while in the older half is copied into the segment being filled.
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
import { hashOf, RowIndex } from './row-index.js'

const FEWEST_SEGMENTS = 32
const LARGEST_SEGMENT_BYTES = 1024 * 1024
/** What the index takes for an entry, about. */
const ENTRY_BYTES = 40
/** In front of key and row: the lengths of both. */
const HEAD_BYTES = 6
/** A row that takes more of a segment than this pushes out too many small ones. */
const LARGEST_SHARE = 4

interface Segment {
  readonly bytes: Buffer
  readonly memory: ArrayBufferLike
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
  /** Places: slot in the ring × segment size + where the entry begins. */
  readonly #index = new RowIndex()
  #seed = 0

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
  get(rowKey: Uint8Array): Uint8Array | undefined {
    const found = this.#find(rowKey, hashOf(rowKey, 0, rowKey.length, this.#seed))
    if (found < 0) return undefined
    const place = this.#index.placeAt(found)
    const slot = Math.floor(place / this.#segmentBytes)
    const { bytes } = this.#ring[slot]!
    const at = place % this.#segmentBytes
    const from = at + HEAD_BYTES + rowKey.length
    const row = bytes.subarray(from, from + rowBytesAt(bytes, at))
    const age = (this.#filling - slot + this.#segments) % this.#segments
    if (age >= this.#segments / 2) this.set(rowKey, row)
    return row
  }

  /** Keeps the row: where it is if it was made in room lent here for this key not long ago, else a copy. */
  set(rowKey: Uint8Array, row: Uint8Array): void {
    if (this.#isTooLarge(rowKey.length + row.length)) {
      this.delete(rowKey)
      return
    }
    const hash = hashOf(rowKey, 0, rowKey.length, this.#seed)
    const place = this.#placeOf(rowKey, row) ?? this.#copy(rowKey, row)
    // Only now: the copy may have pushed out the segment of the row before.
    const found = this.#find(rowKey, hash)
    if (found < 0) this.#index.add(hash, place)
    else this.#index.move(found, place)
  }

  /** Room for a row of this key of up to so many bytes; what it holds is undefined. */
  take(rowKey: Uint8Array, bytes: number): Buffer {
    if (this.#isTooLarge(rowKey.length + bytes)) return Buffer.allocUnsafe(bytes)
    const segment = this.#segmentFor(rowKey.length + bytes)
    const at = lend(segment, rowKey, bytes)
    return segment.bytes.subarray(at, at + bytes)
  }

  /** The first bytes of what `take` just lent for this key; the rest is lent anew. */
  fit(rowKey: Uint8Array, room: Buffer, bytes: number): Buffer {
    const segment = this.#ring[this.#filling]
    if (segment !== undefined && segment.memory === room.buffer) {
      const at = room.byteOffset - segment.bytes.byteOffset
      if (segment.used === at + room.length) giveBack(segment, at - rowKey.length - HEAD_BYTES, at, bytes)
    }
    return bytes === room.length ? room : room.subarray(0, bytes)
  }

  delete(rowKey: Uint8Array): void {
    const found = this.#find(rowKey, hashOf(rowKey, 0, rowKey.length, this.#seed))
    if (found >= 0) this.#index.remove(found)
  }

  /** Empty, and unpredictable for those who choose keys: `seed` is a whole number of 32 bits. */
  begin(seed: number): void {
    this.clear()
    this.#seed = seed | 0
  }

  clear(): void {
    this.#index.clear()
    this.#ring.fill(undefined)
    this.#held = 0
  }

  /** The index's slot of a key, or -1. */
  #find(rowKey: Uint8Array, hash: number): number {
    const index = this.#index
    for (let slot = index.next(hash, index.first(hash)); slot >= 0; slot = index.next(hash, slot + 1)) {
      const place = index.placeAt(slot)
      const { bytes } = this.#ring[Math.floor(place / this.#segmentBytes)]!
      if (isKeyAt(bytes, place % this.#segmentBytes, rowKey)) return slot
    }
    return -1
  }

  #isTooLarge(bytes: number): boolean {
    return bytes + HEAD_BYTES + ENTRY_BYTES > this.#segmentBytes / LARGEST_SHARE
  }

  /** Where the row is already, if it was made for this key in the segment being filled or the one before. */
  #placeOf(rowKey: Uint8Array, row: Uint8Array): number | undefined {
    const slot = this.#slotOf(row.buffer)
    if (slot === undefined) return undefined
    const { bytes } = this.#ring[slot]!
    const at = row.byteOffset - bytes.byteOffset - rowKey.length - HEAD_BYTES
    const isIts = at >= 0 && isKeyAt(bytes, at, rowKey) && rowBytesAt(bytes, at) === row.length
    return isIts ? slot * this.#segmentBytes + at : undefined
  }

  #slotOf(memory: ArrayBufferLike): number | undefined {
    if (this.#ring[this.#filling]?.memory === memory) return this.#filling
    const before = (this.#filling - 1 + this.#segments) % this.#segments
    return this.#ring[before]?.memory === memory ? before : undefined
  }

  #copy(rowKey: Uint8Array, row: Uint8Array): number {
    const segment = this.#segmentFor(rowKey.length + row.length)
    const at = lend(segment, rowKey, row.length)
    segment.bytes.set(row, at)
    return this.#filling * this.#segmentBytes + at - rowKey.length - HEAD_BYTES
  }

  /** The one being filled, or a new one in the place of the oldest. */
  #segmentFor(bytes: number): Segment {
    const filling = this.#ring[this.#filling]
    if (filling !== undefined && this.#fits(filling, bytes)) return filling
    if (filling !== undefined) this.#filling = (this.#filling + 1) % this.#segments
    this.#forget(this.#filling)
    const memory = Buffer.allocUnsafeSlow(this.#segmentBytes)
    const segment: Segment = { bytes: memory, memory: memory.buffer, used: 0, rows: 0 }
    this.#ring[this.#filling] = segment
    this.#held++
    return segment
  }

  #fits(segment: Segment, bytes: number): boolean {
    const taken = segment.used + segment.rows * ENTRY_BYTES
    return taken + HEAD_BYTES + bytes + ENTRY_BYTES <= this.#segmentBytes
  }

  /** Lets go of the segment in this place, if there is one, and of the rows that are still in it. */
  #forget(slot: number): void {
    const segment = this.#ring[slot]
    if (segment === undefined) return
    const { bytes, used } = segment
    const first = slot * this.#segmentBytes
    for (let at = 0; at < used; at += entryBytesAt(bytes, at)) this.#forgetPlace(bytes, at, first + at)
    this.#ring[slot] = undefined
    this.#held--
  }

  /** The entry at `at`, if the index still leads to it. */
  #forgetPlace(bytes: Buffer, at: number, place: number): void {
    const index = this.#index
    const from = at + HEAD_BYTES
    const hash = hashOf(bytes, from, from + keyBytesAt(bytes, at), this.#seed)
    let slot = index.next(hash, index.first(hash))
    while (slot >= 0 && index.placeAt(slot) !== place) slot = index.next(hash, slot + 1)
    if (slot >= 0) index.remove(slot)
  }
}

/** Writes the head of one more entry and its key; where the row begins. */
function lend(segment: Segment, rowKey: Uint8Array, rowBytes: number): number {
  const { bytes, used: at } = segment
  setRowBytes(bytes, at, rowBytes)
  bytes[at + 4] = rowKey.length & 0xff
  bytes[at + 5] = rowKey.length >> 8
  const from = at + HEAD_BYTES
  for (let i = 0; i < rowKey.length; i++) bytes[from + i] = rowKey[i]!
  segment.used = from + rowKey.length + rowBytes
  segment.rows++
  return from + rowKey.length
}

/** Of the entry lent last, whose row begins at `rowAt`, only so many bytes of row were needed; no entry at all, if none. */
function giveBack(segment: Segment, at: number, rowAt: number, rowBytes: number): void {
  if (rowBytes === 0) {
    segment.used = at
    segment.rows--
  } else {
    segment.used = rowAt + rowBytes
    setRowBytes(segment.bytes, at, rowBytes)
  }
}

function isKeyAt(bytes: Buffer, at: number, rowKey: Uint8Array): boolean {
  const length = rowKey.length
  if (keyBytesAt(bytes, at) !== length) return false
  const from = at + HEAD_BYTES
  for (let i = 0; i < length; i++) if (bytes[from + i] !== rowKey[i]) return false
  return true
}

function entryBytesAt(bytes: Buffer, at: number): number {
  return HEAD_BYTES + keyBytesAt(bytes, at) + rowBytesAt(bytes, at)
}

function keyBytesAt(bytes: Buffer, at: number): number {
  return bytes[at + 4]! | (bytes[at + 5]! << 8)
}

/** Below 2^31, as no row is longer than a segment. */
function rowBytesAt(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function setRowBytes(bytes: Buffer, at: number, length: number): void {
  bytes[at] = length & 0xff
  bytes[at + 1] = (length >> 8) & 0xff
  bytes[at + 2] = (length >> 16) & 0xff
  bytes[at + 3] = length >>> 24
}
