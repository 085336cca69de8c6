import test from 'ava'
import type { Hello, Network } from '../../src/ports/network.js'
import { Fabric } from '../sim/fabric.js'
import { SimNetwork } from '../sim/network.js'
import { Prng } from '../sim/prng.js'
import { SimProcess } from '../sim/process.js'
import { Timeline } from '../sim/timeline.js'
import { Trace } from '../sim/trace.js'
import type { NetworkWorld } from './network-node.js'
import { networkSuite } from './network-suite.js'

/** Virtual time in which a condition must come true. */
const PATIENCE_MS = 120_000
const SOON_MS = 2_000

/** Simulated hosts, one for each node id; the suite's promises are let in between two stretches of virtual time. */
class SimWorld implements NetworkWorld {
  readonly #timeline: Timeline
  readonly #fabric: Fabric
  readonly #networks = new Map<string, SimNetwork>()

  constructor(seed: string) {
    const prng = new Prng(seed)
    this.#timeline = new Timeline(prng.split('timeline'), new Trace(false))
    const manners = { minMs: 0.1, meanMs: 0.5, dropChance: 0, repeatChance: 0, overtakeChance: 0 }
    const windows = { dataWindowBytes: 16 * 1024 * 1024, controlWindowBytes: 4 * 1024 * 1024 }
    this.#fabric = new Fabric(this.#timeline, prng.split('network'), {
      manners,
      patienceMs: 20_000,
      ...windows,
    })
  }

  network(hello: Hello): Network {
    const fail = (reason: unknown): void => {
      throw reason instanceof Error ? reason : new Error(String(reason))
    }
    const process = new SimProcess(hello.name, this.#timeline, { uncaught: fail, crashed: fail })
    const network = new SimNetwork(process, this.#fabric, addressOf(hello.nodeId))
    this.#networks.set(hello.nodeId, network)
    this.#flow()
    return network
  }

  address(_from: string, to: string): Promise<string> {
    return Promise.resolve(addressOf(to))
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const endMs = this.#timeline.nowMs + PATIENCE_MS
    while (!condition()) {
      if (this.#timeline.nowMs >= endMs) throw new Error(`never: ${what}`)
      this.#timeline.runUntil(this.#timeline.nowMs + 5, condition)
      await turn()
    }
  }

  async settle(): Promise<void> {
    this.#timeline.runUntil(this.#timeline.nowMs + SOON_MS)
    await turn()
  }

  break(a: string, b: string): void {
    this.#fabric.reset(addressOf(a), addressOf(b), 'connection reset')
  }

  freeze(a: string, b: string): void {
    this.#freeze(a, b, true)
  }

  thaw(a: string, b: string): void {
    this.#freeze(a, b, false)
  }

  crash(id: string): void {
    const network = this.#networks.get(id)
    if (network === undefined) throw new Error(`nobody is ${id}`)
    network.process.kill()
    this.#fabric.processGone(network, true)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  #closed = false
  #flowing = false

  /** Calls that wait for one completion (start, stop) do not pump; so time also flows by itself, a little in every turn. */
  #flow(): void {
    if (this.#flowing) return
    this.#flowing = true
    const flow = (): void => {
      if (this.#closed) return
      this.#timeline.runUntil(this.#timeline.nowMs + 0.05)
      setImmediate(flow)
    }
    setImmediate(flow)
  }

  #freeze(a: string, b: string, cut: boolean): void {
    this.#fabric.setCut(addressOf(a), addressOf(b), cut)
    this.#fabric.setCut(addressOf(b), addressOf(a), cut)
  }
}

function addressOf(id: string): string {
  return `host-${id}:7500`
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

let worlds = 0
networkSuite(test, 'sim', () => {
  worlds += 1
  return Promise.resolve(new SimWorld(`network conformance ${worlds}`))
})
