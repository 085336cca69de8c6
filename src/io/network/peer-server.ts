import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { limits } from '../../limits.js'
import { PeerSocket, socketOptions } from './peer-socket.js'

export interface PeerServerOptions {
  readonly host: string
  readonly port: number
  /** How long a connection may live without `Stranger.proven`. */
  readonly handshakeMs: number
  readonly closeMs: number
}

/** A connection that has proven nothing yet. */
export interface Stranger {
  readonly remote: string
  /** Takes it off the list of strangers, whose length and life are bounded. */
  proven(): void
}

export interface PeerServerListener {
  /** A WebSocket was opened on the peer path. */
  connected(socket: PeerSocket, stranger: Stranger): void
  /** Something else came, or too many. */
  turnedAway(reason: 'not-a-peer' | 'crowded' | 'deadline', remote: string): void
}

/**
 * The peer port: an HTTP server that does one thing, upgrading GET /peer to a WebSocket. Everything else is answered in one
 * line and closed. Strangers are few (the oldest goes when too many come, so that a flood of idle ones cannot keep a real peer
 * out) and short-lived.
 */
export class PeerServer {
  readonly #options: PeerServerOptions
  readonly #listener: PeerServerListener
  readonly #http: Server
  readonly #upgrade: WebSocketServer
  /** In the order of their coming, each with the timer that ends it. */
  readonly #strangers = new Map<Socket, NodeJS.Timeout>()

  constructor(options: PeerServerOptions, listener: PeerServerListener) {
    this.#options = options
    this.#listener = listener
    this.#http = createServer({ maxHeaderSize: limits.peerHeadBytes })
    this.#upgrade = new WebSocketServer({
      ...socketOptions(options.closeMs),
      noServer: true,
      clientTracking: false,
    })
    this.#upgrade.on('wsClientError', (_error, socket) => socket.destroy())
    this.#http.on('connection', (socket) => this.#arrived(socket))
    this.#http.on('clientError', (_error, socket) => socket.destroy())
    this.#http.on('upgrade', (request, socket, head) => this.#upgraded(request, socket, head))
    this.#http.on('request', (request, response) => {
      this.#turnAway('not-a-peer', request.socket)
      response.writeHead(404, { connection: 'close' }).end()
    })
  }

  get strangers(): number {
    return this.#strangers.size
  }

  /** host:port, with the real port where 0 was asked for; '' while not listening. */
  get address(): string {
    const bound = this.#http.address() as AddressInfo | null
    if (bound === null) return ''
    const { address, port, family } = bound
    return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
  }

  listen(done: (error?: string) => void): void {
    const failed = (error: Error) => done(error.message)
    this.#http.once('error', failed)
    this.#http.listen(this.#options.port, this.#options.host, () => {
      this.#http.off('error', failed)
      // After listening, 'error' tells of failed accepts (no file descriptors left): the caller will come again.
      this.#http.on('error', () => {})
      done()
    })
  }

  /** Stops listening and ends all strangers; `done` when every connection is gone, those of proven peers included. */
  close(done: () => void): void {
    this.#http.close(() => done())
    for (const socket of this.#strangers.keys()) socket.destroy()
  }

  #arrived(socket: Socket): void {
    if (this.#strangers.size >= limits.peerUnprovenConnections) {
      const [oldest] = this.#strangers.keys()
      this.#turnAway('crowded', oldest!)
      this.#forget(oldest!)
      oldest!.destroy()
    }
    const deadline = setTimeout(() => {
      this.#turnAway('deadline', socket)
      socket.destroy()
    }, this.#options.handshakeMs)
    this.#strangers.set(socket, deadline.unref())
    socket.on('close', () => this.#forget(socket))
  }

  #forget(socket: Socket): void {
    clearTimeout(this.#strangers.get(socket))
    this.#strangers.delete(socket)
  }

  #upgraded(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const socket = stream as Socket
    // Browsers say where they come from; peers do not.
    if (request.url !== '/peer' || request.headers.origin !== undefined) {
      this.#turnAway('not-a-peer', socket)
      socket.on('error', () => {})
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const remote = remoteOf(socket)
    this.#upgrade.handleUpgrade(request, socket, head, (ws) => {
      this.#listener.connected(new PeerSocket(ws, socket), { remote, proven: () => this.#forget(socket) })
    })
  }

  #turnAway(reason: 'not-a-peer' | 'crowded' | 'deadline', socket: Socket): void {
    this.#listener.turnedAway(reason, remoteOf(socket))
  }
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? '?'}`
}
