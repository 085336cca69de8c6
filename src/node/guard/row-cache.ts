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
 */
const FEWEST_SEGMENTS = 32
const LARGEST_SEGMENT_BYTES = 1024 * 1024
/** What the map and the key take for an entry, about. */
const ENTRY_BYTES = 150
const LENGTH_BYTES = 4
/** A row that takes more of a segment than this pushes out too many small ones. */
const LARGEST_SHARE = 4

interface Segment {
  readonly bytes: Buffer
  /** Keys of the rows in it; some may have moved on. */
  readonly keys: string[]
  used: number
}

export class RowCache {
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
    const row = bytes.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + bytes.readUInt32LE(at))
    const age = (this.#filling - slot + this.#segments) % this.#segments
    if (age >= this.#segments / 2) this.set(key, row)
    return row
  }

  /** Keeps a copy. */
  set(key: string, row: Uint8Array): void {
    if (row.length + LENGTH_BYTES + ENTRY_BYTES > this.#segmentBytes / LARGEST_SHARE) {
      this.#places.delete(key)
      return
    }
    const segment = this.#segmentFor(row.length)
    const at = segment.used
    segment.bytes.writeUInt32LE(row.length, at)
    segment.bytes.set(row, at + LENGTH_BYTES)
    segment.used = at + LENGTH_BYTES + row.length
    segment.keys.push(key)
    this.#places.set(key, this.#filling * this.#segmentBytes + at)
  }

  delete(key: string): void {
    this.#places.delete(key)
  }

  clear(): void {
    this.#places.clear()
    this.#ring.fill(undefined)
    this.#held = 0
  }

  /** The one being filled, or a new one in the place of the oldest. */
  #segmentFor(rowBytes: number): Segment {
    const filling = this.#ring[this.#filling]
    if (filling !== undefined && this.#fits(filling, rowBytes)) return filling
    if (filling !== undefined) this.#filling = (this.#filling + 1) % this.#segments
    this.#forget(this.#filling)
    const segment = { bytes: Buffer.allocUnsafeSlow(this.#segmentBytes), keys: [], used: 0 }
    this.#ring[this.#filling] = segment
    this.#held++
    return segment
  }

  #fits(segment: Segment, rowBytes: number): boolean {
    const taken = segment.used + segment.keys.length * ENTRY_BYTES
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
