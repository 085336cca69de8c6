/** How one request reaches a node, and how its end is heard: by an answer or by silence, once. */

import { limits } from '../../src/limits.js'
import type { Failure, Found, Listed, QuorumChoice, WriteRequest, Written } from '../../src/node/requests.js'
import type { AnswerCheck } from './check/answer-check.js'
import type { RowBook } from './check/row-book.js'
import type { Violations } from './check/violation.js'
import type { Counters } from './counters.js'
import type { SimHost } from './host.js'
import type { Ledger } from './ledger.js'
import type { Prng } from './prng.js'
import type { SimProcess } from './process.js'
import type { World } from './world.js'

export const BUCKET = 'b'

export interface ClientWorld {
  readonly world: World
  readonly ledger: Ledger
  readonly book: RowBook
  readonly check: AnswerCheck
  readonly violations: Violations
  readonly counters: Counters
}

interface Asked<T> {
  readonly host: SimHost
  readonly what: string
  readonly timeoutMs: number
  /** In the node's process, at the instant of the answer. */
  readonly answered: (outcome: T | Failure) => void
  /** No answer came: the process died, or the client gave up. */
  readonly silence: () => void
}

const ATTEMPT_WAYS_MS = 0.4
const OVERLOADED: Failure = { status: 'error', code: 'OVERLOADED' }
/** Beyond its deadline on the node's own clock, an answer is overdue; clocks run at half speed at worst. */
const OVERDUE_MS = 4_000

/** Sends one request into a node and sees to it that exactly one of `answered` and `silence` follows, once. */
export class Caller {
  readonly #parts: ClientWorld
  readonly #prng: Prng

  constructor(parts: ClientWorld, prng: Prng) {
    this.#parts = parts
    this.#prng = prng
  }

  get(
    host: SimHost,
    key: string,
    { r, sloppy }: { readonly r: QuorumChoice; readonly sloppy: boolean },
    asked: Omit<Asked<Found>, 'host' | 'what'>,
  ): void {
    this.#ask<Found>({ ...asked, host, what: `get of ${key} at ${host.name}` }, (deadlineMs, done) => {
      const choice = typeof r === 'number' ? this.#parts.world.several.choice(r) : r
      host.node?.get({ bucket: bytes(BUCKET), key: bytes(key), r: choice, sloppy, deadlineMs }, done)
    })
  }

  write(
    host: SimHost,
    fields: Omit<WriteRequest, 'bucket' | 'deadlineMs' | 'wallMs' | 'key'> & { key: string },
    asked: Omit<Asked<Written>, 'host' | 'what'>,
  ): void {
    const { key } = fields
    this.#ask<Written>({ ...asked, host, what: `write of ${key} at ${host.name}` }, (deadlineMs, done) => {
      const wallMs = host.clock.wallMs()
      const w = typeof fields.w === 'number' ? this.#parts.world.several.choice(fields.w) : fields.w
      const request = { ...fields, ...(w === undefined ? {} : { w }), wallMs, deadlineMs }
      host.node?.write({ ...request, bucket: bytes(BUCKET), key: bytes(key) }, done)
    })
  }

  list(
    host: SimHost,
    after: Uint8Array | undefined,
    limit: number,
    asked: Omit<Asked<Listed>, 'host' | 'what'>,
  ): void {
    this.#ask<Listed>({ ...asked, host, what: `listing at ${host.name}` }, (deadlineMs, done) => {
      host.node?.list({ bucket: bytes(BUCKET), prefix: new Uint8Array(0), after, limit, deadlineMs }, done)
    })
  }

  #ask<T>(asked: Asked<T>, send: (deadlineMs: number, done: (outcome: T | Failure) => void) => void): void {
    const { host } = asked
    const { timeline } = this.#parts.world
    const process = host.process
    let open = true
    const finish = (run: () => void): void => {
      if (!open) return
      open = false
      run()
    }
    timeline.after(this.#prng.exponential(ATTEMPT_WAYS_MS), 'request', () => {
      if (process === undefined || process !== host.process || !process.alive) return finish(asked.silence)
      let answers = 0
      process.enter(`request at ${host.name}`, () => {
        if (!this.#isLetIn(host, process)) return finish(() => asked.answered(OVERLOADED))
        process.requests += 1
        send(host.clock.monotonicMs() + asked.timeoutMs, (outcome) => {
          answers += 1
          if (answers === 1) process.requests -= 1
          if (answers > 1) this.#parts.violations.add('A11', `${asked.what} was answered twice`)
          else finish(() => asked.answered(outcome))
        })
      })
    })
    this.#watch(asked, () => open, finish)
  }

  /** As the edge asks, before anything is done. */
  #isLetIn(host: SimHost, process: SimProcess): boolean {
    const admitted = host.node?.admits(process.requests) ?? true
    const most = limits.requestsInFlight
    if (process.requests > most)
      this.#parts.violations.add('A11', `${host.name} has more than ${most} requests in progress`)
    return admitted
  }

  /** A request is answered by its deadline, or its process is gone or stands still. */
  #watch<T>(asked: Asked<T>, isOpen: () => boolean, finish: (run: () => void) => void): void {
    const { host } = asked
    const { timeline } = this.#parts.world
    const process = host.process
    const sentMs = timeline.nowMs
    const watch = (): void => {
      if (!isOpen()) return
      const gone = process === undefined || !process.alive
      const waitedMs = timeline.nowMs - Math.max(sentMs, host.disturbedAtMs)
      const overdue = !gone && !process.stopped && waitedMs > 2 * asked.timeoutMs + OVERDUE_MS
      if (overdue)
        this.#parts.violations.add(
          'A5',
          `${asked.what} was not answered ${Math.round(waitedMs)} ms after it was sent`,
        )
      if (gone || overdue) finish(asked.silence)
      else timeline.after(500, 'client watch', watch)
    }
    timeline.after(500, 'client watch', watch)
  }
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}
