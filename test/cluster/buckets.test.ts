/** Properties of buckets on real nodes: gossiped, kept over a restart, and obeyed when owners are away. */
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Bucket {
  readonly r: string | number
  readonly w: string | number
  readonly sloppy: boolean
}

async function setBucket(node: TestNode, bucket: string, properties: object): Promise<number> {
  return (await http('PUT', `${node.url}/v1/buckets/${bucket}`, { body: JSON.stringify(properties) })).status
}

async function untilEverywhere(nodes: readonly TestNode[], bucket: string, w: string): Promise<void> {
  await until(`${bucket} has w = ${w} on every node`, async () => {
    const all = await Promise.all(nodes.map((node) => node.json<Bucket>(`/v1/buckets/${bucket}`)))
    return all.every((view) => view.w === w)
  })
}

test.serial(
  'requests take what is set for their bucket, and say themselves where they want something else',
  async (t) => {
    const cluster = await TestCluster.start(t)
    const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
    t.is(await setBucket(n1, 'safe', { r: 'all', w: 'all' }), 200)
    t.is(await setBucket(n2, 'quick', { r: 1, w: 'one' }), 200)
    await untilEverywhere(cluster.nodes, 'safe', 'all')
    await untilEverywhere(cluster.nodes, 'quick', 'one')
    await n3.kill()
    const ask = (method: string, bucket: string, query = '') =>
      http(method, kv(n1.url, bucket, 'k', query), method === 'PUT' ? { body: 'v' } : {})
    t.is((await ask('PUT', 'plain')).status, 204)
    t.is((await ask('PUT', 'quick')).status, 204)
    t.is((await ask('PUT', 'safe')).status, 503)
    t.is((await ask('GET', 'safe')).status, 503)
    t.is((await ask('PUT', 'safe', '?w=quorum')).status, 204)
    t.is((await ask('GET', 'safe', '?r=2')).status, 200)
    // Set while a member is away: it hears of it when it is back, and keeps it.
    t.is(await setBucket(n2, 'later', { w: 'all' }), 200)
    t.is((await http('DELETE', `${n1.url}/v1/buckets/safe`)).status, 204)
    n3.launch()
    await cluster.untilWhole()
    await untilEverywhere(cluster.nodes, 'later', 'all')
    await untilEverywhere(cluster.nodes, 'safe', 'quorum')
    await n3.stop()
    n3.launch()
    await cluster.untilWhole()
    t.is((await n3.json<Bucket>('/v1/buckets/later')).w, 'all')
    t.is((await ask('GET', 'safe')).status, 200)
  },
)

test.serial('a strict bucket counts owners only; nodes that stand in count for the others', async (t) => {
  const cluster = await TestCluster.start(t, { nodes: 5 })
  const [n1] = cluster.nodes as [TestNode]
  t.is(await setBucket(n1, 'strict', { sloppy: false }), 200)
  await until('strict everywhere', async () => {
    const all = await Promise.all(cluster.nodes.map((node) => node.json<Bucket>('/v1/buckets/strict')))
    return all.every(({ sloppy }) => !sloppy)
  })
  const explained = await n1.json<{ preferenceList: { name: string; owner: boolean }[] }>(
    '/v1/explain/strict/k',
  )
  const owners = explained.preferenceList.filter(({ owner }) => owner).map(({ name }) => name)
  t.is(owners.length, 3)
  const nodes = cluster.nodes as TestNode[]
  const away = nodes.filter(({ setup }) => owners.slice(0, 2).includes(setup.name))
  const left = nodes.filter((node) => !away.includes(node))
  for (const node of away) await node.kill()
  for (const node of left) {
    const put = await http('PUT', kv(node.url, 'strict', 'k'), { body: 'v' })
    t.is(put.status, 503, 'one owner is left of three')
    t.is(JSON.parse(put.body.toString()).error.code, 'QUORUM_UNMET')
  }
  t.is((await http('PUT', kv(left[0]!.url, 'strict', 'k', '?w=1'), { body: 'v' })).status, 204)
  // The same key in a bucket of the default kind has other owners; whoever they are, enough nodes stand in.
  for (const node of left) t.is((await http('PUT', kv(node.url, 'sloppy', 'k'), { body: 'v' })).status, 204)
})
