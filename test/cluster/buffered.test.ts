/** Durability `buffered`: rows are acknowledged from memory, and one copy of each is on a disk. */
import { Agent } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

const BUFFERED = ['--durability', 'buffered']

interface Cluster {
  readonly members: readonly { readonly incomplete: boolean }[]
}

interface Load {
  /** That were acknowledged. */
  readonly keys: readonly string[]
  end(): Promise<void>
  /** Which of the keys some node does not show as they were written. */
  missing(): Promise<string[]>
}

/** Puts with some clients through all nodes, until `end` or the end of the test. */
function load(t: ExecutionContext, { nodes }: TestCluster): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  t.teardown(() => agent.destroy())
  const keys: string[] = []
  let writing = true
  const clients = Array.from({ length: 12 }, async (_, client) => {
    for (let count = 0; writing; count++) {
      const key = `${client}-${count}`
      const url = kv(nodes[client % nodes.length]!.url, 'buffered', key)
      const status = await http('PUT', url, { body: `value of ${key}`, agent }).then(
        (reply) => reply.status,
        () => 0,
      )
      if (status === 204) keys.push(key)
    }
  })
  const end = async (): Promise<void> => {
    writing = false
    await Promise.all(clients)
  }
  t.teardown(end)
  return { keys, end, missing: () => notShown(nodes, keys, agent) }
}

/** Which of these keys some node does not show as they were written. */
async function notShown(
  nodes: readonly TestNode[],
  keys: readonly string[],
  agent: Agent,
): Promise<string[]> {
  const gone: string[] = []
  for (const [index, key] of keys.entries()) {
    const { status, body } = await http('GET', kv(nodes[index % nodes.length]!.url, 'buffered', key), {
      agent,
    })
    if (status !== 200 || body.toString() !== `value of ${key}`) gone.push(`${key}: ${status}`)
  }
  return gone
}

const isWhole = async (node: TestNode): Promise<boolean> =>
  (await node.json<Cluster>('/v1/cluster')).members.every(({ incomplete }) => !incomplete)

test.serial(
  'buffered: any one node is killed under load, one after the other; nothing acknowledged is lost',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: BUFFERED })
    const { keys, end, missing } = load(t, cluster)
    const begunMs = performance.now()
    await until('some hundred writes are acknowledged', () => keys.length > 500)
    t.log(`${Math.round((keys.length * 1000) / (performance.now() - begunMs))} puts a second`)
    for (const node of cluster.nodes) {
      const before = keys.length
      await node.kill()
      await until('writes go on without it', () => keys.length > before + 50)
      node.launch()
      await cluster.untilWhole()
      t.true(
        node.lines.some((line) => line.includes('storage-lost-rows')),
        'it knows that it has lost rows',
      )
      await until('it is filled again', () => isWhole(node))
    }
    await end()
    t.deepEqual(await missing(), [])
  },
)

test.serial(
  'buffered: all nodes are killed at once; what was acknowledged is on one disk each, and found',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: BUFFERED })
    const { keys, end, missing } = load(t, cluster)
    await until('some hundred writes are acknowledged', () => keys.length > 300)
    await Promise.all(cluster.nodes.map((node) => node.kill()))
    await end()
    for (const node of cluster.nodes) node.launch()
    await cluster.untilWhole()
    await until('all have asked each other', async () =>
      (await Promise.all(cluster.nodes.map(isWhole))).every(Boolean),
    )
    t.deepEqual(await missing(), [])
  },
)

test.serial('buffered: a node that is stopped has everything on its disk, also a single one', async (t) => {
  const cluster = await TestCluster.start(t, { nodes: 1, flags: BUFFERED })
  const node = cluster.nodes[0]!
  const { keys, end, missing } = load(t, cluster)
  await until('some hundred writes are acknowledged', () => keys.length > 300)
  t.deepEqual(await node.stop(), { code: 0, signal: null })
  await end()
  node.launch()
  await node.untilReady()
  t.false(node.lines.some((line) => line.includes('storage-lost-rows')))
  t.deepEqual(await missing(), [])
})

test.serial('each node has its own mode: one in memory, one synced, one in between', async (t) => {
  const cluster = await TestCluster.prepare(t)
  const modes = ['buffered', 'fsync', 'os']
  for (const [index, node] of cluster.nodes.entries()) node.launch('--durability', modes[index]!)
  await cluster.untilWhole()
  const { keys, end, missing } = load(t, cluster)
  await until('some hundred writes are acknowledged', () => keys.length > 300)
  await cluster.nodes[0]!.kill()
  await end()
  cluster.nodes[0]!.launch('--durability', 'buffered')
  await cluster.untilWhole()
  await until('it is filled again', () => isWhole(cluster.nodes[0]!))
  t.deepEqual(await missing(), [])
})
