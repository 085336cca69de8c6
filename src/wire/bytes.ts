/** Reading and writing of binary fields. Integers are little endian. The reader is total: it throws WireError and nothing else. */

export class WireError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WireError'
  }
}

const EMPTY = Buffer.alloc(0)

/** Appends fields to one growing buffer. `take` hands it out with what was written; `written` only shows it, until `clear` starts anew in the same memory. */
export class ByteWriter {
  #buffer: Buffer
  #at = 0

  constructor(initialBytes = 4096) {
    this.#buffer = Buffer.allocUnsafe(initialBytes)
  }

  get length(): number {
    return this.#at
  }

  u8(value: number): void {
    this.#room(1)
    this.#buffer[this.#at++] = value
  }

  u16(value: number): void {
    this.#room(2)
    this.#at = this.#buffer.writeUInt16LE(value, this.#at)
  }

  u32(value: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeUInt32LE(value, this.#at)
  }

  /** An unsigned integer up to 2^53 − 1. */
  u53(value: number): void {
    this.#room(8)
    const high = Math.floor(value / 0x1_0000_0000)
    this.#at = this.#buffer.writeUInt32LE(value - high * 0x1_0000_0000, this.#at)
    this.#at = this.#buffer.writeUInt32LE(high, this.#at)
  }

  f64(value: number): void {
    this.#room(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  /** Length as u32, then the bytes. */
  bytes(value: Uint8Array): void {
    this.u32(value.length)
    this.raw(value)
  }

  /** The bytes alone; the reader must know their number. */
  raw(value: Uint8Array): void {
    this.#room(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  /** Length as u16, then UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value)
    if (length > 0xffff) throw new WireError('a text is too long for the wire')
    this.u16(length)
    this.#room(length)
    this.#at += this.#buffer.write(value, this.#at, 'utf8')
  }

  /** Overwrites four bytes written before. */
  patchU32(at: number, value: number): void {
    this.#buffer.writeUInt32LE(value, at)
  }

  /** What was written, as its own bytes; the writer is empty afterwards. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at)
    this.#buffer = EMPTY
    this.#at = 0
    return taken
  }

  /** What was written so far; its bytes change with the next field after `clear`. */
  written(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  /** Forgets what was written, and keeps the memory unless it is more than `keepBytes`. */
  clear(keepBytes: number): void {
    this.#at = 0
    if (this.#buffer.length > keepBytes) this.#buffer = EMPTY
  }

  #room(more: number): void {
    const needed = this.#at + more
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2, 4096))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}

/** Reads fields in order. Byte fields are subarrays of the input: nothing is copied, no length is believed before it was checked. */
export class ByteReader {
  readonly #buffer: Buffer
  #at: number
  #end: number

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = 0
    this.#end = bytes.length
  }

  get left(): number {
    return this.#end - this.#at
  }

  u8(): number {
    this.#need(1)
    return this.#buffer[this.#at++]!
  }

  u16(): number {
    this.#need(2)
    const value = this.#buffer.readUInt16LE(this.#at)
    this.#at += 2
    return value
  }

  u32(): number {
    this.#need(4)
    const value = this.#buffer.readUInt32LE(this.#at)
    this.#at += 4
    return value
  }

  u53(): number {
    const low = this.u32()
    const high = this.u32()
    if (high > 0x1f_ffff) throw new WireError('an integer is larger than 2^53 − 1')
    return high * 0x1_0000_0000 + low
  }

  f64(): number {
    this.#need(8)
    const value = this.#buffer.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }

  bytes(): Buffer {
    return this.raw(this.u32())
  }

  raw(length: number): Buffer {
    if (length === 0) return EMPTY
    this.#need(length)
    const value = this.#buffer.subarray(this.#at, this.#at + length)
    this.#at += length
    return value
  }

  text(maxBytes = 0xffff): string {
    const length = this.u16()
    if (length > maxBytes) throw new WireError('a text is longer than allowed')
    const bytes = this.raw(length)
    const text = bytes.toString('utf8')
    // What is no UTF-8 comes back as this character, which may also be there by right.
    if (text.includes('\ufffd') && !bytes.equals(Buffer.from(text))) throw new WireError('a text is no UTF-8')
    return text
  }

  /** Lets no more than the next `length` bytes be read until `leave`; gives what `leave` takes. */
  enter(length: number): number {
    this.#need(length)
    const end = this.#end
    this.#end = this.#at + length
    return end
  }

  /** What was entered must have been read to its end. */
  leave(end: number): void {
    this.end()
    this.#end = end
  }

  /** How many bytes were read. */
  get at(): number {
    return this.#at
  }

  /** What was read since then. */
  since(at: number): Buffer {
    return this.#buffer.subarray(at, this.#at)
  }

  /** If the next bytes are these, they count as read. */
  passes(bytes: Uint8Array): boolean {
    const next = this.#at + bytes.length
    if (next > this.#end || this.#buffer.compare(bytes, 0, bytes.length, this.#at, next) !== 0) return false
    this.#at = next
    return true
  }

  /** A count of items that take at least `itemBytes` each: refused before anything is allocated when they cannot be there. */
  count(itemBytes: number): number {
    const count = this.u32()
    if (count * itemBytes > this.left) throw new WireError('a count is larger than its message')
    return count
  }

  /** Nothing may be left: a message with a tail is not what its sender meant. */
  end(): void {
    if (this.#at !== this.#end) throw new WireError('bytes are left over')
  }

  #need(length: number): void {
    if (length > this.#end - this.#at) throw new WireError('the bytes end too early')
  }
}
