/** What is asked of every request before any route sees it. */
import { limits } from '../limits.js'
import { refuseClosing } from './cluster.js'
import type { Exchange } from './exchange.js'

/** Bytes of a request line beside method and target: two spaces, the version and a line end; and of the line that ends the head. */
const LINE_AROUND_BYTES = 12 + 2

/** Refuses what no route may see: a closing node, heads and targets beyond their limits, other HTTP versions, foreign Hosts. */
export function checkHead(exchange: Exchange): boolean {
  const { edge, request, target } = exchange
  const { head, method = '', httpVersion } = request
  if (edge.closing) refuseClosing(exchange)
  else if (method.length + target.url.length + LINE_AROUND_BYTES + head.linesBytes > limits.headBytes)
    exchange.fail('HEADERS_TOO_LARGE', { numbers: { limitBytes: limits.headBytes } })
  else if (target.url.length > limits.targetBytes)
    exchange.fail('URI_TOO_LONG', { numbers: { limitBytes: limits.targetBytes } })
  else if (httpVersion !== '1.1' && httpVersion !== '1.0') exchange.fail('BAD_REQUEST')
  else return checkHost(exchange)
  return false
}

/** HTTP/1.1 has exactly one Host (RFC 9112, section 3.2); it must be a name of this node, and so must the authority of an absolute target. */
function checkHost(exchange: Exchange): boolean {
  const { edge, request, target } = exchange
  const { head, httpVersion, socket } = request
  if (head.hosts > 1 || (head.hosts === 0 && httpVersion === '1.1')) {
    exchange.fail('BAD_REQUEST', { message: 'A request has exactly one Host header.' })
    return false
  }
  const { host } = head.fields
  const authority = target.authority ?? host
  const known =
    edge.hosts.allows(host ?? '', socket.localAddress) &&
    (authority === host || edge.hosts.allows(authority ?? '', socket.localAddress))
  if (!known) exchange.fail('BAD_HOST')
  return known
}
