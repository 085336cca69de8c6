/** Hinted handoff with real processes: most of a cluster dies, writes go on, and everything finds its way home. */
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Cluster {
  readonly pendingHints: number
  readonly members: readonly { readonly name: string; readonly liveness: string }[]
}

interface Explained {
  readonly replicas: readonly {
    readonly answer: string
    readonly hint: boolean
    readonly versions: readonly unknown[]
  }[]
}

const KEYS = 60

async function sees(node: TestNode, up: readonly TestNode[]): Promise<boolean> {
  const { members } = await node.json<Cluster>('/v1/cluster')
  return members.every(
    ({ name, liveness }) => up.some(({ setup }) => setup.name === name) === /^(self|up)$/.test(liveness),
  )
}

async function pendingHints(node: TestNode): Promise<number> {
  return (await node.json<Cluster>('/v1/cluster')).pendingHints
}

test.serial(
  'three of five nodes are killed; writes go on, and when they are back all is handed to them',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 5 })
    const [n1, n2, ...others] = cluster.nodes as [TestNode, TestNode, ...TestNode[]]
    for (let i = 0; i < KEYS; i++)
      t.is((await http('PUT', kv(n1.url, 'b', `before${i}`), { body: 'old' })).status, 204)
    await Promise.all(others.map((node) => node.kill()))
    for (const node of [n1, n2]) await until('the dead are noticed', () => sees(node, [n1, n2]))
    for (let i = 0; i < KEYS; i++) {
      const key = `k${i}`
      const put = await http('PUT', kv(i % 2 === 0 ? n1.url : n2.url, 'b', key), { body: `v${i}` })
      t.is(put.status, 204, `${key} is written at the quorum, by whoever is left: ${put.body.toString()}`)
      t.is((await http('GET', kv(n2.url, 'b', key))).body.toString(), `v${i}`)
    }
    t.true((await pendingHints(n1)) > 0)
    // Of some key n1 and n2 own only one copy: explain shows who keeps another, and for whom it cannot be asked.
    const explained = await Promise.all(
      Array.from({ length: KEYS }, (_, i) => n1.json<Explained>(`/v1/explain/b/k${i}`)),
    )
    t.true(explained.every(({ replicas }) => replicas.filter(({ answer }) => answer === 'down').length >= 1))
    const kept = explained.flatMap(({ replicas }) => replicas.filter(({ hint }) => hint))
    t.true(kept.length > 0 && kept.every(({ answer, versions }) => answer === 'ok' && versions.length === 1))
    // What was acknowledged on hints survives those that hold them.
    await Promise.all([n1.kill(), n2.kill()])
    for (const node of cluster.nodes) node.launch()
    await cluster.untilWhole()
    for (const node of cluster.nodes)
      await until(
        `${node.setup.name} has handed over all it kept`,
        async () => (await pendingHints(node)) === 0,
      )
    for (let i = 0; i < KEYS; i++) {
      for (const key of [`k${i}`, `before${i}`]) {
        const { replicas } = await n1.json<Explained>(`/v1/explain/b/${key}`)
        const versions = new Set(
          replicas.map(({ answer, versions }) => `${answer} ${JSON.stringify(versions)}`),
        )
        t.is(versions.size, 1, `all owners of ${key} hold the same, without anybody having read it since`)
        t.regex([...versions][0]!, /^ok /)
      }
    }
  },
)

test.serial(
  'with one node of five left every write is accepted at w=1, and found there at r=1',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 5 })
    const [last, ...others] = cluster.nodes as [TestNode, ...TestNode[]]
    await Promise.all(others.map((node) => node.kill()))
    await until('the dead are noticed', () => sees(last, [last]))
    for (let i = 0; i < KEYS; i++) {
      t.is((await http('PUT', `${kv(last.url, 'b', `k${i}`)}?w=1`, { body: `v${i}` })).status, 204)
      t.is((await http('GET', `${kv(last.url, 'b', `k${i}`)}?r=1`)).body.toString(), `v${i}`)
    }
    for (const node of others) node.launch()
    await cluster.untilWhole()
    await until('all is handed over', async () => (await pendingHints(last)) === 0)
    await last.kill()
    for (const node of others) await until('the dead is noticed', () => sees(node, others))
    for (let i = 0; i < KEYS; i++)
      t.is((await http('GET', kv(others[0]!.url, 'b', `k${i}`))).body.toString(), `v${i}`)
  },
)
