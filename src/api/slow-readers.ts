/** Large answers, counted until the client has taken them: many slow readers of large values would otherwise fill the memory. */
import { RotundaError } from '../errors.js'
import { limits } from '../limits.js'
import type { Exchange, HeaderList } from './exchange.js'

/** Is there room for an answer of this size? Small ones are not counted. */
export function hasRoomFor(exchange: Exchange, bytes: number): boolean {
  const { edge } = exchange
  return (
    bytes <= limits.responseBytesCounted || edge.responseBytes + bytes <= edge.bounds.responseBytesInFlight
  )
}

/** Sends like exchange.send; throws OVERLOADED where too many bytes wait for their readers already. */
export function sendHeld(
  exchange: Exchange,
  status: number,
  headers: HeaderList,
  body: Uint8Array | string,
): void {
  if (!hasRoomFor(exchange, body.length)) throw new RotundaError('OVERLOADED')
  exchange.send(status, headers, body)
  if (body.length <= limits.responseBytesCounted || exchange.response.destroyed) return
  const { edge } = exchange
  edge.responseBytes += body.length
  exchange.response.once('close', () => {
    edge.responseBytes -= body.length
  })
}
