/** Looks at every node's metrics now and then: the most memory, and counters that go on over restarts. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosCluster } from './chaos-cluster.js'
import type { ChaosNode } from './chaos-node.js'

const EVERY_MS = 1_000
const SUMMED = [
  'exchange_bytes_sent_total',
  'exchange_keys_repaired_total',
  'storage_fences_total',
  'storage_tables_mended_total',
  'bugs_total',
] as const
export type Counter = (typeof SUMMED)[number]

export class Meter {
  /** Bytes, by node. */
  readonly peakRss = new Map<string, number>()
  readonly #cluster: ChaosCluster
  readonly #last = new Map<string, number>()
  readonly #sums = new Map<Counter, number>()

  constructor(cluster: ChaosCluster) {
    this.#cluster = cluster
  }

  /** The sum over all nodes, as far as it was seen before their processes ended. */
  sum(counter: Counter): number {
    return this.#sums.get(counter) ?? 0
  }

  async watch(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.look()
      await sleep(EVERY_MS, undefined, { signal: stop }).catch(() => {})
    }
  }

  async look(): Promise<void> {
    await Promise.all(this.#cluster.nodes.map((node) => this.#lookAt(node)))
  }

  async #lookAt({ name, process }: ChaosNode): Promise<void> {
    const reply = await process.request('GET', '/metrics', { timeoutMs: 3_000 }).catch(() => undefined)
    if (reply?.status !== 200) return
    const values = new Map<string, number>()
    for (const line of reply.body.toString().split('\n')) {
      const space = line.lastIndexOf(' ')
      const metric = /^[a-z_]+/.exec(line)?.[0].replace(/^rotunda_/, '')
      if (metric !== undefined) values.set(metric, (values.get(metric) ?? 0) + Number(line.slice(space)))
    }
    const rss = values.get('process_resident_memory_bytes') ?? 0
    this.peakRss.set(name, Math.max(this.peakRss.get(name) ?? 0, rss))
    for (const counter of SUMMED) this.#count(name, counter, values.get(counter) ?? 0)
  }

  /** A counter that fell began anew with another process. */
  #count(name: string, counter: Counter, value: number): void {
    const last = this.#last.get(`${name} ${counter}`) ?? 0
    this.#last.set(`${name} ${counter}`, value)
    this.#sums.set(counter, this.sum(counter) + (value < last ? value : value - last))
  }
}
