/**
 * What is under way, by a number that it is given: an array, in which a number's place is its last bits. A number whose place is taken is not
 * given out, so there is nothing to search.
 *
 * Not a Map, for the garbage collector's sake: a V8 Map into which is put and from which is deleted makes itself a new table again and
 * again, and each old one goes on pointing to the next and to all that was in it. Once one of them is in the old generation, every request
 * that comes after stays in memory until the next full collection (measured: a third of all that a put allocates).
 */
export class ConversationTable<Entry> {
  #places: (Entry | undefined)[]
  #ids: Uint32Array
  #size = 0
  #lastId: number

  /** Numbers begin after `firstId`. */
  constructor(firstId: number) {
    this.#lastId = firstId
    this.#places = new Array(FEWEST_PLACES).fill(undefined)
    this.#ids = new Uint32Array(FEWEST_PLACES)
  }

  get size(): number {
    return this.#size
  }

  /** A number from 1 to 2^32 − 2 that nothing under way has, and for which there is a place now. */
  nextId(): number {
    do {
      this.#lastId = this.#lastId >= LAST_ID ? 1 : this.#lastId + 1
    } while (this.#places[this.#place(this.#lastId)] !== undefined)
    return this.#lastId
  }

  get(id: number): Entry | undefined {
    const place = this.#place(id)
    return this.#ids[place] === id ? this.#places[place] : undefined
  }

  /** Throws RangeError for a number that is in use. */
  set(id: number, entry: Entry): void {
    if (this.get(id) !== undefined) throw new RangeError(`${id} is in use`)
    while (this.#size * 2 >= this.#places.length || this.#places[this.#place(id)] !== undefined) this.#grow()
    this.#put(id, entry)
    this.#size++
  }

  delete(id: number): void {
    const place = this.#place(id)
    if (this.#ids[place] !== id || this.#places[place] === undefined) return
    this.#places[place] = undefined
    this.#size--
  }

  /** The numbers in use now. */
  ids(): number[] {
    const ids: number[] = []
    if (this.#size === 0) return ids
    for (let place = 0; place < this.#places.length; place++) {
      if (this.#places[place] !== undefined) ids.push(this.#ids[place]!)
    }
    return ids
  }

  #place(id: number): number {
    return id & (this.#places.length - 1)
  }

  #put(id: number, entry: Entry): void {
    const place = this.#place(id)
    this.#places[place] = entry
    this.#ids[place] = id
  }

  /** Twice the places. Numbers that had different ones before have different ones now. */
  #grow(): void {
    const places = this.#places
    const ids = this.#ids
    this.#places = new Array(places.length * 2).fill(undefined)
    this.#ids = new Uint32Array(places.length * 2)
    places.forEach((entry, place) => {
      if (entry !== undefined) this.#put(ids[place]!, entry)
    })
  }
}

/** A power of two. */
const FEWEST_PLACES = 1024
const LAST_ID = 0xffff_fffe
