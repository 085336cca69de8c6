/** How many distinct nodes a request needs. N, R and W count members, also those that are down; with fewer members than N, N is their number. */

export type QuorumChoice = number | 'one' | 'quorum' | 'all'

export function quorum(n: number): number {
  return Math.floor(n / 2) + 1
}

/** The number of nodes that `choice` asks for among `n`, or undefined when it is out of 1 … n. */
export function resolveQuorum(choice: QuorumChoice | undefined, n: number): number | undefined {
  if (choice === undefined || choice === 'quorum') return quorum(n)
  if (choice === 'one') return 1
  if (choice === 'all') return n
  return Number.isInteger(choice) && choice >= 1 && choice <= n ? choice : undefined
}

/**
 * The tally of one request: who counts, who may still count, who cannot. A node counts once, whatever it answers how often.
 * Invariant: every owner is in exactly one of the three states.
 */
export class QuorumTally {
  readonly #needed: number
  #owners: readonly string[]
  readonly #counted: string[] = []
  readonly #failed: string[] = []

  constructor(owners: readonly string[], needed: number) {
    this.#owners = owners
    this.#needed = needed
  }

  count(node: string): void {
    if (!this.#counted.includes(node)) this.#counted.push(node)
    const failed = this.#failed.indexOf(node)
    if (failed >= 0) this.#failed.splice(failed, 1)
  }

  fail(node: string): void {
    if (!this.#counted.includes(node) && !this.#failed.includes(node)) this.#failed.push(node)
  }

  /** Another table: what nodes already did still holds, but only its owners count. */
  place(owners: readonly string[]): void {
    this.#owners = owners
  }

  isOpen(node: string): boolean {
    return !this.#counted.includes(node) && !this.#failed.includes(node)
  }

  hasCounted(node: string): boolean {
    return this.#counted.includes(node)
  }

  get needed(): number {
    return this.#needed
  }

  get got(): number {
    let got = 0
    for (const node of this.#counted) if (this.#owners.includes(node)) got++
    return got
  }

  get open(): number {
    let open = 0
    for (const node of this.#owners) if (this.isOpen(node)) open++
    return open
  }

  get enough(): boolean {
    return this.got >= this.#needed
  }

  /** Even if everybody who may still answer does, it is not enough. */
  get hopeless(): boolean {
    return this.got + this.open < this.#needed
  }

  get settled(): boolean {
    return this.open === 0
  }
}
