/**
 * What clients asked, what they were told, and what was done to the cluster, in the order in which one driver saw it: one JSON object
 * a line. Everything is judged from this alone (and from the disks), after the run: a history that was kept can be judged again.
 *
 *     {"type":"invoke","at":1041.2,"op":17,"client":"c2","node":"n1","f":"put","key":"register-0.1","write":9,"attempt":1,"w":2,"context":12, …}
 *     {"type":"ok","at":1049.9,"op":17}
 *
 * `op` names one request. `write` names one client write, the same for each attempt. `context` is the request whose answer gave the
 * context that is sent along, so what a write has seen follows from the history itself.
 */
import { closeSync, openSync, writeSync } from 'node:fs'

export type Verb = 'get' | 'put' | 'delete' | 'list'

export interface Invocation {
  readonly type: 'invoke'
  /** Milliseconds since the run began, on the driver's clock. */
  readonly at: number
  readonly op: number
  readonly client: string
  readonly node: string
  readonly f: Verb
  /** Of a listing: its prefix. */
  readonly key: string
  readonly write?: number
  readonly attempt?: number
  readonly valueBytes?: number
  readonly w?: number
  readonly r?: number
  readonly context?: number
  /** A read after everything was healed and had become alike. */
  readonly final?: true
}

export interface Completion {
  /** ok: done; fail: certainly not done; info: nobody knows. */
  readonly type: 'ok' | 'fail' | 'info'
  readonly at: number
  readonly op: number
  /** Writes that a read showed. */
  readonly seen?: readonly number[]
  /** Versions that a read showed and that nobody wrote, described. */
  readonly foreign?: readonly string[]
  readonly etag?: string
  /** What a listing showed, or why a request failed. */
  readonly keys?: readonly string[]
  readonly code?: string
}

/** Something that is no request: a fault begins or ends, a node starts. */
export interface Happening {
  readonly type: 'nemesis' | 'note'
  readonly at: number
  readonly what: string
}

export type HistoryEvent = Invocation | Completion | Happening

type Unnumbered = Omit<Invocation, 'type' | 'at' | 'op'>

/** Takes the events of a run, in order, and writes them to a file as they come. */
export class History {
  readonly events: HistoryEvent[] = []
  readonly #startedMs = performance.now()
  readonly #file: number
  #ops = 0

  /** Makes the file, which must not be there yet. */
  constructor(path: string) {
    this.#file = openSync(path, 'ax')
  }

  invoke(invocation: Unnumbered): number {
    this.#ops += 1
    this.#add({ type: 'invoke', at: this.#now(), op: this.#ops, ...invocation })
    return this.#ops
  }

  complete(op: number, type: Completion['type'], told: Omit<Completion, 'type' | 'at' | 'op'> = {}): void {
    this.#add({ type, at: this.#now(), op, ...told })
  }

  nemesis(what: string): void {
    this.#add({ type: 'nemesis', at: this.#now(), what })
  }

  note(what: string): void {
    this.#add({ type: 'note', at: this.#now(), what })
  }

  close(): void {
    closeSync(this.#file)
  }

  #now(): number {
    return Math.round((performance.now() - this.#startedMs) * 10) / 10
  }

  #add(event: HistoryEvent): void {
    this.events.push(event)
    writeSync(this.#file, `${JSON.stringify(event)}\n`)
  }
}
