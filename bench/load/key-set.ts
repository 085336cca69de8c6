/** What the generator knows of each key, and which of them a connection has in hand: no key has two requests under way. */
import type { XorShift } from './xorshift.js'

/** `unsure`: a put failed, so ask before the next one. `unread`: the context is known, the value is not. */
export type Knowledge = 'sure' | 'unsure' | 'unread'

export class KeySet {
  readonly size: number
  /** The last version sent, 0 = none. */
  readonly versions: Uint32Array
  readonly contexts: string[]
  readonly knowledge: Knowledge[]
  readonly #taken: Uint8Array

  constructor(size: number) {
    this.size = size
    this.versions = new Uint32Array(size)
    this.contexts = new Array<string>(size).fill('')
    this.knowledge = new Array<Knowledge>(size).fill('sure')
    this.#taken = new Uint8Array(size)
  }

  /** A random key that nobody has in hand. There must be more keys than connections. */
  take(random: XorShift): number {
    let key = random.below(this.size)
    while (this.#taken[key] === 1) key = (key + 1) % this.size
    this.#taken[key] = 1
    return key
  }

  giveBack(key: number): void {
    this.#taken[key] = 0
  }
}
