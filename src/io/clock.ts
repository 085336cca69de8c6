import { performance } from 'node:perf_hooks'
import type { Clock } from '../ports/clock.js'

/** The machine's clocks. */
export const machineClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
}
