/** A process that stands still (SIGSTOP): its connections stay open, and only its silence tells. */
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Cluster {
  readonly members: readonly { readonly name: string; readonly liveness: string }[]
}

async function livenessOf(name: string, at: TestNode): Promise<string | undefined> {
  const { members } = await at.json<Cluster>('/v1/cluster')
  return members.find((member) => member.name === name)?.liveness
}

test.serial(
  'nothing waits for a paused node once it is suspected; it is up again when it answers',
  async (t) => {
    const cluster = await TestCluster.start(t)
    const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
    n3.signal('SIGSTOP')
    for (const node of [n1, n2]) {
      await until(`${node.setup.name} suspects n3`, async () => {
        const state = await livenessOf('n3', node)
        return state === 'suspected' || state === 'down'
      })
    }
    for (let i = 0; i < 20; i++) {
      // Everybody is wanted, one is away: that is said at once, long before the deadline.
      const all = await http('PUT', `${kv(n1.url, 'b', `all${i}`)}?w=all&timeout=60000`, { body: 'v' })
      t.is(all.status, 503)
      t.is((await http('PUT', kv(n2.url, 'b', `k${i}`), { body: `v${i}` })).status, 204)
      t.is((await http('GET', kv(n1.url, 'b', `k${i}`))).body.toString(), `v${i}`)
    }
    n3.signal('SIGCONT')
    await cluster.untilWhole()
    for (let i = 0; i < 20; i++)
      t.is((await http('GET', `${kv(n3.url, 'b', `k${i}`)}?r=all`)).body.toString(), `v${i}`)
  },
)
