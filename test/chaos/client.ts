/** One client: works on the keys of all workloads through any node, one request after the other, and believes only what it is told. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Prng } from '../sim/prng.js'
import { Asker, type Held, type Write, type Writes } from './asker.js'
import type { ChaosCluster } from './chaos-cluster.js'
import type { ChaosNode } from './chaos-node.js'
import type { History } from './history.js'
import { type Keys, SLOTS, type Slot } from './keys.js'

const THINK_MS = 40
const TIMEOUTS_MS = [400, 1_500, 4_000]
/** A key with more siblings than this is merged by whoever reads it next. */
const MANY_SIBLINGS = 12
const ATTEMPTS = 3
const HELD_CONTEXTS = 4

export interface Surroundings {
  readonly cluster: ChaosCluster
  readonly history: History
  readonly writes: Writes
  readonly keys: Keys
}

export class Client {
  readonly #around: Surroundings
  readonly #prng: Prng
  readonly #asker: Asker
  readonly #home: ChaosNode
  readonly #held = new Map<string, Held[]>()

  constructor(name: string, around: Surroundings, prng: Prng) {
    this.#around = around
    this.#prng = prng
    this.#asker = new Asker(name, around.history, around.writes)
    this.#home = prng.pick(around.cluster.nodes)
  }

  /** Works until it is told to stop, and resolves when its last request has ended. */
  async work(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#act(stop)
      await sleep(this.#prng.exponential(THINK_MS))
    }
    this.#asker.end()
  }

  async #act(stop: AbortSignal): Promise<void> {
    const slot = this.#prng.pick(SLOTS)
    const key = this.#around.keys.current(slot)
    if (this.#prng.chance(0.1)) return void (await this.#read(key))
    switch (slot.workload) {
      case 'register':
      case 'large':
        return this.#change(slot, key, stop)
      case 'union':
        return this.#change(slot, key, stop, ATTEMPTS)
      case 'blind':
        return this.#put(slot, key, undefined, stop)
      case 'recreate':
        return this.#recreate(slot, key, stop)
      case 'stale':
        if (this.#prng.chance(0.5)) return void (await this.#read(key))
        return this.#put(slot, key, this.#anyContext(key), stop)
      case 'many':
        if (this.#prng.chance(0.05)) return void (await this.#list())
        return this.#put(slot, key, undefined, stop)
      default:
        slot.workload satisfies never
    }
  }

  async #read(key: string): Promise<number> {
    const { n } = this.#around.cluster
    const r = this.#prng.chance(0.8) ? quorum(n) : this.#prng.whole(1, n)
    const { held, versions } = await this.#asker.read(this.#node(), key, r, this.#timeout())
    if (held !== undefined) this.#hold(key, held)
    return versions
  }

  /** Read, then write with what the read gave. */
  async #change(slot: Slot, key: string, stop: AbortSignal, attempts = 1): Promise<void> {
    const answer = await this.#asker.read(this.#node(), key, quorum(this.#around.cluster.n), this.#timeout())
    if (answer.type === 'ok') await this.#put(slot, key, answer.held, stop, attempts)
  }

  async #recreate(slot: Slot, key: string, stop: AbortSignal): Promise<void> {
    // A delete without a context weakens what can be asked of its key, so those keep to one slot.
    const sweeping = slot.number === 0 && this.#prng.chance(0.2)
    if (sweeping) return this.#write(slot, this.#make('delete', key, undefined, 0), stop, 1)
    await this.#read(key)
    const context = this.#anyContext(key)
    if (context === undefined || this.#prng.chance(0.5)) return this.#put(slot, key, context, stop)
    await this.#write(slot, this.#make('delete', key, context, 0), stop, ATTEMPTS)
  }

  async #put(
    slot: Slot,
    key: string,
    context: Held | undefined,
    stop: AbortSignal,
    attempts?: number,
  ): Promise<void> {
    if (slot.workload === 'blind' && this.#prng.chance(0.1)) {
      const read = await this.#asker.read(this.#node(), key, quorum(this.#around.cluster.n), this.#timeout())
      if (read.versions > MANY_SIBLINGS) context = read.held
    }
    const write = this.#make('put', key, context, this.#valueBytes(slot))
    await this.#write(slot, write, stop, attempts ?? (this.#prng.chance(0.3) ? ATTEMPTS : 1))
  }

  #make(kind: Write['kind'], key: string, context: Held | undefined, valueBytes: number): Omit<Write, 'id'> {
    const { n } = this.#around.cluster
    const w = this.#prng.chance(0.85) ? quorum(n) : this.#prng.whole(1, n)
    return { kind, key, valueBytes, context, w }
  }

  /** Retried, with the same operation name, while nobody knows whether it happened. */
  async #write(slot: Slot, asked: Omit<Write, 'id'>, stop: AbortSignal, attempts: number): Promise<void> {
    const { keys, writes } = this.#around
    keys.writing(slot, asked.key)
    const write = { ...asked, id: writes.next(asked.valueBytes) }
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const { type, held } = await this.#asker.write(this.#node(), write, attempt, this.#timeout())
      if (held !== undefined) this.#hold(asked.key, held)
      if (type !== 'info' || stop.aborted) return
      await sleep(this.#prng.exponential(4 * THINK_MS))
    }
  }

  async #list(): Promise<void> {
    await this.#asker.list(this.#node(), '', this.#prng.whole(20, 1_000), this.#timeout())
  }

  /** Its own, or any; one that just refused a connection only where all did. */
  #node(): ChaosNode {
    const node = this.#prng.chance(0.6) ? this.#home : this.#prng.pick(this.#around.cluster.nodes)
    if (!this.#asker.isAvoided(node)) return node
    const others = this.#around.cluster.nodes.filter((other) => !this.#asker.isAvoided(other))
    return others.length === 0 ? node : this.#prng.pick(others)
  }

  #timeout(): number {
    return this.#prng.pick(TIMEOUTS_MS)
  }

  #valueBytes({ workload }: Slot): number {
    if (workload === 'large') return this.#prng.whole(50_000, 1_048_576)
    return this.#prng.chance(0.1) ? this.#prng.whole(200, 5_000) : this.#prng.whole(12, 100)
  }

  #anyContext(key: string): Held | undefined {
    const held = this.#held.get(key)
    return held === undefined ? undefined : this.#prng.pick(held)
  }

  #hold(key: string, context: Held): void {
    const held = this.#held.get(key) ?? []
    held.push(context)
    if (held.length > HELD_CONTEXTS) held.shift()
    this.#held.set(key, held)
  }
}

export function quorum(n: number): number {
  return Math.floor(n / 2) + 1
}
