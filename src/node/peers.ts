/** The peers connected now, and when each was last heard. Liveness is this node's own opinion and goes no further. */
import type { Hello } from '../ports/network.js'

/** Heard from within this time, a peer is handed a write without being asked first. */
const FRESH_MS = 1000

interface Peer {
  readonly hello: Hello
  lastHeardMs: number
  /** This node stood still: what the peer sent before a fresh round trip may be long out of date. */
  owesRoundTrip: boolean
}

export class Peers {
  readonly #up = new Map<string, Peer>()
  #ids: readonly string[] = []

  connected(hello: Hello, nowMs: number): void {
    this.#up.set(hello.nodeId, { hello, lastHeardMs: nowMs, owesRoundTrip: false })
    this.#list()
  }

  gone(id: string): void {
    this.#up.delete(id)
    this.#list()
  }

  heard(id: string, nowMs: number): void {
    const peer = this.#up.get(id)
    if (peer !== undefined) peer.lastHeardMs = nowMs
  }

  isUp(id: string): boolean {
    return this.#up.has(id)
  }

  isFresh(id: string, nowMs: number): boolean {
    const peer = this.#up.get(id)
    return peer !== undefined && nowMs - peer.lastHeardMs < FRESH_MS
  }

  /** It has no cluster yet and may ask for nothing but to join. */
  isStranger(id: string): boolean {
    return this.#up.get(id)?.hello.clusterId === ''
  }

  /** Everybody owes a round trip from now on. */
  suspectAll(): void {
    for (const peer of this.#up.values()) peer.owesRoundTrip = true
  }

  madeRoundTrip(id: string): void {
    const peer = this.#up.get(id)
    if (peer !== undefined) peer.owesRoundTrip = false
  }

  owesRoundTrip(id: string): boolean {
    return this.#up.get(id)?.owesRoundTrip === true
  }

  /** Ids of those connected that belong to the cluster. */
  get ids(): readonly string[] {
    return this.#ids
  }

  #list(): void {
    this.#ids = [...this.#up.keys()].filter((id) => !this.isStranger(id)).sort()
  }
}
