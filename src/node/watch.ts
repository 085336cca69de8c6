/** Watches over the peers, and over this node's own pauses: probes them on the control socket, and tells those who wait for a peer when it does not answer any more. */
import type { Log } from '../ports/log.js'
import type { Random } from '../ports/random.js'
import type { Message } from '../wire/messages.js'
import type { Peers } from './peers.js'

/** Ids of pings: of one that a node sends after it stood still, in order with everything else, and of a probe. */
export const PING = { roundTrip: 1, probe: 2 } as const

/** Standing still for longer than this, a node no longer trusts what reached it meanwhile. */
const PAUSE_MS = 1000

/** How often a peer of which nothing is wanted is probed; in a large cluster less often, so that the sum stays the same. */
const REST_MS = 1000
const REST_MS_PER_PEER = 10

export interface WatchParts {
  readonly random: Random
  readonly log: Log
  readonly peers: Peers
  readonly counts: { suspicions: number; probes: number; pauses: number }
  /** On the control socket. */
  probe(to: string, message: Message): void
  /** In order with everything else. */
  reply(to: string, message: Message): void
  suspected(peer: string): void
}

export class Watch {
  readonly #parts: WatchParts
  #lastTurnMs: number

  constructor(nowMs: number, parts: WatchParts) {
    this.#lastTurnMs = nowMs
    this.#parts = parts
  }

  /** A turn begins: notices when the process has stood still. */
  enter(nowMs: number): number {
    if (nowMs - this.#lastTurnMs > PAUSE_MS) this.#stoodStill(nowMs - this.#lastTurnMs)
    this.#lastTurnMs = nowMs
    return nowMs
  }

  tick(nowMs: number): void {
    const { peers, counts, log } = this.#parts
    const restMs = Math.max(REST_MS, peers.ids.length * REST_MS_PER_PEER)
    peers.watch((peer, detector) => {
      if (detector.look(nowMs)) {
        counts.suspicions++
        log.warn('peer-suspected', { peer })
        this.#parts.suspected(peer)
      }
      if (!detector.probeDue(nowMs)) return
      detector.probed(nowMs, restMs, this.#jitter())
      counts.probes++
      this.#parts.probe(peer, { type: 13, id: PING.probe })
    })
  }

  /** An answer of this peer has come. */
  answered(peer: string, nowMs: number): void {
    if (this.#parts.peers.answered(peer, nowMs)) this.#parts.log.info('peer-answers-again', { peer })
  }

  /** Only the ping sent after standing still says that all that was sent before it has arrived. */
  pong(from: string, id: number): void {
    if (id === PING.probe) this.#parts.peers.probeAnswered(from, this.#lastTurnMs)
    else this.#parts.peers.madeRoundTrip(from)
  }

  #stoodStill(forMs: number): void {
    const { counts, log, peers } = this.#parts
    counts.pauses++
    log.warn('stood-still', { forMs: Math.round(forMs) })
    peers.suspectAll()
    for (const peer of peers.ids) this.#parts.reply(peer, { type: 13, id: PING.roundTrip })
  }

  /** 0.75 to 1.25: nodes that began at the same moment do not probe at the same moments for ever. */
  #jitter(): number {
    return 0.75 + this.#parts.random.below(512) / 1024
  }
}
