/** How many distinct nodes a request needs. N, R and W count members, also those that are down; with fewer members than N, N is their number. */

import type { Placement } from '../effects.js'
import { StandIns } from './stand-ins.js'

/** R or W of one request: a count of distinct nodes, or a name that is resolved against the N in force. */
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

const NOBODY = { counted: 0, open: 0 } as const

/**
 * The tally of one request: who counts, who may still count, who cannot. A node counts once, whatever it answers how often.
 * Invariant: every owner is in exactly one of the three states.
 *
 * With `sloppy`, nodes that stand in for owners count too, but only as far as the owners cannot do it themselves: while enough of
 * those may still answer, a quorum is one of owners, and meets every other one.
 */
export class QuorumTally {
  readonly #needed: number
  #owners: readonly string[]
  readonly #counted: string[] = []
  readonly #failed: string[] = []
  readonly #sloppy: boolean
  #standIns: StandIns | undefined
  /** Owners that count, and owners that still may: asked for at every step, changed by few. */
  #got = 0
  #open: number

  constructor(owners: readonly string[], needed: number, sloppy = false) {
    this.#owners = owners
    this.#needed = needed
    this.#sloppy = sloppy
    this.#open = owners.length
  }

  /** The next node that may be asked in place of an owner, from the preference list of `placement`; undefined when there is nobody left. */
  standIn(owner: string, placement: Placement, self: string): string | undefined {
    this.#standIns ??= new StandIns(placement, self)
    return this.#standIns.next(owner)
  }

  /** This node, which is no owner, does its part itself, in place of the first one. */
  standInMyself(self: string, placement: Placement): void {
    this.#standIns = new StandIns(placement, self)
    this.#standIns.ask(self, placement.owners[0]!)
  }

  countStandIn(node: string): void {
    this.#standIns?.count(node)
  }

  failStandIn(node: string): void {
    this.#standIns?.fail(node)
  }

  /** The owner for which this node was asked. */
  standsInFor(node: string): string | undefined {
    return this.#standIns?.ownerOf(node)
  }

  hasStandIn(owner: string): boolean {
    return this.#standIns?.cover(owner) === true
  }

  count(node: string): void {
    if (this.#counted.includes(node)) return
    this.#counted.push(node)
    const failed = this.#failed.indexOf(node)
    if (failed >= 0) this.#failed.splice(failed, 1)
    this.#sum()
  }

  fail(node: string): void {
    if (!this.isOpen(node)) return
    this.#failed.push(node)
    this.#sum()
  }

  #sum(): void {
    this.#got = 0
    this.#open = 0
    for (const owner of this.#owners) {
      if (this.#counted.includes(owner)) this.#got++
      else if (!this.#failed.includes(owner)) this.#open++
    }
  }

  /** Another table: what nodes already did still holds, but only its owners count. */
  place(owners: readonly string[]): void {
    this.#owners = owners
    this.#standIns = undefined
    this.#sum()
  }

  isOpen(node: string): boolean {
    return !this.#counted.includes(node) && !this.#failed.includes(node)
  }

  hasFailed(node: string): boolean {
    return this.#failed.includes(node)
  }

  hasCounted(node: string): boolean {
    return this.#counted.includes(node)
  }

  get needed(): number {
    return this.#needed
  }

  get got(): number {
    return this.#got
  }

  get open(): number {
    return this.#open
  }

  get enough(): boolean {
    const { got } = this
    if (got >= this.#needed || this.#standIns === undefined || !this.#sloppy) return got >= this.#needed
    return got + this.open < this.#needed && got + this.#standIns.counted >= this.#needed
  }

  /** All that count now. */
  get gotInAll(): number {
    return this.got + (this.#sloppy ? (this.#standIns?.counted ?? 0) : 0)
  }

  /** Those that count and those that still may: with too few of them it is hopeless, and they are what could be reached. */
  get reachable(): number {
    const { counted, open } = (this.#sloppy ? this.#standIns : undefined) ?? NOBODY
    return this.got + this.open + counted + open
  }

  /** Even if everybody who may still answer does, it is not enough. */
  get hopeless(): boolean {
    return this.reachable < this.#needed
  }

  /** Nobody who was asked may still answer. */
  get settled(): boolean {
    return this.open === 0 && (this.#standIns?.open ?? 0) === 0
  }
}
