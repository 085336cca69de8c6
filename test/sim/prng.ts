/**
 * The simulator's only source of chance: sfc32 (Chris Doty-Humphrey's small fast counting generator; passes PractRand), seeded
 * by a string. Every subsystem draws from a stream of its own, split off by name, so that one more draw by the workload does not
 * shift what the network does: a seed that fails keeps failing when an unrelated part of the simulation changes.
 */
import type { Random } from '../../src/ports/random.js'

const TWO_TO_32 = 4294967296

/** xmur3: spreads a string over as many 32-bit words as are asked of it. */
function wordsOf(text: string): () => number {
  let hash = 1779033703 ^ text.length
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 3432918353)
    hash = (hash << 13) | (hash >>> 19)
  }
  return () => {
    hash = Math.imul(hash ^ (hash >>> 16), 2246822507)
    hash = Math.imul(hash ^ (hash >>> 13), 3266489909)
    hash ^= hash >>> 16
    return hash >>> 0
  }
}

export class Prng implements Random {
  readonly #path: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(path: string) {
    this.#path = path
    const word = wordsOf(path)
    this.#a = word()
    this.#b = word()
    this.#c = word()
    for (let round = 0; round < 12; round += 1) this.word()
  }

  /** A stream that depends on this stream's name and not on what was drawn from it. */
  split(name: string): Prng {
    return new Prng(`${this.#path}/${name}`)
  }

  /** A uniform 32-bit word. */
  word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  below(bound: number): number {
    if (!(bound >= 1 && bound <= TWO_TO_32)) throw new RangeError(`bound ${bound}`)
    const limit = TWO_TO_32 - (TWO_TO_32 % bound)
    let word = this.word()
    while (word >= limit) word = this.word()
    return word % bound
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let index = 0; index < length; index += 1) bytes[index] = this.word() & 0xff
    return bytes
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.word() / TWO_TO_32
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.fraction()
  }

  /** A whole number in low … high, both included. */
  whole(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)]
    return picked as T
  }

  shuffled<T>(from: readonly T[]): T[] {
    const result = from.slice()
    for (let index = result.length - 1; index > 0; index -= 1) {
      const other = this.below(index + 1)
      const held = result[index] as T
      result[index] = result[other] as T
      result[other] = held
    }
    return result
  }
}
