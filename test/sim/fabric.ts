/**
 * The wires between all hosts: which ways are cut, which connections exist, and who finds out when one breaks.
 *
 * A killed process closes its sockets: its peers are told soon. A host without power tells nobody: its peers' ends stay up and
 * swallow what is sent until somebody's patience ends or the host is back and answers "I know no such connection".
 */
import { Connection, type End } from './connection.js'
import { Link, type LinkManners } from './link.js'
import type { SimNetwork } from './network.js'
import type { Prng } from './prng.js'
import type { Timeline } from './timeline.js'

export interface FabricSizes {
  readonly manners: LinkManners
  /** A connection over a cut way, or to a silent host, breaks after about this long. */
  readonly patienceMs: number
  readonly dataWindowBytes: number
  readonly controlWindowBytes: number
}

export class Fabric {
  readonly timeline: Timeline
  readonly prng: Prng
  readonly sizes: FabricSizes
  readonly #links = new Map<string, Link>()
  readonly #listeners = new Map<string, SimNetwork>()
  readonly #connections = new Set<Connection>()
  readonly #dark = new Set<string>()
  /** That were noticed. */
  damagedFrames = 0

  constructor(timeline: Timeline, prng: Prng, sizes: FabricSizes) {
    this.timeline = timeline
    this.prng = prng
    this.sizes = sizes
  }

  link(from: string, to: string): Link {
    const name = `${from}>${to}`
    let link = this.#links.get(name)
    if (link === undefined) {
      link = new Link(this.prng.split(name), this.sizes.manners)
      this.#links.set(name, link)
    }
    return link
  }

  listener(address: string): SimNetwork | undefined {
    return this.#listeners.get(address)
  }

  /** False when another process listens there. */
  listen(network: SimNetwork): boolean {
    if (this.#listeners.has(network.address)) return false
    this.#listeners.set(network.address, network)
    this.#dark.delete(network.address)
    for (const connection of this.#touching(network.address))
      this.#break(connection, 'the host knows no such connection')
    return true
  }

  /** A host without power does not even refuse. */
  isDark(address: string): boolean {
    return this.#dark.has(address)
  }

  register(dialler: End, acceptor: End): Connection {
    const there = this.link(dialler.network.address, acceptor.network.address)
    const back = this.link(acceptor.network.address, dialler.network.address)
    const connection = new Connection(this.timeline, dialler, acceptor, { there, back })
    this.#connections.add(connection)
    return connection
  }

  setCut(from: string, to: string, cut: boolean): void {
    const link = this.link(from, to)
    if (link.cut === cut) return
    link.cut = cut
    if (cut) this.#losePatience(link, from, to)
    else for (const connection of this.#between(from, to)) connection.resume()
  }

  get isWhole(): boolean {
    for (const link of this.#links.values()) if (link.cut) return false
    return true
  }

  setClog(from: string, to: string, clogMs: number): void {
    this.link(from, to).clogMs = clogMs
  }

  setDamage(from: string, to: string, chance: number): void {
    this.link(from, to).damageChance = chance
  }

  healAll(): void {
    for (const [name, link] of this.#links) {
      const [from, to] = name.split('>') as [string, string]
      link.clogMs = 0
      link.damageChance = 0
      this.setCut(from, to, false)
    }
  }

  /** Frames are no longer lost, repeated or reordered from now on. */
  calm(): void {
    const { minMs, meanMs } = this.sizes.manners
    for (const link of this.#links.values())
      link.manners = { minMs, meanMs, dropChance: 0, repeatChance: 0, overtakeChance: 0 }
  }

  /** These two very processes have a sound connection, or one of them is just being told of it. */
  isConnected(left: SimNetwork, right: SimNetwork): boolean {
    return this.#between(left.address, right.address).some(
      (connection) =>
        !connection.isBroken &&
        connection.otherEnd(connection.endOf(left)).network === right &&
        connection.endOf(left).network === left,
    )
  }

  /** Breaks every connection between two hosts; both find out. */
  reset(left: string, right: string, reason: string): void {
    for (const connection of this.#between(left, right)) this.#break(connection, reason)
  }

  /** A frame did not arrive as it was sent: the connection is over. */
  spoiled(connection: Connection): void {
    this.damagedFrames += 1
    this.#break(connection, 'a piece failed its checksum')
  }

  /** One end closes; the other hears of it after a while. */
  closeFrom(connection: Connection, end: End, reason: string): void {
    this.#forget(connection)
    end.up = false
    this.#tell(connection, connection.otherEnd(end), reason)
  }

  /** The process behind a network is gone. With the power gone too, nobody is told. */
  processGone(network: SimNetwork, dark: boolean): void {
    if (this.#listeners.get(network.address) === network) this.#listeners.delete(network.address)
    if (dark) this.#dark.add(network.address)
    for (const connection of this.#touching(network.address)) {
      // One of an earlier process of that host is somebody else's to end.
      if (connection.dialler.network !== network && connection.acceptor.network !== network) continue
      if (dark) this.#orphan(connection, network)
      else this.closeFrom(connection, connection.endOf(network), 'closed by the peer')
    }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  #orphan(connection: Connection, gone: SimNetwork): void {
    connection.breakOff()
    connection.endOf(gone).up = false
    const patienceMs = this.sizes.patienceMs * this.prng.between(0.5, 1.5)
    this.timeline.after(patienceMs, 'patience', () => this.#break(connection, 'no answer'))
  }

  #losePatience(link: Link, from: string, to: string): void {
    const patienceMs = this.sizes.patienceMs * this.prng.between(0.5, 1.5)
    const doomed = this.#between(from, to)
    this.timeline.after(patienceMs, 'patience', () => {
      if (!link.cut) return
      for (const connection of doomed) this.#break(connection, 'no answer')
    })
  }

  #break(connection: Connection, reason: string): void {
    if (!this.#connections.has(connection)) return
    this.#forget(connection)
    this.#tell(connection, connection.dialler, reason)
    this.#tell(connection, connection.acceptor, reason)
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection)
    connection.breakOff()
  }

  #tell(connection: Connection, end: End, reason: string): void {
    const delayMs = this.prng.exponential(2)
    const label = `${end.network.address} reset`
    this.timeline.after(delayMs, label, () => {
      end.network.process.enter(label, () => end.network.lose(connection, reason))
    })
  }

  #between(left: string, right: string): Connection[] {
    return this.#touching(left).filter(
      ({ dialler, acceptor }) => dialler.network.address === right || acceptor.network.address === right,
    )
  }

  #touching(address: string): Connection[] {
    return [...this.#connections].filter(
      ({ dialler, acceptor }) => dialler.network.address === address || acceptor.network.address === address,
    )
  }
}
