/**
 * Where rows are, by their keys: open addressing over flat arrays of numbers. A hundred thousand rows are no objects at all here: the strings and
 * tables of a `Map` cost more than all look-ups together, because the garbage collector goes through them again and again.
 *
 * The index knows a key by its hash alone; whether the row at a place is the key's own, its owner says.
 */
const EMPTY = -1
const FEWEST = 64

export class RowIndex {
  /** Hash and place in turn, side by side in the processor's cache; places are whole numbers, EMPTY where there is none. */
  #entries = noEntries(FEWEST)
  #slots = FEWEST
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The first slot at or after `from`, in the run that goes on there, that has this hash; -1 when the run is over. */
  next(hash: number, from: number): number {
    const entries = this.#entries
    const mask = this.#slots - 1
    for (let slot = from & mask; entries[2 * slot + 1] !== EMPTY; slot = (slot + 1) & mask)
      if (entries[2 * slot] === hash) return slot
    return -1
  }

  /** Where the run of a hash begins. */
  first(hash: number): number {
    return spread(hash) & (this.#slots - 1)
  }

  placeAt(slot: number): number {
    return this.#entries[2 * slot + 1]!
  }

  move(slot: number, place: number): void {
    this.#entries[2 * slot + 1] = place
  }

  /** Of a key that is not in it. */
  add(hash: number, place: number): void {
    if (2 * (this.#size + 1) > this.#slots) this.#grow()
    this.#put(hash, place)
    this.#size++
  }

  /** Takes one out and closes the gap: those behind it, up to the next empty slot, move as near to their own first slot as they can. */
  remove(slot: number): void {
    const entries = this.#entries
    const mask = this.#slots - 1
    let gap = slot
    for (let at = (slot + 1) & mask; entries[2 * at + 1] !== EMPTY; at = (at + 1) & mask) {
      const home = spread(entries[2 * at]!) & mask
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      entries.copyWithin(2 * gap, 2 * at, 2 * at + 2)
      gap = at
    }
    entries[2 * gap + 1] = EMPTY
    this.#size--
  }

  clear(): void {
    this.#entries = noEntries(FEWEST)
    this.#slots = FEWEST
    this.#size = 0
  }

  #put(hash: number, place: number): void {
    const entries = this.#entries
    const mask = this.#slots - 1
    let slot = this.first(hash)
    while (entries[2 * slot + 1] !== EMPTY) slot = (slot + 1) & mask
    entries[2 * slot] = hash
    entries[2 * slot + 1] = place
  }

  #grow(): void {
    const before = this.#entries
    this.#slots *= 2
    this.#entries = noEntries(this.#slots)
    for (let at = 0; at < before.length; at += 2)
      if (before[at + 1] !== EMPTY) this.#put(before[at]!, before[at + 1]!)
  }
}

function noEntries(slots: number): Float64Array {
  return new Float64Array(2 * slots).fill(EMPTY)
}

/** 32 bits of the key's bytes from `from` to `to` (FNV-1a, begun with `seed`: clients choose keys, and must not choose runs). */
export function hashOf(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash
}

/** FNV's low bits follow from the bytes' low bits alone. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15)
}
