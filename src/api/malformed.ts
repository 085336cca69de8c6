/**
 * What the HTTP parser refuses, and requests that do not arrive in time: they have no request object to answer, or only half of one.
 * The answer is JSON like every other error and closes the connection, since nobody knows where the next request would begin.
 */
import { ERRORS, type ErrorCode, RotundaError } from '../errors.js'
import type { Edge } from './edge.js'
import { type EdgeSocket, errorJson } from './exchange.js'
import { httpDate } from './header-text.js'

interface Refusal {
  readonly code: ErrorCode
  readonly message?: string
}

/** By the codes of Node's HTTP server; whatever is not named here is malformed in some other way. */
function refusalOf(code: string | undefined): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'HEADERS_TOO_LARGE' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'REQUEST_TIMEOUT' }
    case 'HPE_INVALID_URL':
      return { code: 'BAD_KEY', message: 'The path holds a raw byte that must be percent-encoded.' }
    case 'HPE_INVALID_METHOD':
      return { code: 'BAD_REQUEST', message: 'This is no method of HTTP.' }
    default:
      return { code: 'BAD_REQUEST' }
  }
}

function rawAnswer({ code, message }: Refusal, requestId: string, wallMs: number): string {
  const body = errorJson(code, { message })
  return [
    `HTTP/1.1 ${ERRORS[code].status} ${code}`,
    `Date: ${httpDate(wallMs)}`,
    'Content-Type: application/json',
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `Rotunda-Request-Id: ${requestId}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}

/**
 * Answers on a socket whose stream of requests is broken. Where an earlier request of this connection is still being worked on, its own
 * answer must come first and be true ("nothing was written" would not be), so the connection just ends behind it.
 */
export function refuseMalformed(edge: Edge, error: NodeJS.ErrnoException, socket: EdgeSocket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) {
    socket.destroy()
    return
  }
  // Each further piece of a broken stream is reported again; the end is on its way already.
  if (!socket.writable) return
  edge.measurements.malformed++
  const refusal = refusalOf(error.code)
  const latest = socket.latestExchange
  if (latest === undefined || latest.response.writableFinished || latest.response.destroyed) {
    socket.write(rawAnswer(refusal, edge.requestId(), edge.clock.wallMs()))
    socket.destroySoon()
    return
  }
  latest.broken = true
  latest.response.shouldKeepAlive = false
  if (latest.answered) socket.destroySoon()
  else latest.body?.refuse(new RotundaError(refusal.code, refusal.message))
}
