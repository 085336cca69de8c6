/** A cursor over bytes for the decoders in TypeScript; each read past the end throws the error that the cursor was made with. */
import { KernelError, type KernelErrorCode } from './codes.js'

const MAX_VARINT_BYTES = 8

export class Reader {
  #bytes: Uint8Array
  readonly #code: KernelErrorCode
  at: number
  #end: number

  constructor(bytes: Uint8Array, code: KernelErrorCode, at = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#code = code
    this.at = at
    this.#end = end
  }

  /** Moves the cursor to other bytes: for those who look at little of many. */
  over(bytes: Uint8Array, at = 0): this {
    this.#bytes = bytes
    this.#end = bytes.length
    this.at = at
    return this
  }

  get left(): number {
    return this.#end - this.at
  }

  fail(what: string): never {
    throw new KernelError(this.#code, `${what} at byte ${this.at}.`)
  }

  byte(): number {
    if (this.at >= this.#end) this.fail('The bytes end too early')
    return this.#bytes[this.at++]!
  }

  /** LEB128 in its shortest form, at most 2^53 - 1. */
  varint(): number {
    let number = 0
    let scale = 1
    for (let bytes = 1; bytes <= MAX_VARINT_BYTES; bytes++) {
      const byte = this.byte()
      number += (byte & 0x7f) * scale
      scale *= 128
      if (byte >= 0x80) continue
      if ((byte === 0 && bytes > 1) || number > Number.MAX_SAFE_INTEGER) break
      return number
    }
    return this.fail('A number is too long')
  }

  /** Six bytes, big endian. */
  u48(): number {
    let number = 0
    for (let i = 0; i < 6; i++) number = number * 256 + this.byte()
    return number
  }

  /** The next `length` bytes, not copied. */
  take(length: number): Uint8Array {
    this.skip(length)
    return this.#bytes.subarray(this.at - length, this.at)
  }

  skip(length: number): void {
    if (length > this.left) this.fail('The bytes end too early')
    this.at += length
  }

  /** A varint length and that many bytes. */
  sized(): Uint8Array {
    return this.take(this.varint())
  }

  /** A cursor over the next `length` bytes, which this one skips. */
  within(length: number): Reader {
    this.skip(length)
    return new Reader(this.#bytes, this.#code, this.at - length, this.at)
  }
}

/** Bytes of a number as LEB128, appended to `out`. */
export function pushVarint(out: number[], number: number): void {
  let rest = number
  while (rest >= 0x80) {
    out.push((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  out.push(rest)
}
