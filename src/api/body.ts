/** Bodies of requests: taken whole, within bounds that are checked before memory is. */
import { RotundaError } from '../errors.js'
import type { BodySink } from './edge-request.js'
import type { Exchange } from './exchange.js'

const EMPTY = new Uint8Array(0)

function tooLarge(what: string, limitBytes: number, gotBytes?: number): RotundaError {
  const got = gotBytes === undefined ? '' : `, this one ${gotBytes}`
  return new RotundaError(
    'TOO_LARGE',
    `${what} has at most ${limitBytes} bytes${got}; nothing was written.`,
    {
      limitBytes,
      ...(gotBytes === undefined ? {} : { gotBytes }),
    },
  )
}

/** The number that a text of digits means. The parser has taken it for one; V8 would first look for everything else that it may be. */
function lengthIn(text: string): number {
  let length = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return Number(text)
    length = length * 10 + digit
  }
  return length
}

/** The length that the head announces, or undefined for a chunked body; throws LENGTH_REQUIRED, BAD_REQUEST, TOO_LARGE. */
function announcedLength(exchange: Exchange, limitBytes: number, what: string): number | undefined {
  const { fields } = exchange.request
  const coding = fields['transfer-encoding']
  if (coding !== undefined) {
    if (coding.toLowerCase() === 'chunked') return undefined
    throw new RotundaError('BAD_REQUEST', 'Of all transfer codings only chunked is understood.')
  }
  const text = fields['content-length']
  if (text === undefined) throw new RotundaError('LENGTH_REQUIRED')
  const length = lengthIn(text)
  if (length > limitBytes) throw tooLarge(what, limitBytes, length)
  return length
}

/** The body of one request, as it comes. */
export class BodyReader implements BodySink {
  readonly #exchange: Exchange
  readonly #limitBytes: number
  readonly #then: (body: Uint8Array) => void
  readonly #what: string
  #chunks: Buffer[] | undefined = []
  #length = 0

  constructor(exchange: Exchange, limitBytes: number, then: (body: Uint8Array) => void, what: string) {
    this.#exchange = exchange
    this.#limitBytes = limitBytes
    this.#then = then
    this.#what = what
  }

  chunk(bytes: Buffer): void {
    if (this.#chunks === undefined) return
    this.#length += bytes.length
    if (this.#length > this.#limitBytes) this.refuse(tooLarge(this.#what, this.#limitBytes))
    else if (this.#exchange.holdBytes(bytes.length)) this.#chunks.push(bytes)
    else this.refuse(new RotundaError('OVERLOADED'))
  }

  end(): void {
    const chunks = this.#chunks
    if (chunks === undefined) return
    // An idle connection remembers its last request, and that must not remember the value.
    this.#chunks = undefined
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#length)
    try {
      this.#then(body)
    } catch (error) {
      this.#exchange.failWith(error)
    }
  }

  gone(): void {
    if (this.#chunks === undefined) return
    this.#chunks = undefined
    this.#exchange.release()
  }

  /** Answers with an error unless the whole body is there. */
  refuse(error: RotundaError): void {
    if (this.#chunks === undefined) return
    this.#chunks = undefined
    this.#exchange.request.leaveSink()
    this.#exchange.failWith(error)
  }

  /** Reads what has come before anybody wanted it, and what follows. */
  readStream(): void {
    const { request } = this.#exchange
    request.on('data', (bytes: Buffer) => this.chunk(bytes))
    request.on('end', () => this.end())
    request.on('close', () => this.gone())
  }
}

/**
 * Calls `then` with the whole body. Refuses by its head where it is too large, has no length, or finds no room; later where it grows
 * too large or does not come. The bytes are the caller's.
 */
export function readBody(
  exchange: Exchange,
  limitBytes: number,
  then: (body: Uint8Array) => void,
  what = 'A value',
): void {
  const { edge, request, response } = exchange
  const announced = announcedLength(exchange, limitBytes, what)
  if (announced === 0) {
    then(EMPTY)
    return
  }
  if (edge.requestBytes + (announced ?? 0) > edge.bounds.requestBytesInFlight)
    throw new RotundaError('OVERLOADED')
  const body = new BodyReader(exchange, limitBytes, then, what)
  if (!request.sendTo(body)) body.readStream()
  exchange.body = body
  if (request.awaitsContinue) {
    request.awaitsContinue = false
    response.writeContinue()
  }
}
