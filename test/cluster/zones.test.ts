/** Machines of different sizes in three zones, as real processes: who gets how much, and what is left when a whole zone goes. */
import { Agent } from 'node:http'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { settled } from './load.js'
import type { TestNode } from './test-node.js'

const Q = 64
const KEYS = 16_000
const CLIENTS = 24
const BUCKET = 'zones'
const REPEATED = 300

/** Sixteen parts in all, but nobody holds a partition twice: the two largest hold all of them, the others share the third copy by their weights. */
const MACHINES = [
  { weight: 1, zone: 'c', due: Q / 4 },
  { weight: 1, zone: 'c', due: Q / 4 },
  { weight: 2, zone: 'c', due: Q / 2 },
  { weight: 4, zone: 'b', due: Q },
  { weight: 8, zone: 'a', due: Q },
] as const

interface Ring {
  readonly members: readonly { readonly name: string }[]
  readonly partitions: readonly (readonly number[])[]
}

async function started(cluster: TestCluster): Promise<void> {
  for (const [index, { weight, zone }] of MACHINES.entries())
    cluster.nodes[index]!.launch('--weight', `${weight}`, '--zone', zone)
  await settled(
    cluster.nodes,
    cluster.nodes.map(({ setup }) => setup.name),
  )
}

/** Rows that each node has written so far. */
function written(nodes: readonly TestNode[]): Promise<number[]> {
  return Promise.all(nodes.map((node) => node.metric('storage_rows_written_total')))
}

/** The same for each of `count` keys through these nodes in turn; what did not answer as it should. */
async function forEach(
  nodes: readonly TestNode[],
  count: number,
  ask: (node: TestNode, key: string, agent: Agent) => Promise<string | undefined>,
): Promise<string[]> {
  const wrong: string[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const client = async (first: number): Promise<void> => {
    for (let i = first; i < count; i += CLIENTS) {
      const answer = await ask(nodes[i % nodes.length]!, `k${i}`, agent)
      if (answer !== undefined) wrong.push(answer)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, first) => client(first)))
  agent.destroy()
  return wrong
}

async function put(node: TestNode, key: string, agent: Agent): Promise<string | undefined> {
  const { status } = await http('PUT', kv(node.url, BUCKET, key), { body: `v ${key}`, agent })
  return status === 204 ? undefined : `PUT ${key} at ${node.setup.name}: ${status}`
}

async function get(node: TestNode, key: string, agent: Agent): Promise<string | undefined> {
  const { status, body } = await http('GET', kv(node.url, BUCKET, key), { agent })
  const isRight = status === 200 && body.toString() === `v ${key}`
  return isRight ? undefined : `GET ${key} at ${node.setup.name}: ${status} ${body}`
}

test.serial('weights 1, 1, 2, 4, 8 in three zones: each machine gets its due of the keys', async (t) => {
  t.timeout(300_000, 'machines under test may be slow')
  const cluster = await TestCluster.prepare(t, { nodes: 5, flags: ['--partitions', `${Q}`] })
  const { nodes } = cluster
  await started(cluster)
  const { members, partitions } = await nodes[0]!.json<Ring>('/v1/cluster/ring')
  const machineOf = members.map(({ name }) => Number(name.slice(1)) - 1)
  for (const owners of partitions) {
    const zones = owners.map((owner) => MACHINES[machineOf[owner]!]!.zone)
    t.is(new Set(zones).size, 3, 'every partition is in all three zones')
  }
  const before = await written(nodes)
  t.deepEqual(await forEach(nodes, KEYS, put), [])
  const rows = (await written(nodes)).map((count, node) => count - before[node]!)
  const shares = rows.map((count, node) => count / ((KEYS * MACHINES[node]!.due) / Q))
  t.log(`rows of each node, as a share of its due: ${shares.map((share) => share.toFixed(3)).join(', ')}`)
  for (const share of shares) t.true(Math.abs(share - 1) < 0.05, `${share} of its due`)
})

for (const lost of ['a', 'b', 'c'])
  test.serial(`without zone ${lost} every key can still be read and written`, async (t) => {
    t.timeout(300_000, 'machines under test may be slow')
    const cluster = await TestCluster.prepare(t, { nodes: 5, flags: ['--partitions', `${Q}`] })
    const { nodes } = cluster
    await started(cluster)
    t.deepEqual(await forEach(nodes, REPEATED, put), [])
    const isLost = (_: TestNode, index: number) => MACHINES[index]!.zone === lost
    await Promise.all(nodes.filter(isLost).map((node) => node.kill()))
    const left = nodes.filter((node, index) => !isLost(node, index))
    t.deepEqual(await forEach(left, REPEATED, get), [])
    t.deepEqual(await forEach(left, REPEATED, put), [])
  })
