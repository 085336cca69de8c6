/**
 * The state of every way from one node to another, and the proxies that obey it. Each node listens on a port that nobody is told and
 * advertises its proxy's, so every connection between two nodes passes through one of these:
 *
 *     n1 ── dials ──► [proxy of n2] ──► n2        ways n1→n2 and n2→n1 of this connection
 *
 * The two nodes of a pair keep one link, dialled by either, so a way is looked up for each direction of each connection, whoever
 * dialled. A proxy learns who dials from the address that a node tells in its handshake; the bytes before that pass freely.
 *
 * A cut way holds bytes and closings back, as lost packets do that are sent again and again: they arrive when it heals, if both ends
 * are still there.
 */
import { Passage } from './passage.js'
import { PeerProxy } from './peer-proxy.js'

export interface Way {
  cut: boolean
  /** Added to every chunk, in order. */
  delayMs: number
  /** So many chunks still to come get one wrong bit each. */
  corrupt: number
}

export class Wires {
  readonly #ways = new Map<string, Way>()
  readonly #proxies: PeerProxy[] = []
  readonly #passages = new Set<Passage>()
  /** Bits that were changed so far. */
  corrupted = 0

  /** Opens the proxy of a node. `addresses` tells every node's name by its advertised address. */
  async serve(
    name: string,
    listenPort: number,
    targetPort: number,
    addresses: ReadonlyMap<string, string>,
  ): Promise<void> {
    const proxy = new PeerProxy((dialler) => {
      const passage = new Passage(dialler, targetPort, {
        target: name,
        addresses,
        way: (from, to) => this.way(from, to),
        corrupted: () => {
          this.corrupted += 1
        },
        closed: () => this.#passages.delete(passage),
      })
      this.#passages.add(passage)
    })
    this.#proxies.push(proxy)
    await proxy.listen(listenPort)
  }

  way(from: string, to: string): Way {
    const name = `${from}>${to}`
    let way = this.#ways.get(name)
    if (way === undefined) {
      way = { cut: false, delayMs: 0, corrupt: 0 }
      this.#ways.set(name, way)
    }
    return way
  }

  /** Changes a way and lets go on what may. */
  set(from: string, to: string, change: Partial<Way>): void {
    Object.assign(this.way(from, to), change)
    for (const passage of this.#passages) passage.flow()
  }

  /** Connections of a pair are reset on both sides. */
  reset(one: string, other: string): number {
    return this.#each(one, other, (passage) => passage.reset())
  }

  /** Connections of a pair carry nothing any more, and neither side is told. */
  silence(one: string, other: string): number {
    return this.#each(one, other, (passage) => passage.silence())
  }

  heal(): void {
    for (const way of this.#ways.values()) Object.assign(way, { cut: false, delayMs: 0, corrupt: 0 })
    for (const passage of this.#passages) passage.flow()
  }

  close(): void {
    for (const proxy of this.#proxies) proxy.close()
    for (const passage of [...this.#passages]) passage.reset()
  }

  #each(one: string, other: string, act: (passage: Passage) => void): number {
    const pair = [...this.#passages].filter((passage) => passage.joins(one, other))
    for (const passage of pair) act(passage)
    return pair.length
  }
}
