import type { Scheduler } from '../../ports/scheduler.js'

/** Gathers what is to run after the present turn: one call of the scheduler for all of it, in the order of the asking. */
export class Turn {
  readonly #scheduler: Scheduler
  #due: (() => void)[] = []

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  after(run: () => void): void {
    if (this.#due.push(run) > 1) return
    this.#scheduler.afterTurn(() => {
      const due = this.#due
      this.#due = []
      for (const next of due) next()
    })
  }
}
