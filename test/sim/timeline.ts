/**
 * Virtual time. One heap of events, ordered by (time, seeded tiebreak, sequence); one event runs at a time and may add others.
 * Nothing else ever runs during a simulation: no promise, no timer, no thread. Every event goes into the trace, a rolling hash,
 * so that two runs of one seed can be compared by one number.
 */
import type { Prng } from './prng.js'
import type { Trace } from './trace.js'

export interface Event {
  readonly timeMs: number
  readonly tiebreak: number
  readonly sequence: number
  /** What kind of event, for the trace. */
  readonly kind: string
  /** Cleared when the event is cancelled or has run. */
  run: (() => void) | undefined
}

/** Runaway feedback (two nodes that answer each other for ever) ends a simulation instead of hanging it. */
const MAX_PENDING_EVENTS = 200_000

export class Timeline {
  readonly trace: Trace
  readonly #prng: Prng
  readonly #heap: Event[] = []
  #nowMs = 0
  #sequence = 0
  #ran = 0

  constructor(prng: Prng, trace: Trace) {
    this.#prng = prng
    this.trace = trace
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have run. */
  get ran(): number {
    return this.#ran
  }

  get pending(): number {
    return this.#heap.length
  }

  /** Runs `run` after `delayMs` of virtual time. */
  after(delayMs: number, kind: string, run: () => void): Event {
    if (!(delayMs >= 0)) throw new RangeError(`delay ${delayMs}`)
    if (this.#heap.length >= MAX_PENDING_EVENTS)
      throw new Error('more events are pending than any sane cluster has')
    this.#sequence += 1
    const event: Event = {
      timeMs: this.#nowMs + delayMs,
      tiebreak: this.#prng.word(),
      sequence: this.#sequence,
      kind,
      run,
    }
    this.#push(event)
    return event
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const event = this.#pop()
    if (event === undefined) return false
    const run = event.run
    if (run === undefined) return true
    event.run = undefined
    this.#nowMs = event.timeMs
    this.#ran += 1
    this.trace.event(event.timeMs, event.kind)
    run()
    return true
  }

  /** Runs events until `done` says so, or virtual time passes `untilMs`; then now is at most `untilMs`. */
  runUntil(untilMs: number, done: () => boolean = () => false): void {
    while (!done()) {
      const next = this.#heap[0]
      if (next === undefined || next.timeMs > untilMs) break
      this.step()
    }
    if (!done()) this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  #push(event: Event): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent] as Event
      if (!before(event, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    this.#sink(last)
    return first
  }

  #sink(event: Event): void {
    const heap = this.#heap
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1
      const below = heap[child] as Event
      if (!before(below, event)) break
      heap[index] = below
      index = child
    }
    heap[index] = event
  }
}

function before(left: Event, right: Event): boolean {
  if (left.timeMs !== right.timeMs) return left.timeMs < right.timeMs
  if (left.tiebreak !== right.tiebreak) return left.tiebreak < right.tiebreak
  return left.sequence < right.sequence
}
