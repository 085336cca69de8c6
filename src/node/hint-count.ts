/** How much is kept for whom. Follows what is durable: counted once from the disk, then kept up with every commit. */
import type { FallbackRecord } from '../protocol/hints/record.js'
import { fallbackBytes } from '../protocol/hints/record.js'

interface Held {
  hints: number
  bytes: number
}

export class HintCount {
  hints = 0
  /** Of records, once for each target. */
  bytes = 0
  delivered = 0
  refused = 0
  damaged = 0
  readonly #targets = new Map<string, Held>()
  /** How many hints whose record holds a row there are for each value of a row key's first two bytes, its hash. */
  readonly #places = new Map<number, number>()

  /** Those for whom something is kept. */
  get targets(): Iterable<string> {
    return this.#targets.keys()
  }

  hintsFor(target: string): number {
    return this.#targets.get(target)?.hints ?? 0
  }

  mayHold(rowKey: Uint8Array): boolean {
    return this.#places.size > 0 && this.#places.has(placeOf(rowKey))
  }

  /** One key's record has become another. */
  replace(rowKey: Uint8Array, before: FallbackRecord | undefined, after: FallbackRecord | undefined): void {
    if (before !== undefined) this.#count(rowKey, before, -1)
    if (after !== undefined) this.#count(rowKey, after, 1)
  }

  /** One hint, of a record of so many bytes, by 1 or −1. */
  add(target: string, rowKey: Uint8Array, holdsRow: boolean, bytes: number, by: 1 | -1): void {
    this.hints += by
    this.bytes += by * bytes
    const held = this.#targets.get(target) ?? { hints: 0, bytes: 0 }
    held.hints += by
    held.bytes += by * bytes
    if (held.hints <= 0) this.#targets.delete(target)
    else this.#targets.set(target, held)
    if (holdsRow) this.#place(placeOf(rowKey), by)
  }

  clear(): void {
    this.hints = 0
    this.bytes = 0
    this.#targets.clear()
    this.#places.clear()
  }

  #count(rowKey: Uint8Array, record: FallbackRecord, by: 1 | -1): void {
    const bytes = fallbackBytes(record)
    for (const target of record.targets) this.add(target, rowKey, record.row.length > 0, bytes, by)
  }

  #place(place: number, by: 1 | -1): void {
    const count = (this.#places.get(place) ?? 0) + by
    if (count <= 0) this.#places.delete(place)
    else this.#places.set(place, count)
  }
}

function placeOf(rowKey: Uint8Array): number {
  return (rowKey[0]! << 8) | rowKey[1]!
}
