/**
 * One run of one node's operating-system process: everything that happens to the node happens through `enter`. A killed process
 * hears nothing any more; a stopped one (SIGSTOP) hears it all at once when it goes on, due timers first, as an event loop would.
 */
import type { Event, Timeline } from './timeline.js'

interface Held {
  readonly timer: boolean
  readonly run: () => void
}

export interface ProcessSink {
  /** The node threw: in production the process would be gone. */
  uncaught(error: unknown, during: string): void
  /** The node did what crashes the whole process (a native call on a closed handle). */
  crashed(reason: string): void
}

/** A node that keeps more timers than this leaks them. */
const MAX_TIMERS = 60_000

export class SimProcess {
  readonly name: string
  readonly timeline: Timeline
  readonly #sink: ProcessSink
  #alive = true
  #stopped = false
  #timers = 0
  #held: Held[] = []
  /** Requests of clients that this process has let in and not answered. */
  requests = 0

  constructor(name: string, timeline: Timeline, sink: ProcessSink) {
    this.name = name
    this.timeline = timeline
    this.#sink = sink
  }

  get alive(): boolean {
    return this.#alive
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Timers and turns that are due some time. */
  get timers(): number {
    return this.#timers
  }

  /** A timer of the node. */
  timer(delayMs: number, kind: string, run: () => void): () => void {
    this.#timers += 1
    if (this.#timers > MAX_TIMERS) throw new Error(`${this.name} keeps more than ${MAX_TIMERS} timers`)
    let due = true
    const fire = (): void => {
      if (!due) return
      due = false
      this.#timers -= 1
      run()
    }
    const event: Event = this.timeline.after(delayMs, kind, () => this.#deliver(true, kind, fire))
    return () => {
      if (!due) return
      due = false
      this.#timers -= 1
      event.run = undefined
    }
  }

  /** Something arrives from outside: a completion, a frame. */
  enter(kind: string, run: () => void): void {
    this.#deliver(false, kind, run)
  }

  stop(): void {
    this.#stopped = true
  }

  resume(): void {
    if (!this.#stopped) return
    this.#stopped = false
    const held = this.#held
    this.#held = []
    for (const timer of [true, false]) {
      for (const one of held) if (one.timer === timer) this.#run('resume', one.run)
    }
  }

  kill(): void {
    this.#alive = false
    this.#held = []
  }

  /** The node made a call that no process survives. */
  segmentationFault(reason: string): void {
    if (!this.#alive) return
    this.kill()
    this.#sink.crashed(reason)
  }

  #deliver(timer: boolean, kind: string, run: () => void): void {
    if (!this.#alive) return
    if (this.#stopped) this.#held.push({ timer, run })
    else this.#run(kind, run)
  }

  #run(kind: string, run: () => void): void {
    if (!this.#alive) return
    try {
      run()
    } catch (error) {
      this.kill()
      this.#sink.uncaught(error, kind)
    }
  }
}
