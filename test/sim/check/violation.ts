/** What the checkers hand over: which promise was broken, and how, in a person's words. */

export const INVARIANTS = {
  A1: 'an acknowledged write was lost',
  A2: 'siblings are not exactly the concurrent writes',
  A3: 'a deleted value came back',
  A4: 'replicas did not converge after everything was healed',
  A5: 'the cluster did not serve although enough nodes could be reached',
  A6: 'an acknowledgement was given without enough durable copies',
  A7: 'one dot stands for two values',
  A8: 'a hint was given up before its target had what was kept for it, or never delivered',
  A11: 'a bound was exceeded',
  A12: 'bytes were served or stored that nobody wrote, or a replica went back',
  A14: 'replicas that were alike were repaired',
  reaping: 'tombstones were not let go of, though the cluster was whole',
  histories: 'a member does not remember that a value of a backup may have been deleted since',
  listing: 'a listing does not show exactly the live keys',
  crash: 'a node crashed or gave up',
} as const

export type Invariant = keyof typeof INVARIANTS

export interface Violation {
  readonly invariant: Invariant
  readonly timeMs: number
  readonly sentence: string
}

/** Of each promise: later violations are mostly echoes of the first. */
const MOST = 5

/** What holds whatever the disks do. */
export const WITHOUT_BUDGET: readonly Invariant[] = ['A6', 'A7', 'A11', 'A12', 'crash']

export class Violations {
  readonly #now: () => number
  readonly #asked: readonly Invariant[] | undefined
  readonly #found: Violation[] = []

  /** `asked`: the invariants that count; all of them without it. */
  constructor(now: () => number, asked?: readonly Invariant[]) {
    this.#now = now
    this.#asked = asked
  }

  add(invariant: Invariant, sentence: string): void {
    if (this.#asked !== undefined && !this.#asked.includes(invariant)) return
    const known = this.#found.filter((violation) => violation.invariant === invariant)
    if (known.length < MOST) this.#found.push({ invariant, timeMs: this.#now(), sentence })
  }

  get found(): readonly Violation[] {
    return this.#found
  }

  get any(): boolean {
    return this.#found.length > 0
  }
}
