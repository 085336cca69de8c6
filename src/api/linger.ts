/**
 * An answer that is given before the request's body has been read. To close at once would reset the connection, and the client might
 * never see why it was refused (RFC 9112, section 9.6). So the answer goes out, what still comes is thrown away within bounds, and
 * only then is the exchange over.
 */
import type { Exchange } from './exchange.js'

/** Sends the answer's content, then takes what is left of the body. The head has been written. */
export function drainThen(exchange: Exchange, content: Uint8Array | string | undefined): void {
  const { edge, request, response } = exchange
  if (request.awaitsContinue) {
    response.end(content)
    return
  }
  if (content === undefined) response.flushHeaders()
  else response.write(content)
  let taken = 0
  let over = false
  const finish = (): void => {
    if (over) return
    over = true
    clearTimeout(timer)
    if (!request.complete) response.shouldKeepAlive = false
    response.end()
    if (!request.complete) request.socket.destroySoon()
  }
  const timer = setTimeout(finish, edge.bounds.lingerMs)
  request.on('data', (chunk: Buffer) => {
    taken += chunk.length
    if (taken > edge.bounds.lingerBytes) finish()
  })
  request.once('end', finish)
  request.once('close', finish)
}
