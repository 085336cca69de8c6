/** A full mesh of WebSockets: of each pair the one with the lower number calls the other. One frame for each peer and turn. */
import { WebSocket, WebSocketServer } from 'ws'
import { decodeFrame, encodeFrame, type Message } from './frames.js'

const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
const RETRY_MS = 50

export class Peer {
  readonly #socket: WebSocket
  #waiting: Message[] = []

  constructor(socket: WebSocket, take: (peer: Peer, message: Message) => void) {
    this.#socket = socket
    socket.on('message', (frame) => decodeFrame(frame as Buffer, (message) => take(this, message)))
    socket.on('error', (error) => console.error(error.message))
  }

  send(message: Message): void {
    if (this.#waiting.push(message) === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const frame = encodeFrame(this.#waiting)
    this.#waiting = []
    this.#socket.send(frame)
  }
}

export interface MeshOptions {
  readonly number: number
  /** Peer ports of all nodes, by number. */
  readonly ports: readonly number[]
  readonly take: (peer: Peer, message: Message) => void
}

/** Resolves with this node's peers, by number, once it is connected to all of them. */
export function connectMesh({ number, ports, take }: MeshOptions): Promise<ReadonlyMap<number, Peer>> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: ports[number]!,
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
  })
  return new Promise((resolve) => {
    const peers = new Map<number, Peer>()
    const add = (other: number, socket: WebSocket): void => {
      peers.set(other, new Peer(socket, take))
      if (peers.size === ports.length - 1) resolve(peers)
    }
    server.on('connection', (socket, request) => add(Number(request.url!.slice(1)), socket))
    for (let other = number + 1; other < ports.length; other++)
      call(`ws://127.0.0.1:${ports[other]!}/${number}`, (socket) => add(other, socket))
  })
}

function call(url: string, add: (socket: WebSocket) => void): void {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
    // A mask of zeros is one that need not be applied: it guards proxies against browsers, and here there is neither.
    generateMask: (mask) => mask.fill(0),
  })
  socket.once('open', () => add(socket))
  socket.once('error', () => setTimeout(() => call(url, add), RETRY_MS))
}
