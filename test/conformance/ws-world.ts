import { randomBytes, randomInt } from 'node:crypto'
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WsNetwork, type WsNetworkOptions } from '../../src/io/network/index.js'
import type { NetworkTiming } from '../../src/io/network/options.js'
import type { Hello } from '../../src/ports/network.js'
import { crc32c } from '../unit/crc32c.js'
import type { NetworkWorld } from './network-node.js'

/** Quick enough for a test, slow enough for a busy machine. */
export const QUICK: Partial<NetworkTiming> = {
  tickMs: 200,
  backoffLeastMs: 10,
  backoffMostMs: 200,
  stableMs: 400,
  handshakeMs: 3_000,
  closeMs: 300,
}

export const SECRET = Buffer.from('a secret that all of these tests share')

export const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

export function wsOptions(more: Partial<WsNetworkOptions> = {}): WsNetworkOptions {
  return {
    host: '127.0.0.1',
    port: 0,
    secrets: [SECRET],
    checksum: crc32c,
    clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
    random: { below: (bound) => randomInt(bound), bytes: (length) => randomBytes(length) },
    log: silentLog,
    timing: QUICK,
    ...more,
  }
}

export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const patienceMs = 30_000
  const since = performance.now()
  while (!condition()) {
    if (performance.now() - since > patienceMs) throw new Error(`never: ${what}`)
    await sleep(5)
  }
}

/** A TCP relay that can break its connections, or hold every byte back without breaking any. */
export class Relay {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #frozen = false

  /** `target` is where to connect on, or `undefined` when nobody is there any more. */
  constructor(target: () => { host: string; port: number } | undefined) {
    this.#server = createServer((near) => {
      const to = target()
      if (to === undefined) {
        near.destroy()
        return
      }
      const far = connectTcp(to)
      const pair = [near, far] as const
      this.#pairs.add(pair)
      for (const [from, to] of [pair, [far, near]] as const) {
        from.on('error', () => {})
        from.on('data', (bytes) => {
          if (!to.write(bytes)) from.pause()
        })
        from.on('drain', () => {
          if (!this.#frozen) to.resume()
        })
        from.on('close', () => {
          this.#pairs.delete(pair)
          if (!this.#frozen) to.destroy()
        })
        if (this.#frozen) from.pause()
      }
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return `127.0.0.1:${address.port}`
  }

  break(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
  }

  freeze(): void {
    this.#frozen = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  thaw(): void {
    this.#frozen = false
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  close(): void {
    this.#server.close()
    this.#frozen = false
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }
}

/** Real networks on the loopback interface, each dialling each through a relay of its own. */
export class WsWorld implements NetworkWorld {
  readonly networks = new Map<string, WsNetwork>()
  readonly #relays = new Map<string, { relay: Relay; address: string }>()
  readonly #abandoned: Relay[] = []
  readonly #all: WsNetwork[] = []
  readonly #options: Partial<WsNetworkOptions>

  constructor(options: Partial<WsNetworkOptions> = {}) {
    this.#options = options
  }

  network(hello: Hello): WsNetwork {
    const network = new WsNetwork(wsOptions(this.#options))
    this.networks.set(hello.nodeId, network)
    this.#all.push(network)
    this.#forget(hello.nodeId)
    return network
  }

  async address(from: string, to: string): Promise<string> {
    const key = `${from} ${to}`
    const known = this.#relays.get(key)
    if (known !== undefined) return known.address
    const network = this.networks.get(to)!
    const relay = new Relay(() => {
      if (network.address === '') return undefined
      const [host, port] = network.address.split(':')
      return { host: host!, port: Number(port) }
    })
    const address = await relay.listen()
    this.#relays.set(key, { relay, address })
    return address
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return eventually(condition, what)
  }

  async settle(): Promise<void> {
    await sleep(300)
  }

  break(a: string, b: string): void {
    for (const relay of this.#between(a, b)) relay.break()
  }

  freeze(a: string, b: string): void {
    for (const relay of this.#between(a, b)) relay.freeze()
  }

  thaw(a: string, b: string): void {
    for (const relay of this.#between(a, b)) relay.thaw()
  }

  crash(id: string): void {
    for (const [key, { relay }] of this.#relays) if (key.includes(id)) relay.freeze()
    this.networks.get(id)?.stop(() => {})
    this.#forget(id)
  }

  async close(): Promise<void> {
    const stopped = this.#all.map((network) => new Promise<void>((resolve) => network.stop(resolve)))
    for (const { relay } of this.#relays.values()) relay.close()
    for (const relay of this.#abandoned) relay.close()
    await Promise.all(stopped)
  }

  #forget(id: string): void {
    for (const [key, { relay }] of this.#relays) {
      if (!key.includes(id)) continue
      this.#abandoned.push(relay)
      this.#relays.delete(key)
    }
  }

  *#between(a: string, b: string): Iterable<Relay> {
    for (const key of [`${a} ${b}`, `${b} ${a}`]) {
      const found = this.#relays.get(key)
      if (found !== undefined) yield found.relay
    }
  }
}
