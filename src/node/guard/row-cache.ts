/**
 * The rows last written or read, within a budget of bytes. Two generations: a row that is used moves into the young one; when that
 * has taken half of the budget, the old one goes and the young one takes its place. So a hit costs one look-up and mostly nothing
 * else, and what has not been used while half of the budget went by is forgotten.
 */
const ENTRY_OVERHEAD_BYTES = 200

/** A larger row is not worth the many small ones that it would push out. */
const LARGEST_SHARE = 16

export class RowCache {
  readonly #generationBytes: number
  readonly #largestBytes: number
  #young = new Map<string, Uint8Array>()
  #old = new Map<string, Uint8Array>()
  #youngBytes = 0
  #oldBytes = 0

  constructor(budgetBytes: number) {
    this.#generationBytes = budgetBytes / 2
    this.#largestBytes = budgetBytes / LARGEST_SHARE
  }

  /** Bytes held, an upper bound. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes
  }

  get(key: string): Uint8Array | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, row: Uint8Array): void {
    const bytes = row.length + key.length + ENTRY_OVERHEAD_BYTES
    if (bytes > this.#largestBytes) {
      this.delete(key)
      return
    }
    const before = this.#young.get(key)
    if (before !== undefined) this.#youngBytes -= before.length + key.length + ENTRY_OVERHEAD_BYTES
    this.#young.set(key, row)
    this.#youngBytes += bytes
    if (this.#youngBytes > this.#generationBytes) this.#age()
  }

  delete(key: string): void {
    const young = this.#young.get(key)
    if (young !== undefined) {
      this.#young.delete(key)
      this.#youngBytes -= young.length + key.length + ENTRY_OVERHEAD_BYTES
    }
    this.#old.delete(key)
  }

  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
    this.#youngBytes = 0
    this.#oldBytes = 0
  }

  #age(): void {
    this.#old = this.#young
    this.#oldBytes = this.#youngBytes
    this.#young = new Map()
    this.#youngBytes = 0
  }
}
