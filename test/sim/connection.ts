/**
 * A connection between two processes: two ends, each of which learns of the other's going in its own time, or (half-open)
 * not at all. A pipe for each channel and direction.
 */
import type { Channel, Hello } from '../../src/ports/network.js'
import type { Link } from './link.js'
import type { SimNetwork } from './network.js'
import { Pipe, type Receive } from './pipe.js'
import type { Timeline } from './timeline.js'

export interface End {
  readonly network: SimNetwork
  /** Who the other side is. */
  readonly peerId: string
  readonly peerHello: Hello
  /** Told its node `peerUp` and not yet `peerDown`. */
  up: boolean
}

export interface Route {
  readonly there: Link
  readonly back: Link
}

export class Connection {
  readonly dialler: End
  readonly acceptor: End
  readonly #timeline: Timeline
  readonly #pipes = new Map<string, Pipe>()
  #broken = false

  constructor(timeline: Timeline, dialler: End, acceptor: End, route: Route) {
    this.#timeline = timeline
    this.dialler = dialler
    this.acceptor = acceptor
    for (const channel of ['control', 'data'] as const) {
      this.#pipes.set(`d${channel}`, this.#pipe(dialler, acceptor, channel, route.there))
      this.#pipes.set(`a${channel}`, this.#pipe(acceptor, dialler, channel, route.back))
    }
  }

  get isBroken(): boolean {
    return this.#broken
  }

  endOf(network: SimNetwork): End {
    return this.dialler.network === network ? this.dialler : this.acceptor
  }

  otherEnd(end: End): End {
    return end === this.dialler ? this.acceptor : this.dialler
  }

  pipeFrom(end: End, channel: Channel): Pipe {
    return this.#pipes.get(`${end === this.dialler ? 'd' : 'a'}${channel}`) as Pipe
  }

  resume(): void {
    for (const pipe of this.#pipes.values()) pipe.resume()
  }

  /** Nothing more gets through, either way. Telling the ends is the fabric's business. */
  breakOff(): void {
    this.#broken = true
    for (const pipe of this.#pipes.values()) pipe.close()
  }

  #pipe(from: End, to: End, channel: Channel, link: Link): Pipe {
    const label = `${from.network.address} > ${to.network.address} ${channel}`
    const receive: Receive = (frame, taken) => {
      to.network.process.enter(label, () => {
        taken()
        if (to.up && to.network.isConnected(this)) to.network.sink.frame(to.peerId, channel, frame)
      })
    }
    return new Pipe(this.#timeline, link, label, receive, () => to.network.fabric.spoiled(this))
  }
}
