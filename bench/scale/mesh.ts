/**
 * The network between very many members: everybody is connected with everybody from the start, frames arrive in order, and a lost packet costs what it costs
 * TCP: a wait, for it and for all that was sent after it on that connection. What a simulation of faults needs beyond that (test/sim) would be
 * too slow for half a million connections.
 */
import { limits } from '../../src/limits.js'
import type { Channel, Network, SendResult } from '../../src/ports/network.js'
import type { Prng } from '../../test/sim/prng.js'
import type { Timeline } from '../../test/sim/timeline.js'

/** Header of a piece and of the WebSocket message that carries it (docs/protocol.md). TCP and IP are not counted. */
const HEADER_BYTES = 12 + 8
const LEAST_MS = 0.2
const MEAN_MS = 0.3
/** Until a packet is sent again for the first time (Linux); the wait doubles with each further loss. */
const RETRANSMIT_MS = 200

export type Receive = (from: string, channel: Channel, frame: Uint8Array) => void

export class Mesh {
  lossChance = 0
  bytes = 0
  frames = 0
  readonly #timeline: Timeline
  readonly #prng: Prng
  readonly #members = new Map<string, Receive>()
  /** When the frame that was sent last arrives, by connection and direction; only where it was held up. */
  readonly #busyUntilMs = new Map<string, number>()

  constructor(timeline: Timeline, prng: Prng) {
    this.#timeline = timeline
    this.#prng = prng
  }

  /** The network of one member. */
  join(id: string, receive: Receive): Network {
    this.#members.set(id, receive)
    return {
      start: (_hello, _sink, done) => done(),
      setPeers: () => {},
      dial: () => {},
      undial: () => {},
      drop: (peer, reason) => {
        throw new Error(`${id} drops ${peer}: ${reason}`)
      },
      send: (to, channel, parts) => this.#send(id, to, channel, parts),
      isUp: () => true,
      stop: (done) => done(),
    }
  }

  #send(from: string, to: string, channel: Channel, parts: readonly Uint8Array[]): SendResult {
    const frame = Buffer.concat(parts)
    if (channel === 'control' && frame.length > limits.peerControlFrameBytes)
      throw new RangeError(`a frame of ${frame.length} bytes`)
    this.frames++
    this.bytes += frame.length + HEADER_BYTES * Math.ceil(frame.length / limits.peerPieceBytes)
    const wayName = `${from}${to}${channel}`
    const arrivesMs = Math.max(this.#timeline.nowMs + this.#delayMs(), this.#busyUntilMs.get(wayName) ?? 0)
    if (this.lossChance > 0) this.#busyUntilMs.set(wayName, arrivesMs)
    this.#timeline.after(arrivesMs - this.#timeline.nowMs, 'frame', () =>
      this.#members.get(to)!(from, channel, frame),
    )
    return 'sent'
  }

  #delayMs(): number {
    let waitMs = 0
    for (let again = RETRANSMIT_MS; this.lossChance > 0 && this.#prng.chance(this.lossChance); again *= 2)
      waitMs += again
    return waitMs + LEAST_MS + this.#prng.exponential(MEAN_MS)
  }
}
