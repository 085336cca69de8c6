/** Bodies of requests: taken whole, within bounds that are checked before memory is. */
import { RotundaError } from '../errors.js'
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

/** The length that the head announces, or undefined for a chunked body; throws LENGTH_REQUIRED, BAD_REQUEST, TOO_LARGE. */
function announcedLength(exchange: Exchange, limitBytes: number, what: string): number | undefined {
  const { headers } = exchange.request
  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    if (coding.toLowerCase() === 'chunked') return undefined
    throw new RotundaError('BAD_REQUEST', 'Of all transfer codings only chunked is understood.')
  }
  const text = headers['content-length']
  if (text === undefined) throw new RotundaError('LENGTH_REQUIRED')
  const length = Number(text)
  if (length > limitBytes) throw tooLarge(what, limitBytes, length)
  return length
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
  const chunks: Buffer[] = []
  let length = 0
  // The request is done with after its end: a flag is cheaper than taking three listeners off.
  let over = false
  const refuse = (error: RotundaError): void => {
    if (over) return
    over = true
    exchange.failWith(error)
  }
  request.on('data', (chunk: Buffer) => {
    if (over) return
    length += chunk.length
    if (length > limitBytes) refuse(tooLarge(what, limitBytes))
    else if (exchange.holdBytes(chunk.length)) chunks.push(chunk)
    else refuse(new RotundaError('OVERLOADED'))
  })
  request.on('end', () => {
    if (over) return
    over = true
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)
    // An idle connection remembers its last request, and that must not remember the value.
    chunks.length = 0
    exchange.attempt(() => then(body))
  })
  request.on('close', () => {
    if (over) return
    over = true
    exchange.release()
  })
  exchange.abandonBody = refuse
  if (request.awaitsContinue) {
    request.awaitsContinue = false
    response.writeContinue()
  }
}
