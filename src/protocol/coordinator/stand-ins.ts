import type { Placement } from '../effects.js'

/**
 * Those who stand in for owners that are away, in one request (sloppy quorum, paper 4.6): the next nodes of the preference list beyond the
 * owners. Each is asked for one owner, and counts once.
 */
export class StandIns {
  readonly #beyond: readonly string[]
  readonly #self: string
  #walked = 0

  /** Stand-in → the owner that it was asked for. */
  readonly #asked = new Map<string, string>()
  readonly #counted = new Set<string>()
  readonly #failed = new Set<string>()

  constructor(placement: Placement, self: string) {
    this.#beyond = placement.beyond
    this.#self = self
  }

  /** Walks on to the next node, and notes that it is asked for this owner. */
  next(owner: string): string | undefined {
    let node = this.#beyond[this.#walked++]
    if (node === this.#self) node = this.#beyond[this.#walked++]
    if (node !== undefined) this.ask(node, owner)
    return node
  }

  ask(node: string, owner: string): void {
    this.#asked.set(node, owner)
  }

  count(node: string): void {
    if (!this.#asked.has(node)) return
    this.#counted.add(node)
    this.#failed.delete(node)
  }

  fail(node: string): void {
    if (this.#asked.has(node) && !this.#counted.has(node)) this.#failed.add(node)
  }

  ownerOf(node: string): string | undefined {
    return this.#asked.get(node)
  }

  /** Somebody stands in for this owner, or is about to. */
  cover(owner: string): boolean {
    for (const [node, asked] of this.#asked) if (asked === owner && !this.#failed.has(node)) return true
    return false
  }

  /** Those that count, of those that were asked for one of these owners. */
  countedFor(owners: readonly string[]): number {
    let counted = 0
    for (const node of this.#counted) if (this.#isFor(node, owners)) counted++
    return counted
  }

  /** Those that count or still may. */
  hopefulFor(owners: readonly string[]): number {
    let hopeful = 0
    for (const node of this.#asked.keys()) if (!this.#failed.has(node) && this.#isFor(node, owners)) hopeful++
    return hopeful
  }

  /** Who coordinates without being an owner keeps what it writes for all of them. */
  #isFor(node: string, owners: readonly string[]): boolean {
    return node === this.#self || owners.includes(this.#asked.get(node)!)
  }

  get counted(): number {
    return this.#counted.size
  }

  get open(): number {
    return this.#asked.size - this.#counted.size - this.#failed.size
  }
}
