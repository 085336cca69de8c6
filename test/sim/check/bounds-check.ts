/** A11: what must stay small stays small, at every event and when all is quiet. */
import { limits } from '../../../src/limits.js'
import type { World } from '../world.js'
import type { RowBook } from './row-book.js'
import type { Violations } from './violation.js'

/** How often the costlier looks are taken, in events. */
const LOOK_EVERY = 512
/** How often nodes are asked for their own counts, in events. */
const ASK_EVERY = 4_096
/** One record that is larger than all the room is taken all the same. */
const RECORD_SLACK_BYTES = 256 * 1024
/** Timers of one node: a few for itself, and a few for each request and peer. */
const MOST_TIMERS = 2_000
const MOST_TIMERS_AT_REST = 64
/** A client's write is refused beyond the cap; merges of replicas may pass it, but not by much more than there are nodes. */
const SIBLING_SLACK = 128

export class BoundsCheck {
  readonly #world: World
  readonly #book: RowBook
  readonly #violations: Violations
  #events = 0

  constructor(world: World, book: RowBook, violations: Violations) {
    this.#world = world
    this.#book = book
    this.#violations = violations
  }

  afterEvent(): void {
    this.#events += 1
    if (this.#events % LOOK_EVERY !== 0) return
    if (this.#events % ASK_EVERY === 0) this.#ask()
    if (this.#book.mostSiblings > limits.siblings + SIBLING_SLACK)
      this.#violations.add('A11', `an object has ${this.#book.mostSiblings} siblings`)
    for (const host of this.#world.hosts) this.#timers(host.name, host.process?.timers ?? 0, MOST_TIMERS)
  }

  /** What nodes hold for others, for their clients and for their peers. */
  #ask(): void {
    const { hintBytes } = this.#world.config
    for (const { name, node } of this.#world.hosts) {
      const counts = node?.measurements()
      const within = (what: string, most: number): void => {
        const count = counts?.get(what) ?? 0
        if (count > most) this.#violations.add('A11', `${name} has ${what} ${count}, and may have ${most}`)
      }
      within('hints_bytes', hintBytes + RECORD_SLACK_BYTES)
      within('replica_operations', limits.replicaOperations)
      within('requests_in_flight', limits.requestsInFlight + limits.requestsAnswered)
      within('rows_to_recover', 100_000)
      within('tombstones', limits.tombstones)
    }
  }

  /** After everything was answered and all is calm, nothing is left over. */
  atRest(): void {
    for (const host of this.#world.hosts) {
      this.#timers(host.name, host.process?.timers ?? 0, MOST_TIMERS_AT_REST)
    }
  }

  #timers(name: string, timers: number, most: number): void {
    if (timers > most) this.#violations.add('A11', `${name} keeps ${timers} timers`)
  }
}
