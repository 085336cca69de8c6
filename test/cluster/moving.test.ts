/** Members that join and leave a cluster of real processes that holds data, while clients write and read. */
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { KEYS, Load, putMany, readsBack, settled } from './load.js'
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
  t.regex(n4.lines.join('\n'), /was removed from the cluster, for ever/)
  n4.lines.length = 0
  n4.launch()
  t.is((await n4.ended()).code, 1, 'nor when it is started again')
  t.regex(n4.lines.join('\n'), /was removed from the cluster, for ever/)
})
