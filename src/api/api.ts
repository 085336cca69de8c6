/**
 * The HTTP edge of a node. Fastify routes and runs the server; bucket and key never pass through it: `rewriteUrl` turns each target into
 * the literal path of its route (src/api/target.ts), bodies are read by src/api/body.ts, and every answer is one writeHead on the plain
 * response (src/api/exchange.ts). Why not its params, parsers and replies: they decode paths twice over, refuse content types, and copy.
 */
import type { ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { RotundaError } from '../errors.js'
import { limits } from '../limits.js'
import { refuseClosing } from './cluster.js'
import { Edge, type EdgeOptions } from './edge.js'
import { type EdgeRequest, type EdgeSocket, Exchange } from './exchange.js'
import type { Operation } from './http-measurements.js'
import { refuseMalformed } from './malformed.js'
import { headBytes, hostLines } from './request-head.js'
import { methodsOf, ROUTES } from './routes.js'
import { classify } from './target.js'

export type ApiOptions = EdgeOptions
export type { EdgeBounds } from './edge.js'

export interface Api {
  /** Resolves with the address in force; port 0 takes any free one. Rejects with Node's error (EADDRINUSE, EACCES …). */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>
  /** Takes no new connections, lets requests in flight finish for at most `graceMs`, refuses later ones, then closes everything. */
  close(graceMs?: number): Promise<void>
  /** The routes as registered, for tests: method and path. */
  readonly routes: readonly { readonly method: string; readonly path: string }[]
}

const NO_ROUTE = '/no-such-route'

/** Refuses what no route may see: a closing node, heads and targets beyond their limits, other HTTP versions, foreign Hosts. */
function checkHead(exchange: Exchange): boolean {
  const { edge, request, target } = exchange
  const { rawHeaders, httpVersion } = request
  if (edge.closing) refuseClosing(exchange)
  else if (headBytes(request.method ?? '', target.url, rawHeaders) > limits.headBytes)
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
  const { headers, rawHeaders, httpVersion, socket } = request
  const lines = hostLines(rawHeaders)
  if (lines > 1 || (lines === 0 && httpVersion === '1.1')) {
    exchange.fail('BAD_REQUEST', { message: 'A request has exactly one Host header.' })
    return false
  }
  const authority = target.authority ?? headers.host
  const known =
    edge.hosts.allows(headers.host ?? '', socket.localAddress) &&
    (authority === headers.host || edge.hosts.allows(authority ?? '', socket.localAddress))
  if (!known) exchange.fail('BAD_HOST')
  return known
}

function answerNoRoute(exchange: Exchange): void {
  const methods = methodsOf(exchange.target.path)
  if (methods === undefined) exchange.fail('NOT_FOUND')
  else exchange.fail('METHOD_NOT_ALLOWED', { headers: ['Allow', methods.join(', ')] })
}

/** Runs one route, or the answer for none, on the plain request and response. */
function serve(
  edge: Edge,
  operation: Operation,
  answer: (exchange: Exchange) => void,
): (request: { raw: EdgeRequest }, reply: { raw: ServerResponse }) => void {
  return (request, reply) => {
    const exchange = new Exchange(edge, request.raw, reply.raw, operation)
    try {
      if (checkHead(exchange)) answer(exchange)
    } catch (error) {
      exchange.failWith(error)
    }
  }
}

function rewriteUrl(request: EdgeRequest): string {
  const target = classify(request.url ?? '')
  request.target = target
  return methodsOf(target.path) === undefined ? NO_ROUTE : target.path
}

/** What fastify and Node are told about the server. */
function newServer(edge: Edge): FastifyInstance {
  const { bounds } = edge
  return fastify({
    exposeHeadRoutes: false,
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: () => '',
    forceCloseConnections: false,
    rewriteUrl: (request) => rewriteUrl(request as EdgeRequest),
    keepAliveTimeout: bounds.keepAliveMs,
    requestTimeout: bounds.requestTimeoutMs,
    connectionTimeout: bounds.idleSocketMs,
    clientErrorHandler: (error, socket) => refuseMalformed(edge, error, socket as EdgeSocket),
    http: {
      // Node counts fewer bytes of a head than there are, and refuses at its limit: checkHead has the last word.
      maxHeaderSize: limits.headBytes + 1,
      headersTimeout: bounds.headTimeoutMs,
      connectionsCheckingInterval: bounds.requestTimeoutCheckMs,
      // Its own answer to a missing Host has no body.
      requireHostHeader: false,
      noDelay: true,
    },
  })
}

function registerRoutes(app: FastifyInstance, edge: Edge): void {
  // As far as fastify knows no method has a body: it must not touch them.
  for (const method of ['PUT', 'DELETE', 'POST', 'PATCH', 'OPTIONS', 'QUERY'])
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  for (const { method, path, operation, answer } of ROUTES)
    app.route({ method, url: path, handler: serve(edge, operation, answer) })
  app.setNotFoundHandler(serve(edge, 'other', answerNoRoute))
  app.setErrorHandler((error, request, reply) => {
    new Exchange(edge, request.raw as EdgeRequest, reply.raw, 'other').failWith(error)
  })
}

/** Events of Node's server that would otherwise be answered without a body, or not at all. */
function listenToServer(app: FastifyInstance, edge: Edge): void {
  const { server } = app
  server.maxConnections = edge.bounds.clientConnections
  // Beyond 2,000 headers Node would drop the rest silently; the head's size is bound enough.
  server.maxHeadersCount = 0
  server.on('checkContinue', (request: EdgeRequest, response) => {
    request.awaitsContinue = true
    app.routing(request, response)
  })
  server.on('checkExpectation', (request: EdgeRequest, response) => {
    const exchange = new Exchange(edge, request, response, 'other')
    exchange.attempt(() => exchange.fail('EXPECTATION_FAILED'))
  })
  server.on('connect', (_request, socket: Socket) => {
    refuseMalformed(edge, new RotundaError('BAD_REQUEST'), socket as EdgeSocket)
  })
}

/** Has this connection a request that is not yet answered? */
function isBusy(socket: EdgeSocket): boolean {
  const response = socket.latestExchange?.response
  return response !== undefined && !response.writableFinished && !response.destroyed
}

/**
 * Resolves when all connections are gone. Node closes those that are idle after a request; a browser also opens some ahead of need, on
 * which nothing was ever asked: they get a moment. After `graceMs` all others are cut.
 */
async function closeServer(
  app: FastifyInstance,
  sockets: ReadonlySet<Socket>,
  graceMs: number,
): Promise<void> {
  const cutIdle = (): void => {
    for (const socket of sockets) if (!isBusy(socket as EdgeSocket)) socket.destroy()
  }
  // Behind the poll for input, so that what has arrived in the meantime is seen first.
  const moment = setTimeout(() => setImmediate(cutIdle), Math.min(graceMs, limits.closeMomentMs))
  const end = setTimeout(() => app.server.closeAllConnections(), graceMs)
  try {
    await app.close()
  } finally {
    clearTimeout(moment)
    clearTimeout(end)
  }
}

function trackSockets(app: FastifyInstance): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

export function createApi(options: ApiOptions): Api {
  const edge = new Edge(options)
  const app = newServer(edge)
  const routes: { method: string; path: string }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, path: url })
  })
  registerRoutes(app, edge)
  listenToServer(app, edge)
  const sockets = trackSockets(app)
  let closed: Promise<void> | undefined
  return {
    routes,
    async listen(host, port) {
      edge.listensOn(host)
      await app.listen({ host, port })
      const address = app.server.address() as AddressInfo
      return { host: address.address, port: address.port }
    },
    close(graceMs = edge.bounds.closeGraceMs) {
      edge.closing = true
      closed ??= closeServer(app, sockets, graceMs)
      return closed
    },
  }
}
