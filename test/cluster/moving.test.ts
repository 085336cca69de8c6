/** Members that join and leave a cluster of real processes that holds data, while clients write and read. */
import test, { type ExecutionContext } from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { rotunda } from './run.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Cluster {
  readonly transfers: number
  readonly members: readonly { readonly name: string; readonly status: string; readonly liveness: string }[]
}

interface Ring {
  readonly members: readonly { readonly name: string }[]
  readonly partitions: readonly (readonly number[])[]
}

const KEYS = 150
const MOVED_MS = 60_000

/** Writes and reads one key after the other through these nodes until it is stopped; what failed, and what was acknowledged last of each key. */
class Load {
  readonly failures: string[] = []
  readonly acknowledged = new Map<string, string>()
  requests = 0
  #stopped = false
  #running: Promise<unknown>

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

async function putMany(node: TestNode): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const { status } = await http('PUT', kv(node.url, 'b', `k${i}`), { body: `v${i}` })
    if (status !== 204) throw new Error(`put k${i}: ${status}`)
  }
}

async function settled(nodes: readonly TestNode[], names: readonly string[]): Promise<void> {
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

async function readsBack(t: ExecutionContext, nodes: readonly TestNode[], load: Load): Promise<void> {
  t.deepEqual(load.failures, [], 'no request failed, and none went back in time')
  t.true(load.requests > 100)
  for (const node of nodes)
    for (let i = 0; i < KEYS; i++)
      t.is((await http('GET', kv(node.url, 'b', `k${i}`))).body.toString(), `v${i}`)
  for (const [key, value] of load.acknowledged)
    t.is((await http('GET', kv(nodes[0]!.url, 'load', key))).body.toString(), value, key)
}

test.serial(
  'under load a fourth node joins, and an old one leaves and stops: nothing fails, nothing is missed',
  async (t) => {
    t.timeout(300_000, 'machines under test may be slow')
    const cluster = await TestCluster.prepare(t, { nodes: 4 })
    const [n1, n2, n3, n4] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
    for (const node of [n1, n2, n3]) node.launch()
    await settled([n1, n2, n3], ['n1', 'n2', 'n3'])
    await putMany(n1)
    let asked: readonly TestNode[] = [n1, n2, n3]
    const load = new Load(() => asked, 4)
    n4.launch()
    await n4.untilReady()
    await settled([n1, n2, n3, n4], ['n1', 'n2', 'n3', 'n4'])
    const { members, partitions } = await n4.json<Ring>('/v1/cluster/ring')
    const index = members.findIndex(({ name }) => name === 'n4')
    t.is(partitions.filter((owners) => owners.includes(index)).length, 192, 'its share of 256 × 3 copies')
    asked = [n1, n3, n4]
    const { code, stdout } = await rotunda(['leave', 'n2', '--url', n1.url])
    t.is(code, 0)
    t.regex(stdout.toString(), /n2 is leaving/)
    t.is((await n2.ended()).code, 0, 'it stops by itself')
    await settled([n1, n3, n4], ['n1', 'n3', 'n4'])
    await load.stop()
    await readsBack(t, [n1, n3, n4], load)
    n2.launch()
    t.is((await n2.ended()).code, 0, 'started again it says that it has left')
    t.regex(n2.lines.join('\n'), /has left the cluster/)
  },
)

test.serial('a dead member is removed, and its partitions are held by all of the others again', async (t) => {
  t.timeout(300_000, 'machines under test may be slow')
  const cluster = await TestCluster.start(t, { nodes: 4 })
  const [n1, n2, n3, n4] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
  await putMany(n1)
  const alive = await rotunda(['remove', 'n4', '--url', n1.url])
  t.is(alive.code, 2)
  t.regex(alive.stderr, /n4 is alive/)
  await n4.kill()
  await until('n1 hears n4 no more', async () =>
    (await n1.json<Cluster>('/v1/cluster')).members.some(
      ({ name, liveness }) => name === 'n4' && liveness === 'down',
    ),
  )
  t.is((await rotunda(['remove', 'n4', '--url', n1.url])).code, 0)
  await settled([n1, n2, n3], ['n1', 'n2', 'n3'])
  for (let i = 0; i < KEYS; i++)
    t.is((await http('GET', `${kv(n2.url, 'b', `k${i}`)}?r=all`)).body.toString(), `v${i}`)
  n4.launch()
  t.is((await n4.ended()).code, 1, 'it does not come back')
  t.regex(n4.lines.join('\n'), /was removed from the cluster/)
})
