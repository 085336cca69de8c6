/**
 * Values that can be checked without being kept: eight bytes say which key and version they belong to, the rest is a stretch of one
 * random pool whose place follows from the two. Storage cannot compress them, and a value in the wrong place is found.
 */
import { XorShift } from './xorshift.js'

const POOL_BYTES = 1 << 16
export const SMALLEST_VALUE_BYTES = 16

export class Values {
  readonly bytes: number
  readonly #pool: Buffer

  constructor(bytes: number) {
    this.bytes = bytes
    this.#pool = Buffer.allocUnsafeSlow(POOL_BYTES + bytes)
    const random = new XorShift(0x5eed)
    for (let i = 0; i < this.#pool.length; i++) this.#pool[i] = random.next()
  }

  /** Writes the value of (key, version) into `out` at `offset`. */
  write(key: number, version: number, out: Buffer, offset: number): void {
    out.writeUInt32LE(key, offset)
    out.writeUInt32LE(version, offset + 4)
    const from = placeInPool(key, version)
    this.#pool.copy(out, offset + 8, from, from + this.bytes - 8)
  }

  /** The version of `key` that these bytes are, or undefined where they are none. */
  versionOf(key: number, value: Buffer): number | undefined {
    if (value.length !== this.bytes || value.readUInt32LE(0) !== key) return undefined
    const version = value.readUInt32LE(4)
    const from = placeInPool(key, version)
    const same = this.#pool.compare(value, 8, this.bytes, from, from + this.bytes - 8) === 0
    return same ? version : undefined
  }
}

function placeInPool(key: number, version: number): number {
  return (Math.imul(key, 0x9e3779b1) ^ Math.imul(version, 0x85ebca6b)) >>> 16
}
