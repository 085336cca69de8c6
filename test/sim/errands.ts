/** What one who acts on the cluster while clients work is going to do, until the time for it is over. */
import type { Timeline } from './timeline.js'

export class Errands {
  readonly #timeline: Timeline
  readonly #whose: string
  #isOver = false

  /** `whose`: what the trace calls these events. */
  constructor(timeline: Timeline, whose: string) {
    this.#timeline = timeline
    this.#whose = whose
  }

  get isOver(): boolean {
    return this.#isOver
  }

  later(ms: number, act: () => void): void {
    this.#timeline.after(ms, this.#whose, () => {
      if (!this.#isOver) act()
    })
  }

  /** Nothing of what is still to come is done. */
  stop(): void {
    this.#isOver = true
  }

  /** In the story of a seed. */
  tell(what: string): void {
    this.#timeline.trace.act(this.#timeline.nowMs, what)
  }
}
