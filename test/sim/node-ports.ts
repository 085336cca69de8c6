/** The small ports of one simulated process: clocks, scheduler, log. */
import type { Clock } from '../../src/ports/clock.js'
import type { Log } from '../../src/ports/log.js'
import type { Scheduler } from '../../src/ports/scheduler.js'
import type { Prng } from './prng.js'
import type { SimProcess } from './process.js'
import type { Timeline } from './timeline.js'

/** The epoch of all simulations: 2026-01-01T00:00:00Z. */
const EPOCH_MS = 1767225600000

/** A machine's clocks. The monotonic one may run fast or slow but never jumps; the wall clock does what it likes. */
export class SimClock implements Clock {
  readonly #timeline: Timeline
  #wallOffsetMs: number
  /** By so much timers and turns of this machine's processes are late: its cores have other things to do. */
  lateMs = 0
  #rate = 1
  #rateSinceMs = 0
  #elapsedMs = 0

  constructor(timeline: Timeline, wallOffsetMs: number) {
    this.#timeline = timeline
    this.#wallOffsetMs = wallOffsetMs
  }

  monotonicMs(): number {
    return this.#elapsedMs + (this.#timeline.nowMs - this.#rateSinceMs) * this.#rate
  }

  wallMs(): number {
    return Math.max(0, Math.floor(EPOCH_MS + this.#wallOffsetMs + this.monotonicMs()))
  }

  /** The wall clock jumps; monotonic time does not notice. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** From now on this machine's seconds are `rate` true seconds. */
  setRate(rate: number): void {
    this.#elapsedMs = this.monotonicMs()
    this.#rateSinceMs = this.#timeline.nowMs
    this.#rate = rate
  }

  /** How long in true time until this clock has advanced by `delayMs`. */
  trueDelayMs(delayMs: number): number {
    return delayMs / this.#rate
  }
}

/** How long one turn of an event loop may take to gather its inputs. */
const TURN_MS = 0.2

export class SimScheduler implements Scheduler {
  readonly #process: SimProcess
  readonly #clock: SimClock
  readonly #prng: Prng

  constructor(process: SimProcess, clock: SimClock, prng: Prng) {
    this.#process = process
    this.#clock = clock
    this.#prng = prng
  }

  afterTurn(run: () => void): void {
    this.#process.timer(
      this.#prng.between(0, TURN_MS) + this.#clock.lateMs,
      `${this.#process.name} turn`,
      run,
    )
  }

  after(delayMs: number, run: () => void): () => void {
    // A real timer fires late, never early.
    const lateMs = this.#prng.exponential(0.3)
    const delay = this.#clock.trueDelayMs(Math.max(0, delayMs)) + lateMs + this.#clock.lateMs
    return this.#process.timer(delay, `${this.#process.name} timer`, run)
  }
}

export interface LogLine {
  readonly timeMs: number
  readonly node: string
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly fields: Record<string, unknown> | undefined
}

/** Log lines of a node go to whoever is told; an `error` line is the simulation's business too. */
export class SimLog implements Log {
  readonly #timeline: Timeline
  readonly #node: string
  readonly #write: (line: LogLine) => void

  constructor(timeline: Timeline, node: string, write: (line: LogLine) => void) {
    this.#timeline = timeline
    this.#node = node
    this.#write = write
  }

  debug(event: string, fields?: Record<string, unknown>): void {
    this.#put('debug', event, fields)
  }

  info(event: string, fields?: Record<string, unknown>): void {
    this.#put('info', event, fields)
  }

  warn(event: string, fields?: Record<string, unknown>): void {
    this.#put('warn', event, fields)
  }

  error(event: string, fields?: Record<string, unknown>): void {
    this.#put('error', event, fields)
  }

  #put(level: LogLine['level'], event: string, fields: Record<string, unknown> | undefined): void {
    this.#write({ timeMs: this.#timeline.nowMs, node: this.#node, level, event, fields })
  }
}
