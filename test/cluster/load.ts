/** Load on a cluster of real processes whose members or partitions change meanwhile. */
import type { ExecutionContext } from 'ava'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Cluster {
  readonly transfers: number
  readonly members: readonly { readonly name: string; readonly status: string; readonly liveness: string }[]
}

/** Keys that are written once, before anything changes. */
export const KEYS = 150
const MOVED_MS = 60_000

/** Writes and reads one key after the other through these nodes until it is stopped; what failed, and what was acknowledged last of each key. */
export class Load {
  readonly failures: string[] = []
  readonly acknowledged = new Map<string, string>()
  requests = 0
  #stopped = false
  readonly #running: Promise<unknown>

  constructor(nodes: () => readonly TestNode[], clients: number) {
    this.#running = Promise.all(Array.from({ length: clients }, (_, client) => this.#client(nodes, client)))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #client(nodes: () => readonly TestNode[], client: number): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      const all = nodes()
      const node = all[(client + turn) % all.length]!
      const key = `c${client}-${turn % 40}`
      await this.#one(node, key, `${turn}`)
    }
  }

  async #one(node: TestNode, key: string, value: string): Promise<void> {
    const before = this.acknowledged.get(key)
    this.requests += 2
    const read = await http('GET', kv(node.url, 'load', key))
    const shown = read.status === 404 ? undefined : read.body.toString()
    if (read.status !== 404 && read.status !== 200) this.#fail(`GET ${key}`, node, read)
    else if (shown !== before) this.failures.push(`${key} at ${node.setup.name}: ${shown}, not ${before}`)
    const context = read.headers['rotunda-context']
    const headers = typeof context === 'string' ? { 'Rotunda-Context': context } : {}
    const put = await http('PUT', kv(node.url, 'load', key), { body: value, headers })
    if (put.status === 204) this.acknowledged.set(key, value)
    else this.#fail(`PUT ${key}`, node, put)
  }

  #fail(what: string, node: TestNode, { status, body }: { status: number; body: Buffer }): void {
    this.failures.push(`${what} at ${node.setup.name}: ${status} ${body.toString()}`)
  }
}

export async function putMany(node: TestNode): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const { status } = await http('PUT', kv(node.url, 'b', `k${i}`), { body: `v${i}` })
    if (status !== 204) throw new Error(`put k${i}: ${status}`)
  }
}

/** Everybody sees these members, and no partition on its way. */
export async function settled(nodes: readonly TestNode[], names: readonly string[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.untilReady(MOVED_MS)))
  for (const node of nodes)
    await until(
      `${node.setup.name} sees ${names.join(', ')} and nothing moving`,
      async () => {
        const { transfers, members } = await node.json<Cluster>('/v1/cluster')
        const present = members.filter(({ status }) => status !== 'removed')
        const isMember = present.every(({ status }) => status === 'member')
        const seen = present.map(({ name }) => name).sort()
        return transfers === 0 && isMember && seen.join() === names.join()
      },
      MOVED_MS,
    )
}

/** Nothing failed, and everything that was acknowledged is there. */
export async function readsBack(t: ExecutionContext, nodes: readonly TestNode[], load: Load): Promise<void> {
  t.deepEqual(load.failures, [], 'no request failed, and none went back in time')
  t.true(load.requests > 100)
  for (const node of nodes)
    for (let i = 0; i < KEYS; i++)
      t.is((await http('GET', kv(node.url, 'b', `k${i}`))).body.toString(), `v${i}`)
  for (const [key, value] of load.acknowledged)
    t.is((await http('GET', kv(nodes[0]!.url, 'load', key))).body.toString(), value, key)
}
