/** How the edge ends: requests in flight first, then the connections. */
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { limits } from '../limits.js'
import type { Edge } from './edge.js'
import type { EdgeSocket } from './exchange.js'

/** Has this connection a request that is not yet answered? */
function isBusy(socket: EdgeSocket): boolean {
  const response = socket.latestExchange?.response
  return response !== undefined && !response.writableFinished && !response.destroyed
}

/** How long what is read at last may take to become a request. */
const READ_MS = 25

/**
 * Connections that wait unread (doorway.ts) are read once the edge closes, and answered. Node 26 takes one on which nothing was read for idle, and a
 * server that closes cuts those.
 */
async function untilNoneWaits(edge: Edge): Promise<void> {
  if (edge.waitingConnections === 0) return
  while (edge.waitingConnections > 0) await sleep(READ_MS)
  await sleep(READ_MS)
}

/**
 * Resolves when all connections are gone. Node closes those that are idle after a request; a browser also opens some ahead of need, on
 * which nothing was ever asked: they get a moment. After `graceMs` all others are cut.
 */
export async function closeServer(
  app: FastifyInstance,
  edge: Edge,
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
    await untilNoneWaits(edge)
    await app.close()
  } finally {
    clearTimeout(moment)
    clearTimeout(end)
  }
}

export function trackSockets(app: FastifyInstance): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}
