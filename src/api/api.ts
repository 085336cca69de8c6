/** The HTTP edge of a node: made, listening, closed. */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { closeServer, trackSockets } from './closing.js'
import { Edge, type EdgeOptions } from './edge.js'
import { newServer, registerRoutes } from './server.js'

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

/**
 * Listens on one address. Fastify's own listen would make a second server where the name has two addresses, and all that is set on the
 * first one (limits, events) would be missing there.
 */
function bind(
  app: FastifyInstance,
  host: string,
  port: number,
): Promise<{ readonly host: string; readonly port: number }> {
  const { server } = app
  // What everybody tries first: clients are told 127.0.0.1, whatever the resolver puts first.
  const address = host === 'localhost' ? '127.0.0.1' : host
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port }, () => {
      server.removeListener('error', reject)
      const bound = server.address() as AddressInfo
      resolve({ host: bound.address, port: bound.port })
    })
  })
}

export function createApi(options: ApiOptions): Api {
  const edge = new Edge(options)
  const app = newServer(edge)
  const routes: { method: string; path: string }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, path: url })
  })
  registerRoutes(app, edge)
  const sockets = trackSockets(app)
  let closed: Promise<void> | undefined
  return {
    routes,
    async listen(host, port) {
      edge.listensOn(host)
      await app.ready()
      return bind(app, host, port)
    },
    close(graceMs = edge.bounds.closeGraceMs) {
      edge.closing = true
      closed ??= closeServer(app, edge, sockets, graceMs)
      return closed
    },
  }
}
