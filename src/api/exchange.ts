/**
 * One HTTP request and its answer. Exactly one answer is sent, by one writeHead; what the database calls back with is caught here,
 * so that a bug in an answer becomes a 500 and never reaches the node's own code.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ERRORS, type ErrorCode, type ErrorNumbers, type Failure, RotundaError } from '../errors.js'
import type { BodyReader } from './body.js'
import type { Edge } from './edge.js'
import type { EdgeRequest } from './edge-request.js'
import type { Operation } from './http-measurements.js'
import { drainThen } from './linger.js'
import { classify, type Target } from './target.js'
import type { Turn, Turns } from './turns.js'

/** Header names and values in turn, as ServerResponse.writeHead takes them without copying. */
export type HeaderList = string[]

/** A socket knows its latest exchange: when the parser stumbles over the rest, that one may have to be told. */
export interface EdgeSocket extends Socket {
  latestExchange?: Exchange
  turns?: Turns
}

export interface ErrorDetails {
  readonly message?: string | undefined
  readonly numbers?: ErrorNumbers | undefined
  /** Further headers. */
  readonly headers?: HeaderList
  /** Further members of the JSON, beside `error`. */
  readonly beside?: Readonly<Record<string, unknown>>
}

/** For what is no matter of load: a node that starts. */
const RETRY_AFTER_SECONDS = 1

/**
 * Node joins head and body into one string and one write where the body is a string; of a buffer it makes two pieces and a writev, which costs
 * twice as much. Up to this size the copy is cheaper (libuv's stack buffer for strings has 16 KiB, head included).
 */
const ONE_WRITE_BYTES = 8 * 1024

/** Bytes as a string of as many characters, which ISO 8859-1 writes as the same bytes. */
function oneCharacterEach({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1')
}

/** The JSON of an error: code, sentence and numbers; nothing of the request is repeated in it. */
export function errorJson(code: ErrorCode, details: ErrorDetails = {}): string {
  const error = { code, message: details.message ?? ERRORS[code].sentence, ...details.numbers }
  return JSON.stringify({ error, ...details.beside })
}

export class Exchange implements Turn {
  readonly edge: Edge
  readonly request: EdgeRequest
  readonly response: ServerResponse
  readonly operation: Operation
  readonly startMs: number
  readonly target: Target
  readonly isRead: boolean
  answered = false
  /** The parser gave up on this connection: nothing more of the request will come. */
  broken = false
  /** The request's body, once it is being read. */
  body: BodyReader | undefined
  #admitted = false
  /** Of its connection, once it has begun. */
  #turns: Turns | undefined
  #work: ((exchange: Exchange) => void) | undefined
  #heldBytes = 0

  constructor(edge: Edge, request: EdgeRequest, response: ServerResponse, operation: Operation) {
    this.edge = edge
    this.request = request
    this.response = response
    this.operation = operation
    this.startMs = edge.clock.monotonicMs()
    this.target = request.target ?? classify(request.url ?? '')
    const { method } = request
    this.isRead = method === 'GET' || method === 'HEAD'
    ;(request.socket as EdgeSocket).latestExchange = this
  }

  /** Begins when those before it on its connection have been answered; refused where too many of them wait. */
  takeTurn(turns: Turns, work: (exchange: Exchange) => void): void {
    this.#work = work
    if (!turns.take(this)) this.fail('OVERLOADED')
  }

  begin(turns: Turns): void {
    this.#turns = turns
    this.#work?.(this)
  }

  /**
   * Takes one of the places for requests in flight, before any work and before the body is read; throws OVERLOADED. Bodies on their way are not
   * in progress: clients that send slowly would hold the places of those that do not.
   */
  admit(): void {
    const { edge } = this
    if (edge.inFlight >= edge.bounds.requestsInFlight || !edge.database.admits(edge.inProgress))
      throw new RotundaError('OVERLOADED')
    edge.inFlight++
    this.#admitted = true
  }

  /** Counts bytes of a body against what the edge may hold; false where there is no room. */
  holdBytes(bytes: number): boolean {
    const { edge } = this
    if (edge.requestBytes + bytes > edge.bounds.requestBytesInFlight) return false
    edge.requestBytes += bytes
    this.#heldBytes += bytes
    return true
  }

  /** Gives back what admit and holdBytes took. */
  release(): void {
    const { edge } = this
    edge.requestBytes -= this.#heldBytes
    this.#heldBytes = 0
    if (this.#admitted) edge.inFlight--
    this.#admitted = false
  }

  /** Asks the database by `start` and answers with `then`, or with the failure it gives. */
  ask<Outcome extends { readonly status: 'ok' }>(
    start: (done: (outcome: Outcome | Failure) => void) => void,
    then: (outcome: Outcome) => void,
  ): void {
    const { edge } = this
    edge.inProgress++
    start((outcome) => {
      edge.inProgress--
      this.release()
      try {
        if (outcome.status === 'error') this.fail(outcome.code, outcome)
        else then(outcome)
      } catch (error) {
        this.failWith(error)
      }
    })
  }

  /** Runs `work`; what it throws becomes the answer. */
  attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.failWith(error)
    }
  }

  failWith(error: unknown): void {
    this.release()
    if (error instanceof RotundaError) {
      this.fail(error.code, error)
      return
    }
    const requestId = this.edge.requestId()
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.edge.log.error('request-failed', { requestId, operation: this.operation, reason })
    if (this.response.headersSent) this.response.destroy()
    else this.fail('INTERNAL', { beside: { requestId } }, requestId)
  }

  /** Answers with an error of the table. */
  fail(code: ErrorCode, details: ErrorDetails = {}, requestId = this.edge.requestId()): void {
    const { retry, status, mayBeWritten } = ERRORS[code]
    const headers: HeaderList = [
      'Content-Type',
      'application/json',
      'Cache-Control',
      'no-store',
      'X-Content-Type-Options',
      'nosniff',
      'Rotunda-Request-Id',
      requestId,
    ]
    if (retry && status === 503 && !mayBeWritten) headers.push('Retry-After', this.#retryAfter(code))
    if (details.headers !== undefined) headers.push(...details.headers)
    this.send(status, headers, errorJson(code, details))
  }

  #retryAfter(code: ErrorCode): string {
    return String(code === 'OVERLOADED' ? this.edge.database.retryAfterSeconds() : RETRY_AFTER_SECONDS)
  }

  /** Sends the one answer; a second one is ignored. The body is left out for HEAD, its length is not. */
  send(status: number, headers: HeaderList, body?: Uint8Array | string): void {
    const { edge, request, response } = this
    if (this.answered || response.destroyed) return
    if (edge.closing) response.shouldKeepAlive = false
    if (body !== undefined) {
      headers.push('Content-Length', String(typeof body === 'string' ? Buffer.byteLength(body) : body.length))
    }
    const unread = !request.complete && !this.broken && request.announcesBody
    if (this.broken || (unread && !this.#takesRest())) response.shouldKeepAlive = false
    response.writeHead(status, headers)
    this.answered = true
    this.#turns?.answered(this.isRead)
    edge.measurements.record(this.operation, status, edge.clock.monotonicMs() - this.startMs)
    const content = request.method === 'HEAD' ? undefined : body
    if (unread) drainThen(this, content)
    else if (content === undefined || typeof content === 'string') response.end(content)
    else if (content.length > ONE_WRITE_BYTES) response.end(content)
    else response.end(oneCharacterEach(content), 'latin1')
  }

  /** Is the rest of the body so short, and sure to come, that the connection can go on afterwards? */
  #takesRest(): boolean {
    if (this.request.awaitsContinue) return false
    const length = this.request.fields['content-length']
    return length !== undefined && Number(length) <= this.edge.bounds.lingerBytes
  }
}
