/**
 * A set of strings in order, as a list of short sorted blocks: a key is found by two binary searches and put in by moving at most
 * one block's worth of its neighbours. Strings compare by code unit, so latin1 strings of bytes are in byte order.
 */
const BLOCK_KEYS = 512

export class SortedKeys {
  readonly #blocks: string[][] = [[]]

  add(key: string): void {
    const index = this.#blockOf(key)
    const block = this.#blocks[index]!
    const at = position(block, key)
    if (block[at] === key) return
    block.splice(at, 0, key)
    if (block.length > BLOCK_KEYS) this.#blocks.splice(index + 1, 0, block.splice(BLOCK_KEYS / 2))
  }

  delete(key: string): void {
    const index = this.#blockOf(key)
    const block = this.#blocks[index]!
    const at = position(block, key)
    if (block[at] !== key) return
    block.splice(at, 1)
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(index, 1)
  }

  /** The keys from `from` (included) on. The set must not change meanwhile. */
  *from(from: string): Generator<string> {
    for (let index = this.#blockOf(from); index < this.#blocks.length; index++) {
      const block = this.#blocks[index]!
      for (let at = position(block, from); at < block.length; at++) yield block[at]!
    }
  }

  /** The last block whose first key is not after `key`, else the first. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#blocks[middle]![0]! <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Where `key` is in the block, or where it would go. */
function position(block: readonly string[], key: string): number {
  let low = 0
  let high = block.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (block[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
