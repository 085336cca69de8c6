/**
 * Where rows are, by their keys: open addressing over flat arrays of numbers. A hundred thousand rows are no objects at all here: the strings and
 * tables of a `Map` cost more than all look-ups together, because the garbage collector goes through them again and again.
 *
 * The index knows a key by its hash alone; whether the row at a place is the key's own, its owner says.
 */
const EMPTY = -1
const FEWEST = 64

export class RowIndex {
  #hashes = new Int32Array(FEWEST)
  /** Whole numbers, EMPTY where there is none. */
  #places = new Float64Array(FEWEST).fill(EMPTY)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The first place at or after `from` in the run of this hash that has it, as a slot of the index; -1 when the run is over. */
  next(hash: number, from: number): number {
    const places = this.#places
    const mask = places.length - 1
    for (let slot = from & mask; places[slot] !== EMPTY; slot = (slot + 1) & mask)
      if (this.#hashes[slot] === hash) return slot
    return -1
  }

  /** Where the run of a hash begins. */
  first(hash: number): number {
    return spread(hash) & (this.#places.length - 1)
  }

  placeAt(slot: number): number {
    return this.#places[slot]!
  }

  move(slot: number, place: number): void {
    this.#places[slot] = place
  }

  /** Of a key that is not in it. */
  add(hash: number, place: number): void {
    if (2 * (this.#size + 1) > this.#places.length) this.#grow()
    this.#put(hash, place)
    this.#size++
  }

  /** Takes one out and closes the gap: those behind it, up to the next empty slot, move as near to their own first slot as they can. */
  remove(slot: number): void {
    const places = this.#places
    const hashes = this.#hashes
    const mask = places.length - 1
    let gap = slot
    for (let at = (slot + 1) & mask; places[at] !== EMPTY; at = (at + 1) & mask) {
      const home = spread(hashes[at]!) & mask
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      places[gap] = places[at]!
      hashes[gap] = hashes[at]!
      gap = at
    }
    places[gap] = EMPTY
    this.#size--
  }

  clear(): void {
    this.#hashes = new Int32Array(FEWEST)
    this.#places = new Float64Array(FEWEST).fill(EMPTY)
    this.#size = 0
  }

  #put(hash: number, place: number): void {
    const mask = this.#places.length - 1
    let slot = this.first(hash)
    while (this.#places[slot] !== EMPTY) slot = (slot + 1) & mask
    this.#hashes[slot] = hash
    this.#places[slot] = place
  }

  #grow(): void {
    const hashes = this.#hashes
    const places = this.#places
    this.#hashes = new Int32Array(2 * hashes.length)
    this.#places = new Float64Array(2 * places.length).fill(EMPTY)
    for (let slot = 0; slot < places.length; slot++)
      if (places[slot] !== EMPTY) this.#put(hashes[slot]!, places[slot]!)
  }
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
