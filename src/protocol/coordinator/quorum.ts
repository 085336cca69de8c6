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

/** What `choice` asks for in a list of `n`; a number larger than the list asks for all of it. */
export function quorumOf(choice: QuorumChoice | undefined, n: number): number {
  return resolveQuorum(choice, n) ?? n
}

/** A list of owners, and how many of them a request needs. */
interface Asked {
  readonly owners: readonly string[]
  readonly needed: number
}

const NOBODY = { counted: 0, open: 0 } as const
const NONE: readonly never[] = []

/**
 * The tally of one request: who counts, who may still count, who cannot. A node counts once, whatever it answers how often.
 * Invariant: every owner is in exactly one of the three states.
 *
 * With `sloppy`, nodes that stand in for owners count too, but only as far as the owners cannot do it themselves: while enough of
 * those may still answer, a quorum is one of owners, and meets every other one.
 *
 * While a key is on its way to other owners several lists are in force, and a write needs its quorum in each of them (decision 44): a node counts in every
 * list that it belongs to, and who stands in for an owner counts where that owner would.
 */
export class QuorumTally {
  #needed: number
  #owners: readonly string[]
  /** The other lists in force. */
  #others: readonly Asked[] = NONE
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

  /** Every one of these lists counts as well, each for itself. */
  alsoIn(lists: readonly (readonly string[])[], choice: QuorumChoice | undefined): void {
    this.#others = lists.map((owners) => ({ owners, needed: quorumOf(choice, owners.length) }))
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

  /** Other lists are in force: what nodes already did still holds, but only their owners count. */
  place(owners: readonly string[], needed = this.#needed): void {
    this.#owners = owners
    this.#needed = needed
    this.#others = NONE
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
    if (this.#others.length > 0) return this.#lists.every((list) => this.#isEnough(list))
    if (got >= this.#needed || this.#standIns === undefined || !this.#sloppy) return got >= this.#needed
    return got + this.open < this.#needed && got + this.#standIns.counted >= this.#needed
  }

  /** All that count now. */
  get gotInAll(): number {
    return this.got + (this.#sloppy ? (this.#standIns?.counted ?? 0) : 0)
  }

  /** Those that count and those that still may: with too few of them it is hopeless, and they are what could be reached. */
  get reachable(): number {
    if (this.#others.length > 0)
      return this.#lists.reduce(
        (least, list) => Math.min(least, this.#reachableOf(list) - list.needed + this.#needed),
        Number.POSITIVE_INFINITY,
      )
    const { counted, open } = (this.#sloppy ? this.#standIns : undefined) ?? NOBODY
    return this.got + this.open + counted + open
  }

  /** Even if everybody who may still answer does, it is not enough. */
  get hopeless(): boolean {
    return this.reachable < this.#needed
  }

  /** Nobody who was asked may still answer. */
  get settled(): boolean {
    if (this.#others.some(({ owners }) => this.#openOf(owners) > 0)) return false
    return this.open === 0 && (this.#standIns?.open ?? 0) === 0
  }

  get #lists(): readonly Asked[] {
    return [{ owners: this.#owners, needed: this.#needed }, ...this.#others]
  }

  #gotOf(owners: readonly string[]): number {
    let got = 0
    for (const node of this.#counted) if (owners.includes(node)) got++
    return got
  }

  #openOf(owners: readonly string[]): number {
    let open = 0
    for (const node of owners) if (this.isOpen(node)) open++
    return open
  }

  #isEnough({ owners, needed }: Asked): boolean {
    const got = this.#gotOf(owners)
    if (got >= needed || this.#standIns === undefined || !this.#sloppy) return got >= needed
    return got + this.#openOf(owners) < needed && got + this.#standIns.countedFor(owners) >= needed
  }

  #reachableOf({ owners }: Asked): number {
    const standIns = this.#sloppy ? this.#standIns : undefined
    return this.#gotOf(owners) + this.#openOf(owners) + (standIns?.hopefulFor(owners) ?? 0)
  }
}
