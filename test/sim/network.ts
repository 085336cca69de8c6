/** The network port of one simulated process. */
import { limits } from '../../src/limits.js'
import type { Channel, Hello, Network, NetworkSink, SendResult } from '../../src/ports/network.js'
import type { Connection } from './connection.js'
import { Dial, type DialOutcome } from './dial.js'
import type { Fabric } from './fabric.js'
import type { SimProcess } from './process.js'

interface Target {
  readonly address: string
  /** The peer that must answer; undefined for a seed. */
  readonly id: string | undefined
  dial: Dial | undefined
  failures: number
  wanted: boolean
  /** The peer that a seed turned out to be, while it is up. */
  reachedId: string | undefined
}

const BACKOFF_LEAST_MS = 50
const BACKOFF_MOST_MS = 3_000

export class SimNetwork implements Network {
  readonly process: SimProcess
  readonly fabric: Fabric
  readonly address: string
  readonly #connections = new Map<string, Connection>()
  readonly #peers = new Map<string, Target>()
  /** Peers of whose end the node is still to be told, and why. */
  readonly #dropped = new Map<string, string>()
  readonly #seeds = new Map<string, Target>()
  #hello: (() => Hello) | undefined
  #sink: NetworkSink | undefined
  #stopped = false

  constructor(process: SimProcess, fabric: Fabric, address: string) {
    this.process = process
    this.fabric = fabric
    this.address = address
  }

  get sink(): NetworkSink {
    if (this.#sink === undefined) throw new Error('the network was not started')
    return this.#sink
  }

  get isStopped(): boolean {
    return this.#stopped
  }

  hello(): Hello {
    if (this.#hello === undefined) throw new Error('the network was not started')
    return this.#hello()
  }

  start(hello: () => Hello, sink: NetworkSink, done: (error?: string) => void): void {
    this.#hello = hello
    this.#sink = sink
    this.#later(0.5, 'listen', () => {
      if (this.fabric.listen(this)) done()
      else done(`another process listens on ${this.address}`)
    })
  }

  setPeers(peers: readonly { readonly id: string; readonly address: string }[]): void {
    const named = new Map(peers.map((peer) => [peer.id, peer]))
    for (const [id, target] of this.#peers) {
      if (named.get(id)?.address === target.address) continue
      this.#release(this.#peers, id)
      if (!named.has(id)) this.drop(id, 'no longer a peer')
    }
    for (const { id, address } of peers) {
      if (!this.#peers.has(id)) this.#want(this.#peers, id, address, id)
    }
  }

  dial(address: string): void {
    if (this.#seeds.has(address)) return
    this.#want(this.#seeds, address, address, undefined)
  }

  undial(address: string): void {
    this.#release(this.#seeds, address)
  }

  drop(peerId: string, reason: string): void {
    const connection = this.#connections.get(peerId)
    if (connection === undefined) return
    const end = connection.endOf(this)
    const wasUp = end.up
    this.fabric.closeFrom(connection, end, reason)
    this.#connections.delete(peerId)
    this.#redial(peerId)
    if (!wasUp) return
    this.#dropped.set(peerId, reason)
    this.#later(0.01, 'dropped', () => this.#tellDropped(peerId))
  }

  /** Before anything is told of the next connection with it. */
  #tellDropped(peerId: string): void {
    const reason = this.#dropped.get(peerId)
    if (this.#dropped.delete(peerId)) this.#sink?.peerDown(peerId, reason!)
  }

  send(peerId: string, channel: Channel, parts: readonly Uint8Array[], inOrder = false): SendResult {
    const connection = this.#connections.get(peerId)
    const end = connection?.endOf(this)
    if (connection === undefined || end === undefined || !end.up) return 'down'
    const frame = Buffer.concat(parts)
    this.#bounded(channel, frame.length)
    const pipe = connection.pipeFrom(end, channel)
    const { dataWindowBytes, controlWindowBytes } = this.fabric.sizes
    const windowBytes = channel === 'data' ? dataWindowBytes : controlWindowBytes
    // The real window is never smaller than the largest frame; here it may be, and then takes it when it is empty.
    if (pipe.unreadBytes > 0 && pipe.unreadBytes + frame.length > windowBytes) return 'full'
    pipe.send(frame, inOrder)
    return 'sent'
  }

  isUp(peerId: string): boolean {
    return this.#connections.get(peerId)?.endOf(this).up === true
  }

  stop(done: () => void): void {
    this.#stopped = true
    for (const id of [...this.#peers.keys()]) this.#release(this.#peers, id)
    for (const address of [...this.#seeds.keys()]) this.#release(this.#seeds, address)
    this.fabric.processGone(this, false)
    this.#connections.clear()
    this.#later(0.5, 'stop', done)
  }

  /** The connection belongs to this side from now on; one that was known to be broken, or that leads to an older process, is over. */
  adopt(connection: Connection): void {
    const end = connection.endOf(this)
    const older = this.#connections.get(end.peerId)
    this.#connections.set(end.peerId, connection)
    if (older === undefined) return
    const olderEnd = older.endOf(this)
    const wasUp = olderEnd.up
    if (!older.isBroken) this.fabric.closeFrom(older, olderEnd, 'replaced by a newer connection')
    olderEnd.up = false
    if (wasUp)
      this.process.enter('replaced', () => this.sink.peerDown(end.peerId, 'replaced by a newer connection'))
  }

  /** Proven at this side: the node is told. */
  raise(connection: Connection): void {
    const end = connection.endOf(this)
    if (!this.isConnected(connection) || this.#stopped) return
    this.#tellDropped(end.peerId)
    end.up = true
    this.sink.peerUp(end.peerId, end.peerHello)
  }

  /** This side learns that the connection is gone. */
  lose(connection: Connection, reason: string): void {
    const end = connection.endOf(this)
    if (!this.isConnected(connection)) return
    this.#connections.delete(end.peerId)
    const wasUp = end.up
    end.up = false
    this.#redial(end.peerId)
    if (wasUp && !this.#stopped) this.sink.peerDown(end.peerId, reason)
  }

  isConnected(connection: Connection): boolean {
    return this.#connections.get(connection.endOf(this).peerId) === connection
  }

  #bounded(channel: Channel, bytes: number): void {
    const most = channel === 'data' ? limits.peerDataFrameBytes : limits.peerControlFrameBytes
    if (bytes === 0 || bytes > most) throw new RangeError(`a ${channel} frame of ${bytes} bytes`)
  }

  #want(targets: Map<string, Target>, key: string, address: string, id: string | undefined): void {
    const target: Target = { address, id, dial: undefined, failures: 0, wanted: true, reachedId: undefined }
    targets.set(key, target)
    this.#try(target, this.fabric.prng.between(0, 5))
  }

  #release(targets: Map<string, Target>, key: string): void {
    const target = targets.get(key)
    if (target === undefined) return
    targets.delete(key)
    target.wanted = false
    target.dial?.cancel()
  }

  /** The peer is no longer connected: whoever led to it dials again. */
  #redial(peerId: string): void {
    for (const seed of this.#seeds.values()) {
      if (seed.reachedId !== peerId) continue
      seed.reachedId = undefined
      this.#try(seed, this.#backoffMs(seed))
    }
    const target = this.#peers.get(peerId)
    if (target !== undefined && target.dial === undefined) this.#try(target, this.#backoffMs(target))
  }

  #try(target: Target, delayMs: number): void {
    this.#later(delayMs, 'dial', () => {
      if (!target.wanted || target.dial !== undefined || target.reachedId !== undefined || this.#stopped)
        return
      if (target.id !== undefined && this.#connections.has(target.id)) return
      target.dial = new Dial(this, target.address, target.id, (outcome) => this.#dialled(target, outcome))
      target.dial.begin()
    })
  }

  #dialled(target: Target, outcome: DialOutcome): void {
    target.dial = undefined
    if (!target.wanted || this.#stopped) return
    if (outcome.status === 'failed') {
      this.#try(target, this.#backoffMs(target))
      if (target.id === undefined) this.sink.dialFailed(target.address, outcome.reason)
    } else if (!this.isUp(outcome.peerId)) this.#try(target, this.#backoffMs(target))
    else {
      target.failures = 0
      if (target.id !== undefined) return
      target.reachedId = outcome.peerId
      this.sink.dialReached?.(target.address, outcome.peerId)
    }
  }

  #backoffMs(target: Target): number {
    target.failures += 1
    const most = Math.min(BACKOFF_MOST_MS, BACKOFF_LEAST_MS * 2 ** Math.min(target.failures, 10))
    return this.fabric.prng.between(BACKOFF_LEAST_MS / 2, most)
  }

  #later(delayMs: number, kind: string, run: () => void): void {
    const label = `${this.address} ${kind}`
    this.fabric.timeline.after(delayMs, label, () => this.process.enter(label, run))
  }
}
