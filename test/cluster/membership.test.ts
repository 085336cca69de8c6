/** Ways into a cluster, and ways not in, with real processes. */
import { cpSync, rmSync } from 'node:fs'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Cluster {
  readonly members: readonly {
    readonly id: string
    readonly name: string
    readonly liveness: string
    readonly incomplete: boolean
  }[]
  readonly ringDigest: string
}

async function putMany(node: TestNode, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const { status } = await http('PUT', kv(node.url, 'b', `k${i}`), { body: `v${i}` })
    if (status !== 204) throw new Error(`put k${i}: ${status}`)
  }
}

test.serial('five nodes that start at once agree on one table', async (t) => {
  const cluster = await TestCluster.start(t, { nodes: 5 })
  const views = await Promise.all(cluster.nodes.map((node) => node.json<Cluster>('/v1/cluster')))
  t.is(new Set(views.map(({ ringDigest }) => ringDigest)).size, 1)
  const rings = await Promise.all(cluster.nodes.map((node) => node.json('/v1/cluster/ring')))
  for (const ring of rings) t.deepEqual(ring, rings[0])
  // A node that is no owner forwards, and every node gives the same answer.
  await putMany(cluster.nodes[0]!, 0, 40)
  for (const node of cluster.nodes) {
    for (let i = 0; i < 40; i++)
      t.is((await http('GET', kv(node.url, 'b', `k${i}`))).body.toString(), `v${i}`)
  }
})

test.serial('a directory restored from an old copy is set aside, and the node filled again', async (t) => {
  const cluster = await TestCluster.start(t)
  const [n1, n2] = cluster.nodes as [TestNode, TestNode]
  await putMany(n1, 0, 50)
  await n2.stop()
  const copy = `${n2.setup.directory}.copy`
  cpSync(n2.setup.directory, copy, { recursive: true })
  n2.launch()
  await cluster.untilWhole()
  await putMany(n2, 50, 120)
  await n2.stop()
  rmSync(n2.setup.directory, { recursive: true })
  cpSync(copy, n2.setup.directory, { recursive: true })
  n2.launch()
  await until('the old copy is set aside', () =>
    n2.lines.some((line) => line.includes('set-aside') || line.includes('set aside')),
  )
  await cluster.untilWhole()
  await until('n2 is complete', async () =>
    (await n1.json<Cluster>('/v1/cluster')).members.every(({ incomplete }) => !incomplete),
  )
  await putMany(n2, 120, 140)
  for (let i = 0; i < 140; i++) {
    const answer = await http('GET', `${kv(n2.url, 'b', `k${i}`)}?r=all`)
    t.is(answer.status, 200, `k${i}: one version, the newest`)
    t.is(answer.body.toString(), `v${i}`)
  }
})
