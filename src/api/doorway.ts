/**
 * New connections while requests are held back. To accept one costs little; to parse what comes on it, and to answer that it comes at a bad time, costs
 * a good part of serving it. So they wait unread, in the kernel's buffers, first come first served, and are read as places become free; after a while
 * whether or not there is one, because a client that waits must hear something. To close them instead would bring them back at once.
 */
import type { Socket } from 'node:net'
import { limits } from '../limits.js'
import type { Edge } from './edge.js'

const LOOK_MS = 25

interface Waiting {
  readonly socket: Socket
  readonly sinceMs: number
}

export class Doorway {
  readonly #edge: Edge
  #waiting: Waiting[] = []
  #looking = false

  constructor(edge: Edge) {
    this.#edge = edge
  }

  /** Call it with each new connection, before anything of it is read. */
  arrived(socket: Socket): void {
    const edge = this.#edge
    if (edge.closing || (this.#waiting.length === 0 && this.#places > 0)) return
    // Node's HTTP server has asked for the socket to flow, at the end of this tick; paused before that it would flow all the same.
    process.nextTick(() => socket.pause())
    this.#waiting.push({ socket, sinceMs: edge.clock.monotonicMs() })
    edge.waitingConnections = this.#waiting.length
    this.#lookSoon()
  }

  /** Requests that could begin now. */
  get #places(): number {
    return this.#edge.database.requestLimit - this.#edge.inProgress
  }

  #lookSoon(): void {
    if (this.#looking) return
    this.#looking = true
    setTimeout(() => {
      this.#looking = false
      this.#look()
    }, LOOK_MS).unref()
  }

  #look(): void {
    const edge = this.#edge
    const patientUntilMs = edge.clock.monotonicMs() - edge.bounds.connectionPatienceMs
    const places = edge.closing ? this.#waiting.length : this.#places
    let letIn = 0
    for (const { socket, sinceMs } of this.#waiting) {
      if (letIn >= places && (sinceMs > patientUntilMs || letIn >= limits.connectionsAtALook)) break
      letIn++
      if (!socket.destroyed) socket.resume()
    }
    this.#waiting = this.#waiting.slice(letIn)
    edge.waitingConnections = this.#waiting.length
    if (this.#waiting.length > 0) this.#lookSoon()
  }
}
