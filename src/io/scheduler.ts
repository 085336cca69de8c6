import type { Scheduler } from '../ports/scheduler.js'

/** A longer delay makes Node's timers fire at once instead (they count in 31 bits). */
const LONGEST_DELAY_MS = 2 ** 31 - 1

/** The event loop's own turns and timers. */
export const eventLoopScheduler: Scheduler = {
  afterTurn(run) {
    setImmediate(run)
  },
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
