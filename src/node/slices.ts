/**
 * Work in the background, cut into slices: while one runs, nothing else does, so each is short, and how long each was is counted.
 *
 * A slice ends when two milliseconds have gone by, or when it has done so many items: in a simulated node no time passes within a turn, and
 * what it does must not depend on any. One item is never cut.
 */
import type { Clock } from '../ports/clock.js'
import type { Scheduler } from '../ports/scheduler.js'
import { Durations } from '../protocol/background/durations.js'
import { type BackgroundTask, TASKS } from '../protocol/background/governor.js'

const SLICE_MS = 2
const SLICE_ITEMS = 1_024

/** `scan`: rows of a page are verified, for whichever task. */
export type SliceKind = BackgroundTask | 'scan'
export const SLICE_KINDS: readonly SliceKind[] = [...TASKS, 'scan']

export class Slices {
  readonly #clock: Clock
  readonly #scheduler: Pick<Scheduler, 'afterTurn'>
  readonly #durations = new Map(SLICE_KINDS.map((kind) => [kind, new Durations()] as const))
  #isWithin = false

  constructor(clock: Clock, scheduler: Pick<Scheduler, 'afterTurn'>) {
    this.#clock = clock
    this.#scheduler = scheduler
  }

  /** How long they were, since the start. */
  durations(kind: SliceKind): Durations {
    return this.#durations.get(kind)!
  }

  /** One slice. Within another it is part of that. */
  run<T>(kind: SliceKind, slice: () => T): T {
    if (this.#isWithin) return slice()
    this.#isWithin = true
    const beganMs = this.#clock.monotonicMs()
    try {
      return slice()
    } finally {
      this.#isWithin = false
      this.durations(kind).add(this.#clock.monotonicMs() - beganMs)
    }
  }

  /** `each` for 0 … `count` − 1, in as many slices as it takes; then `done`, in the turn of the last. The first is now. */
  each(kind: SliceKind, count: number, each: (index: number) => void, done: () => void): void {
    const goOn = (from: number): void => {
      const to = this.run(kind, () => this.#items(from, count, each))
      if (to < count) this.#scheduler.afterTurn(() => goOn(to))
      else done()
    }
    goOn(0)
  }

  #items(from: number, count: number, each: (index: number) => void): number {
    const untilMs = this.#clock.monotonicMs() + SLICE_MS
    const end = Math.min(count, from + SLICE_ITEMS)
    let index = from
    while (index < end) {
      each(index++)
      if (this.#clock.monotonicMs() >= untilMs) break
    }
    return index
  }
}
