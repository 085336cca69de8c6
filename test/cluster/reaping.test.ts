/** Three real nodes on RocksDB: what is deleted leaves no tombstone behind, unless somebody is away who may hold the value. */
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { rotunda } from './run.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

const BUCKET = 'graves'
const KEYS = Array.from({ length: 20 }, (_, index) => `key-${index}`)
/** A tombstone is left alone for fifteen seconds, and a round begins every five or so. */
const REAPED_MS = 60_000
const LONG_ENOUGH_MS = 25_000

interface Cluster {
  readonly tombstones: number
  readonly reapingStoppedBy: readonly { readonly name: string; readonly reason: string }[]
}

const clusterOf = (node: TestNode) => node.json<Cluster>('/v1/cluster')

async function putAndDelete(node: TestNode): Promise<void> {
  for (const key of KEYS) {
    const put = await http('PUT', kv(node.url, BUCKET, key), { body: `value of ${key}` })
    if (put.status !== 204) throw new Error(`PUT ${key}: ${put.status}`)
    const { status } = await http('DELETE', kv(node.url, BUCKET, key))
    if (status !== 204) throw new Error(`DELETE ${key}: ${status}`)
  }
}

/** No node counts a tombstone, and no node has a row of any of the keys. */
async function isReaped(nodes: readonly TestNode[]): Promise<boolean> {
  for (const node of nodes) if ((await node.metric('tombstones')) > 0) return false
  for (const key of KEYS) {
    const { replicas } = await nodes[0]!.json<{ replicas: { tombstones?: unknown[]; clock?: unknown[] }[] }>(
      `/v1/explain/${BUCKET}/${key}`,
    )
    if (replicas.some(({ tombstones, clock }) => (tombstones ?? []).length > 0 || (clock ?? []).length > 0))
      return false
  }
  return true
}

test.serial(
  'tombstones go when all members are there, and stay while one is away, who is named',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
    const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
    await putAndDelete(n1)
    t.true((await clusterOf(n1)).tombstones > 0)
    await until('all tombstones are gone', () => isReaped(cluster.nodes), REAPED_MS)
    const counts = await Promise.all(cluster.nodes.map((node) => node.metric('tombstones_reaped_total')))
    t.is(
      counts.reduce((sum, count) => sum + count, 0),
      KEYS.length,
    )
    t.deepEqual((await clusterOf(n1)).reapingStoppedBy, [])

    await n3.kill()
    await putAndDelete(n2)
    const { tombstones } = await clusterOf(n1)
    t.is(tombstones, KEYS.length)
    await new Promise((resolve) => setTimeout(resolve, LONG_ENOUGH_MS))
    t.is((await clusterOf(n1)).tombstones, KEYS.length)
    const { reapingStoppedBy } = await clusterOf(n2)
    t.deepEqual(
      reapingStoppedBy.map(({ name, reason }) => [name, reason]),
      [['n3', 'away']],
    )
    const status = await rotunda(['status', '--url', n1.url])
    t.regex(status.stdout.toString(), /^20 tombstones stay until they answer: n3 \(away\)$/m)

    n3.launch()
    await cluster.untilWhole()
    await until('all tombstones are gone', () => isReaped(cluster.nodes), REAPED_MS)

    // A key that is made anew is there to stay.
    const url = kv(n3.url, BUCKET, KEYS[0]!)
    t.is((await http('PUT', url, { body: 'again' })).status, 204)
    t.is((await http('GET', kv(n1.url, BUCKET, KEYS[0]!))).body.toString(), 'again')
  },
)
