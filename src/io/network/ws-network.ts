/**
 * The network port over WebSockets. Who does what:
 *
 *     WsNetwork ── PeerServer ── Acceptance ─┐
 *        │                                   ├── Link ── 2 × Connection ── PeerSocket
 *        └──────── Dialler ──── Attempt ─────┘
 *
 * `PeerServer` lets strangers in, `Acceptance` and `Attempt` are the two halves of proving each other, `Links` decides which
 * link of two nodes stays (link-rule.ts), `Connection` moves frames, `Dialler` comes back after a loss. This file joins them and
 * speaks to the sink. The protocol on the wire is in docs/protocol.md.
 */

import type { Channel, Hello, Network, NetworkSink, SendResult } from '../../ports/network.js'
import { Acceptance, type Refusal } from './acceptance.js'
import type { Outcome, Surroundings } from './attempt.js'
import { Dialler, type DiallerListener } from './dialler.js'
import { Keyring } from './keyring.js'
import type { Link, LinkListener } from './link.js'
import { Links } from './links.js'
import { DEFAULT_TIMING, type NetworkTiming, type WsNetworkOptions, windowsOf } from './options.js'
import { PeerServer, type Stranger } from './peer-server.js'
import { connectPeer, type Ending, type PeerSocket } from './peer-socket.js'
import { PieceSlabs } from './piece-slabs.js'
import { Quiet } from './quiet.js'
import { count, type NetworkStats, newCounters } from './stats.js'

export class WsNetwork implements Network {
  readonly #options: WsNetworkOptions
  readonly #timing: NetworkTiming
  readonly #windows: Readonly<Record<Channel, number>>
  readonly #links = new Links()
  readonly #counters = newCounters()
  readonly #server: PeerServer
  readonly #around: Surroundings
  readonly #quiet: Quiet
  /** One for each peer of `setPeers`, and one for each address of `dial`. */
  readonly #named = new Map<string, Dialler>()
  readonly #seeds = new Map<string, Dialler>()
  readonly #slabs = new PieceSlabs()
  readonly #sockets = new Set<PeerSocket>()
  /** When each link that is up came up. */
  readonly #upSinceMs = new Map<Link, number>()
  #keyring: Keyring
  #hello: () => Hello = () => {
    throw new Error('the network was not started')
  }
  #sink: NetworkSink | undefined
  #ticker: NodeJS.Timeout | undefined

  /** Throws RangeError for an unusable secret or window. */
  constructor(options: WsNetworkOptions) {
    this.#options = options
    this.#timing = { ...DEFAULT_TIMING, ...options.timing }
    this.#windows = windowsOf(options)
    this.#keyring = new Keyring(options.secrets)
    this.#quiet = new Quiet(options.clock, options.log)
    const { handshakeMs, closeMs } = this.#timing
    this.#server = new PeerServer(
      { host: options.host, port: options.port, handshakeMs, closeMs },
      {
        connected: (socket, stranger) => this.#connected(socket, stranger),
        turnedAway: (reason, remote) => this.#refused(reason, reason, remote),
      },
    )
    this.#around = this.#surroundings()
  }

  /** host:port where it listens; '' while it does not. */
  get address(): string {
    return this.#server.address
  }

  start(hello: () => Hello, sink: NetworkSink, done: (error?: string) => void): void {
    this.#hello = hello
    this.#server.listen((error) => {
      if (error !== undefined) return done(error)
      this.#sink = sink
      this.#ticker = setInterval(() => this.#tick(), this.#timing.tickMs).unref()
      done()
    })
  }

  setPeers(peers: readonly { readonly id: string; readonly address: string }[]): void {
    const selfId = this.#hello().nodeId
    const wanted = new Map(peers.map(({ id, address }) => [id, address]))
    wanted.delete(selfId)
    for (const [id, dialler] of this.#named) {
      if (wanted.get(id) === dialler.address) continue
      this.#named.delete(id)
      dialler.stop()
      if (!wanted.has(id)) this.#links.get(id)?.end('not-named', 'not a peer any more')
    }
    for (const [id, address] of wanted) {
      if (this.#named.has(id)) continue
      const dialler = this.#dialler(address, id)
      this.#named.set(id, dialler)
      dialler.dialNow()
    }
  }

  dial(address: string): void {
    const known = this.#seeds.get(address)
    const dialler = known ?? this.#dialler(address)
    this.#seeds.set(address, dialler)
    dialler.dialNow()
  }

  undial(address: string): void {
    this.#seeds.get(address)?.stop()
    this.#seeds.delete(address)
  }

  drop(peerId: string, reason: string): void {
    this.#links.get(peerId)?.end('dropped', `dropped: ${reason}`)
  }

  send(peerId: string, channel: Channel, parts: readonly Uint8Array[], inOrder = false): SendResult {
    const link = this.#links.get(peerId)
    return link === undefined ? 'down' : link.send(channel, parts, inOrder)
  }

  isUp(peerId: string): boolean {
    return this.#links.get(peerId)?.state === 'up'
  }

  /** Takes a new keyring for the handshakes from now on; connections that are up stay. Throws RangeError as the constructor. */
  setSecrets(secrets: readonly Uint8Array[]): void {
    this.#keyring = new Keyring(secrets)
  }

  stats(): NetworkStats {
    const waitingBytes = { control: 0, data: 0 }
    for (const link of this.#links.all()) {
      waitingBytes.control += link.waitingBytes('control')
      waitingBytes.data += link.waitingBytes('data')
    }
    const { control, data, refused, dialFailures, closed } = this.#counters
    return {
      peersUp: this.#upSinceMs.size,
      unproven: this.#server.strangers,
      waitingBytes,
      channels: { control: { ...control }, data: { ...data } },
      refused: Object.fromEntries(refused),
      dialFailures: Object.fromEntries(dialFailures),
      closed: Object.fromEntries(closed),
    }
  }

  /** Nothing reaches the sink any more. Connections are closed in order, or cut after a short while. */
  stop(done: () => void): void {
    this.#sink = undefined
    clearInterval(this.#ticker)
    for (const dialler of [...this.#named.values(), ...this.#seeds.values()]) dialler.stop()
    this.#named.clear()
    this.#seeds.clear()
    for (const link of [...this.#links.all()]) link.end('stopping', 'stopping')
    for (const socket of this.#sockets) socket.end('stopping', 'stopping')
    this.#server.close(() => this.#whenAllGone(done))
  }

  /** Connections that this node dialled are not the server's: their last close is waited for here. */
  #whenAllGone(done: () => void): void {
    if (this.#sockets.size === 0) return done()
    for (const socket of this.#sockets) {
      socket.onGone = () => {
        this.#sockets.delete(socket)
        if (this.#sockets.size === 0) done()
      }
    }
  }

  #surroundings(): Surroundings {
    return {
      links: this.#links,
      random: this.#options.random,
      timing: this.#timing,
      listener: this.#linkListener(),
      keyring: () => this.#keyring,
      hello: () => this.#hello(),
      connectionOptions: (channel) => ({
        channel,
        windowBytes: this.#windows[channel],
        checksum: this.#options.checksum,
        slabs: this.#slabs,
        timing: this.#timing,
        counters: this.#counters[channel],
      }),
      connect: (address) => this.#tracked(connectPeer(address, this.#timing.closeMs)),
    }
  }

  #tracked(socket: PeerSocket): PeerSocket {
    this.#sockets.add(socket)
    socket.onGone = () => this.#sockets.delete(socket)
    return socket
  }

  #connected(socket: PeerSocket, stranger: Stranger): void {
    if (this.#sink === undefined) return socket.end('stopping', 'stopping')
    new Acceptance(this.#around, this.#tracked(socket), {
      proven: () => stranger.proven(),
      refused: (reason, text, proven) => this.#refused(reason, text, stranger.remote, proven),
    })
  }

  #refused(reason: Refusal, text: string, remote: string, proven?: Hello): void {
    count(this.#counters.refused, reason)
    if (reason === 'duplicate' || reason === 'no-such-link') return
    const who = proven === undefined ? {} : { peer: proven.nodeId, name: proven.name }
    this.#quiet.warn('peer-refused', reason, { reason, text, remote, ...who })
    this.#tellRefused(reason, text, proven)
  }

  #dialler(address: string, expectedId?: string): Dialler {
    const listener: DiallerListener = {
      dialFailed: (dialler, outcome) => this.#dialFailed(dialler, outcome),
      reached: (dialler, peerId) => {
        if (this.isUp(peerId)) this.#tellReached(dialler.address, peerId)
      },
    }
    return new Dialler(this.#around, listener, this.#options.clock, address, expectedId)
  }

  #dialFailed(dialler: Dialler, outcome: Outcome & { readonly kind: 'failed' }): void {
    const { reason, text } = outcome
    count(this.#counters.dialFailures, reason)
    this.#quiet.warn('dial-failed', `${dialler.address} ${reason}`, {
      address: dialler.address,
      reason,
      text,
    })
    this.#tellRefused(reason, text, outcome.hello)
    process.nextTick(() => {
      if (this.#seeds.get(dialler.address) === dialler)
        this.#sink?.dialFailed(dialler.address, `${reason}: ${text}`)
    })
  }

  #tellRefused(why: string, text: string, hello: Hello | undefined): void {
    if (hello === undefined || (why !== 'other-cluster' && why !== 'no-common-version')) return
    process.nextTick(() => this.#sink?.refused?.(hello, why, text))
  }

  #linkListener(): LinkListener {
    return {
      linkUp: (link) => this.#linkUp(link),
      linkFrame: (link, channel, bytes) => this.#sink?.frame(link.peerId, channel, bytes),
      linkEnded: (link, ending) => this.#linkEnded(link, ending),
    }
  }

  #linkUp(link: Link): void {
    const { peerId, hello } = link
    this.#upSinceMs.set(link, this.#options.clock.monotonicMs())
    this.#options.log.info('peer-up', { peer: peerId, name: hello.name, dialledBySelf: link.dialledBySelf })
    this.#sink?.peerUp(peerId, hello)
    for (const [address, dialler] of this.#seeds)
      if (dialler.peerId === peerId && this.isUp(peerId)) this.#tellReached(address, peerId)
  }

  #tellReached(address: string, peerId: string): void {
    if (this.#seeds.has(address)) this.#sink?.dialReached?.(address, peerId)
  }

  #linkEnded(link: Link, ending: Ending): void {
    const { peerId } = link
    const sinceMs = this.#upSinceMs.get(link)
    this.#links.remove(link)
    this.#upSinceMs.delete(link)
    if (sinceMs !== undefined) {
      count(this.#counters.closed, ending.cause)
      this.#options.log.info('peer-down', { peer: peerId, name: link.hello.name, reason: ending.text })
      process.nextTick(() => this.#sink?.peerDown(peerId, ending.text))
    }
    this.#named.get(peerId)?.linkLost(sinceMs)
    for (const dialler of this.#seeds.values()) if (dialler.peerId === peerId) dialler.linkLost(sinceMs)
  }

  #tick(): void {
    for (const link of this.#links.all()) link.tick()
  }
}
