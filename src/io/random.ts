import { randomFillSync } from 'node:crypto'
import type { Random } from '../ports/random.js'

/** Bytes drawn from the system at a time: one call costs as much as a thousand bytes. */
const POOL_BYTES = 4096
const TWO_TO_THE_32 = 2 ** 32

const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** Where `length` fresh bytes begin in the pool. Bytes handed out are wiped by the next filling at the latest. */
function take(length: number): number {
  if (used + length > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  const start = used
  used += length
  return start
}

/** The system's cryptographic generator, read in gulps. */
export const systemRandom: Random = {
  below(bound) {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_TO_THE_32) {
      throw new RangeError(`bound must be an integer from 1 to 2^32, not ${bound}`)
    }
    // Numbers past the last whole multiple of the bound would favour small remainders: draw again.
    const fair = TWO_TO_THE_32 - (TWO_TO_THE_32 % bound)
    for (;;) {
      const drawn = pool.readUInt32LE(take(4))
      if (drawn < fair) return drawn % bound
    }
  },
  bytes(length) {
    const fresh = new Uint8Array(length)
    if (length > POOL_BYTES) return randomFillSync(fresh)
    const start = take(length)
    fresh.set(pool.subarray(start, start + length))
    return fresh
  },
}
