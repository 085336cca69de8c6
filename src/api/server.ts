/**
 * Fastify as this edge uses it: it runs the server and routes what is not about a value. Bucket and key never pass through it: `rewriteUrl`
 * turns each target into the literal path of its route (target.ts), bodies are read by body.ts, and every answer is one writeHead on the
 * plain response (exchange.ts). Why not its params, parsers and replies: they decode paths twice over, refuse content types, and copy.
 */
import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { RotundaError } from '../errors.js'
import { limits } from '../limits.js'
import { Doorway } from './doorway.js'
import type { Edge } from './edge.js'
import { EdgeRequest } from './edge-request.js'
import { type EdgeSocket, Exchange } from './exchange.js'
import { checkHead } from './gate.js'
import type { Operation } from './http-measurements.js'
import { refuseMalformed } from './malformed.js'
import { methodsOf, ROUTES } from './routes.js'
import { classify, VALUE_PATH, VALUE64_PATH } from './target.js'
import { Turns } from './turns.js'

const NO_ROUTE = '/no-such-route'

function answerNoRoute(exchange: Exchange): void {
  const methods = methodsOf(exchange.target.path)
  if (methods === undefined) exchange.fail('NOT_FOUND', { message: "Nothing of Rotunda's is at this path." })
  else exchange.fail('METHOD_NOT_ALLOWED', { headers: ['Allow', methods.join(', ')] })
}

/** Nothing more is heard of a request whose connection has gone while it waited for its turn. */
function begin(exchange: Exchange, answer: (exchange: Exchange) => void): void {
  if (exchange.request.socket.destroyed) return
  try {
    if (checkHead(exchange)) answer(exchange)
  } catch (error) {
    exchange.failWith(error)
  }
}

/** Takes a plain request and response. */
type Serve = (request: EdgeRequest, response: ServerResponse) => void

/** Runs one route, or the answer for none. */
function serve(edge: Edge, operation: Operation, answer: (exchange: Exchange) => void): Serve {
  const work = (exchange: Exchange): void => begin(exchange, answer)
  return (request, response) => {
    const exchange = new Exchange(edge, request, response, operation)
    const socket = request.socket as EdgeSocket
    socket.turns ??= new Turns()
    exchange.takeTurn(socket.turns, work)
  }
}

/** The same for fastify. */
function handler(take: Serve): (request: { raw: IncomingMessage }, reply: { raw: ServerResponse }) => void {
  return (request, reply) => take(request.raw as EdgeRequest, reply.raw)
}

function rewriteUrl(request: EdgeRequest): string {
  request.target ??= classify(request.url ?? '')
  const { path } = request.target
  return methodsOf(path) === undefined ? NO_ROUTE : path
}

/** What fastify and Node are told about the server. */
function configured(edge: Edge): FastifyInstance {
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
      IncomingMessage: EdgeRequest,
      headersTimeout: bounds.headTimeoutMs,
      connectionsCheckingInterval: bounds.requestTimeoutCheckMs,
      // Its own answer to a missing Host has no body.
      requireHostHeader: false,
      noDelay: true,
    },
  })
}

export function registerRoutes(app: FastifyInstance, edge: Edge): void {
  // As far as fastify knows no method has a body: it must not touch them.
  for (const method of app.supportedMethods.filter((known) => METHODS.includes(known)))
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  for (const { method, path, operation, answer } of ROUTES)
    app.route({ method, url: path, handler: handler(serve(edge, operation, answer)) })
  app.setNotFoundHandler(handler(serve(edge, 'other', answerNoRoute)))
  app.setErrorHandler((error, request, reply) => {
    new Exchange(edge, request.raw as EdgeRequest, reply.raw, 'other').failWith(error)
  })
  passValuesBy(app, edge)
}

/**
 * Requests for values go past fastify: all that it would do for one is to find its method beside the literal path, and to make two objects that nobody
 * looks at.
 */
function passValuesBy(app: FastifyInstance, edge: Edge): void {
  const { server } = app
  const byMethod = new Map<string, Serve>()
  for (const { method, path, operation, answer } of ROUTES)
    if (path === VALUE_PATH) byMethod.set(method, serve(edge, operation, answer))
  server.off('request', app.routing)
  server.on('request', (request: EdgeRequest, response: ServerResponse) => {
    const target = classify(request.url ?? '')
    request.target = target
    const isValue = target.path === VALUE_PATH || target.path === VALUE64_PATH
    const take = isValue ? byMethod.get(request.method ?? '') : undefined
    if (take === undefined) app.routing(request, response)
    else take(request, response)
  })
}

/** Events of Node's server that would otherwise be answered without a body, or not at all. */
function listenToServer(app: FastifyInstance, edge: Edge): void {
  const { server } = app
  server.maxConnections = edge.bounds.clientConnections
  const doorway = new Doorway(edge)
  server.on('connection', (socket: Socket) => doorway.arrived(socket))
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
    // Node has let go of this socket, its error listener included.
    socket.on('error', () => socket.destroy())
    refuseMalformed(edge, new RotundaError('BAD_REQUEST'), socket as EdgeSocket)
  })
}

/** The server with all its routes; not yet listening. */
export function newServer(edge: Edge): FastifyInstance {
  const app = configured(edge)
  listenToServer(app, edge)
  return app
}
