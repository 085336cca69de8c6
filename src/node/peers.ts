/** The peers connected now, when each was last heard, and whether it answers. Liveness is this node's own opinion and goes no further. */
import type { Hello } from '../ports/network.js'
import { Detector } from '../protocol/liveness/detector.js'

/** Heard from within this time, a peer is handed a write without being asked first. */
const FRESH_MS = 1000

/** `suspected`: its connection stands, but it does not answer; nothing new waits for it. `down`: there is no connection. */
export type PeerState = 'up' | 'suspected' | 'down'

interface Peer {
  readonly hello: Hello
  readonly detector: Detector
  lastHeardMs: number
  /** This node stood still: what the peer sent before a fresh round trip may be long out of date. */
  owesRoundTrip: boolean
}

export class Peers {
  readonly #connected = new Map<string, Peer>()
  /** Made when they are asked for: a node that starts in a large cluster is connected with all of them one by one. */
  #listed: readonly string[] | undefined

  connected(hello: Hello, nowMs: number): void {
    const detector = new Detector(nowMs)
    this.#connected.set(hello.nodeId, { hello, detector, lastHeardMs: nowMs, owesRoundTrip: false })
    this.#listed = undefined
  }

  gone(id: string): void {
    this.#connected.delete(id)
    this.#listed = undefined
  }

  heard(id: string, nowMs: number): void {
    const peer = this.#connected.get(id)
    if (peer !== undefined) peer.lastHeardMs = nowMs
  }

  /** It answered a request or a probe. True when it was suspected until now. */
  answered(id: string, nowMs: number): boolean {
    return this.#connected.get(id)?.detector.answered(nowMs) === true
  }

  probeAnswered(id: string, nowMs: number): void {
    this.#connected.get(id)?.detector.probeAnswered(nowMs)
  }

  /** A request is about to be sent: false where nothing should wait for this peer now. */
  ask(id: string): boolean {
    const detector = this.#connected.get(id)?.detector
    if (detector === undefined || detector.suspected) return false
    detector.ask()
    return true
  }

  /** What a connected peer told of itself. */
  helloOf(id: string): Hello | undefined {
    return this.#connected.get(id)?.hello
  }

  /** Connected, and not suspected. */
  isUp(id: string): boolean {
    return this.#connected.get(id)?.detector.suspected === false
  }

  isConnected(id: string): boolean {
    return this.#connected.has(id)
  }

  stateOf(id: string): PeerState {
    const peer = this.#connected.get(id)
    if (peer === undefined) return 'down'
    return peer.detector.suspected ? 'suspected' : 'up'
  }

  get suspected(): number {
    return this.ids.filter((id) => !this.isUp(id)).length
  }

  /** The longest of the last probes' round trips, in ms. */
  get longestRoundTripMs(): number {
    return this.ids.reduce(
      (longest, id) => Math.max(longest, this.#connected.get(id)!.detector.roundTripMs),
      0,
    )
  }

  /** Looks at every member that is connected. */
  watch(look: (id: string, detector: Detector) => void): void {
    for (const id of this.ids) look(id, this.#connected.get(id)!.detector)
  }

  /** How long a request may take this peer before somebody else is asked as well, in ms. */
  lateAfterMs(id: string): number {
    return this.#connected.get(id)?.detector.lateAfterMs ?? 0
  }

  isFresh(id: string, nowMs: number): boolean {
    const peer = this.#connected.get(id)
    return peer !== undefined && nowMs - peer.lastHeardMs < FRESH_MS
  }

  /** It has no cluster yet and may ask for nothing but to join. */
  isStranger(id: string): boolean {
    return this.#connected.get(id)?.hello.clusterId === ''
  }

  /** Everybody owes a round trip from now on. */
  suspectAll(): void {
    for (const peer of this.#connected.values()) peer.owesRoundTrip = true
  }

  madeRoundTrip(id: string): void {
    const peer = this.#connected.get(id)
    if (peer !== undefined) peer.owesRoundTrip = false
  }

  owesRoundTrip(id: string): boolean {
    return this.#connected.get(id)?.owesRoundTrip === true
  }

  /** Ids of those connected that belong to the cluster. */
  get ids(): readonly string[] {
    this.#listed ??= [...this.#connected.keys()].filter((id) => !this.isStranger(id)).sort()
    return this.#listed
  }
}
