/**
 * A request that reached a node which does not own the key: it goes on, once, to one that does (paper 4.5), by preference the
 * one that answered the preceding read fastest.
 *
 * A read may be asked of another owner when the first fails. A write may only if the first has certainly not begun it: it was never sent, or
 * the owner said so. Otherwise the answer is TIMEOUT, indeterminate: a second coordinator would mint a second dot for one write.
 * A peer not heard from just now is offered the write first and gets it on acceptance, so that a paused process is not left
 * with a write that it would carry out long after somebody has read, and deleted, what came of it elsewhere.
 *
 * An owner that takes longer than it usually does is hedged before anybody calls it dead: a read is asked of the next owner as well, and the
 * first answer counts; a write that was only offered is offered to the next one instead.
 *
 * When no owner can be reached, or none is able to begin, the outcome is `unreached`: then this node may coordinate in their place.
 */
import type { ErrorCode, Failure } from '../../errors.js'
import { ERRORS } from '../../errors.js'
import type { ForwardRead, ForwardWrite, Message, RemoteFailure } from '../../wire/messages.js'
import type { Effect, Input, Machine } from '../effects.js'
import type { Found } from './read.js'
import type { Written } from './write.js'

export type ForwardBody = Omit<ForwardRead, 'id' | 'leftMs'> | Omit<ForwardWrite, 'id' | 'leftMs'>

/** Nothing was begun by anybody. */
export interface Unreached {
  readonly status: 'unreached'
  readonly failure: Failure
}

/** An owner, in the order in which to try. */
export interface ForwardTarget {
  readonly id: string
  /** It was heard from a moment ago. */
  readonly fresh: boolean
  /** How long it may take before another one is asked. */
  readonly lateAfterMs: number
}

export class ForwardMachine implements Machine {
  readonly id: number
  readonly deadlineMs: number
  readonly rowKey: Uint8Array
  readonly #body: ForwardBody
  readonly #n: number
  #targets: readonly ForwardTarget[]
  /** Those whose answer counts: of a write one, of a read all that were asked and have not failed. */
  readonly #asked = new Set<string>()
  #lateMs = Number.POSITIVE_INFINITY
  /** The request itself has left. */
  #sent = false
  #closed = false

  constructor(
    id: number,
    body: ForwardBody,
    targets: readonly ForwardTarget[],
    n: number,
    deadlineMs: number,
  ) {
    this.id = id
    this.deadlineMs = deadlineMs
    this.rowKey = body.rowKey
    this.#body = body
    this.#targets = targets
    this.#n = n
  }

  get lateMs(): number {
    return this.#lateMs
  }

  start(nowMs: number, out: Effect[]): void {
    this.#next(nowMs, out)
  }

  step(input: Input, nowMs: number, out: Effect[]): void {
    if (this.#closed) return
    switch (input.kind) {
      case 'answer':
        if (this.#asked.has(input.from)) this.#answer(input.from, input.message, nowMs, out)
        return
      case 'unsent':
        if (this.#asked.has(input.to)) this.#instead(input.to, nowMs, out)
        return
      case 'suspected':
        // A write that it has been given it may still carry out: then only the deadline ends the waiting.
        if (this.#asked.has(input.to) && !this.#isHandedOver) this.#instead(input.to, nowMs, out)
        return
      case 'lost':
        if (!this.#asked.has(input.to)) return
        if (this.#isHandedOver) this.#finish(out, indeterminate())
        else this.#instead(input.to, nowMs, out)
        return
      case 'late':
        this.#lateMs = Number.POSITIVE_INFINITY
        if (this.#targets.length > 0 && !this.#isHandedOver) this.#next(nowMs, out)
        return
      default:
    }
  }

  /** A write that an owner has, and may carry out. */
  get #isHandedOver(): boolean {
    return this.#sent && this.#body.type === 7
  }

  expire(_nowMs: number, out: Effect[]): void {
    const notSent: Failure = {
      status: 'error',
      code: 'TIMEOUT',
      message: 'No owner of the key accepted the write in time; nothing was written.',
    }
    this.#finish(out, this.#sent ? indeterminate() : notSent)
  }

  /** This one will not answer: where nobody else is asked already, the next one is. */
  #instead(failed: string, nowMs: number, out: Effect[]): void {
    this.#asked.delete(failed)
    if (this.#asked.size === 0) this.#next(nowMs, out)
  }

  #next(nowMs: number, out: Effect[]): void {
    const [target, ...others] = this.#targets
    this.#targets = others
    if (target === undefined) {
      const numbers = { needed: 1, got: 0, n: this.#n }
      const failure = { status: 'error', code: 'QUORUM_UNMET', message: NO_OWNER, numbers } as const
      this.#finish(out, { status: 'unreached', failure })
      return
    }
    if (this.#body.type === 7) this.#asked.clear()
    this.#asked.add(target.id)
    this.#lateMs = nowMs + target.lateAfterMs
    this.#sent = target.fresh || this.#body.type === 5
    this.#send(target.id, this.#sent ? this.#request(nowMs) : { type: 15, id: this.id }, out)
  }

  #request(nowMs: number): Message {
    return { ...this.#body, id: this.id, leftMs: Math.max(0, Math.ceil(this.deadlineMs - nowMs)) }
  }

  #send(to: string, message: Message, out: Effect[]): void {
    out.push({ kind: 'send', conversation: this.id, to, message })
  }

  #answer(from: string, message: Message, nowMs: number, out: Effect[]): void {
    if (message.type === 16 && !this.#sent) {
      this.#sent = true
      this.#send(from, this.#request(nowMs), out)
    } else if (message.type === 6 || message.type === 8) {
      const outcome = message.outcome
      if (outcome.status === 'error') this.#failed(from, outcome, nowMs, out)
      else this.#finish(out, found(message))
    }
  }

  #failed(from: string, failure: RemoteFailure, nowMs: number, out: Effect[]): void {
    if (!failure.begun && (this.#asked.size > 1 || this.#targets.length > 0)) this.#instead(from, nowMs, out)
    else if (!failure.begun && failure.code === 'NOT_READY')
      this.#finish(out, { status: 'unreached', failure: localFailure(failure) })
    else this.#finish(out, localFailure(failure))
  }

  #finish(out: Effect[], outcome: Found | Written | Failure | Unreached): void {
    this.#closed = true
    out.push({ kind: 'done', conversation: this.id, outcome }, { kind: 'close', conversation: this.id })
  }
}

const NO_OWNER = 'No owner of the key can be reached from here; nothing was written.'

function found(message: Message): Found | Written {
  if (message.type === 6 && message.outcome.status === 'ok') {
    const { known, object, fastest } = message.outcome
    return { status: 'ok', object: known ? object : undefined, fastest }
  }
  if (message.type === 8 && message.outcome.status === 'ok') {
    const { context, known, object, fastest } = message.outcome
    return { status: 'ok', context, object: known ? object : undefined, fastest }
  }
  throw new RangeError('not an answer to a forwarded request')
}

function indeterminate(): Failure {
  return { status: 'error', code: 'TIMEOUT' }
}

/** Another build may name errors that this one does not know. */
function localFailure(failure: RemoteFailure): Failure {
  const code: ErrorCode = Object.hasOwn(ERRORS, failure.code) ? (failure.code as ErrorCode) : 'INTERNAL'
  return { status: 'error', code, message: failure.message, numbers: Object.fromEntries(failure.numbers) }
}

/** A failure as it goes back to the node that forwarded. */
export function remoteFailure(failure: Failure, begun: boolean): RemoteFailure {
  const message = failure.message ?? ERRORS[failure.code].sentence
  return {
    status: 'error',
    begun,
    code: failure.code,
    message,
    numbers: Object.entries(failure.numbers ?? {}),
  }
}
