/** Parts of one cluster that lost each other's addresses become one again through seeds; two clusters never do. */
import { join } from 'node:path'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { freePorts } from './free-ports.js'
import { http, kv } from './http.js'
import { rotunda } from './run.js'
import { TestNode } from './test-node.js'
import { until } from './until.js'

interface Cluster {
  readonly clusterId: string
  readonly refused: readonly { readonly why: string; readonly reason: string }[]
  readonly members: readonly { readonly name: string; readonly liveness: string }[]
}

async function up(node: TestNode): Promise<string[]> {
  const answer = await node.json<Cluster>('/v1/cluster').catch(() => undefined)
  return (answer?.members ?? []).filter(({ liveness }) => /self|up/.test(liveness)).map(({ name }) => name)
}

test.serial(
  'two islands whose addresses all changed are one again when one node is given seeds of both',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 4 })
    const ports = await freePorts(4)
    for (const node of cluster.nodes) await node.stop()
    // Without --join, at addresses that nobody else knows: n1 and n2 are told of each other by n2's seed, and n3 and n4 by n4's.
    const moved = cluster.nodes.map((node, at) => {
      const { flags } = node.setup
      const secret = flags.slice(flags.indexOf('--secret-file'), flags.indexOf('--secret-file') + 2)
      return new TestNode({ ...node.setup, peerPort: ports[at]!, flags: secret })
    })
    t.teardown(() => Promise.all(moved.map((node) => node.kill())))
    const [n1, n2, n3, n4] = moved as [TestNode, TestNode, TestNode, TestNode]
    const seed = (at: number) => ['--join', `127.0.0.1:${ports[at]}`]
    n1.launch()
    n2.launch(...seed(0))
    n3.launch()
    n4.launch(...seed(2))
    await until('n1 sees n2 and not n3', async () => (await up(n1)).sort().join() === 'n1,n2')
    await until('n4 sees n3 and not n1', async () => (await up(n4)).sort().join() === 'n3,n4')
    await n2.stop()
    n2.launch(...seed(0), ...seed(2))
    for (const node of moved)
      await until(`${node.setup.name} sees all four`, async () => (await up(node)).length === 4, 60_000)
    t.is((await http('PUT', kv(n1.url, 'islands', 'k'), { body: 'v' })).status, 204)
    t.is((await http('GET', kv(n4.url, 'islands', 'k'))).status, 200)
  },
)

test.serial('two clusters stay two, and both say why', async (t) => {
  const cluster = await TestCluster.start(t, { nodes: 1 })
  const n1 = cluster.nodes[0]!
  const [port, peerPort] = (await freePorts(2)) as [number, number]
  const directory = join(cluster.directory, 'other')
  const other = new TestNode({ ...n1.setup, name: 'm1', port, peerPort, directory })
  other.launch()
  t.teardown(() => other.kill())
  await other.untilReady()
  await other.stop()
  // A member that misses nobody dials nobody: m1 is given a second member, which then goes.
  const [port2, peerPort2] = (await freePorts(2)) as [number, number]
  const second = new TestNode({
    ...{
      ...other.setup,
      name: 'm2',
      port: port2,
      peerPort: peerPort2,
      directory: join(cluster.directory, 'm2'),
    },
    flags: [...other.setup.flags, '--join', `127.0.0.1:${peerPort}`],
  })
  other.launch('--join', `127.0.0.1:${n1.setup.peerPort}`)
  await other.untilReady()
  second.launch()
  t.teardown(() => second.kill())
  await second.untilReady()
  await second.kill()
  const sentence = /m1 belongs to cluster [0-9a-f]{32} and n1 to [0-9a-f]{32}: two clusters never become one/
  await until('n1 has refused m1', async () =>
    (await n1.json<Cluster>('/v1/cluster')).refused.some(({ reason }) => sentence.test(reason)),
  )
  t.regex((await rotunda(['status', '--url', n1.url])).stdout.toString(), sentence)
  t.true(n1.lines.some((line) => line.includes('"peer-refused"') && sentence.test(line)))
  await until('m1 says why, too', () =>
    other.lines.some(
      (line) => line.includes('"dial-failed"') && line.includes('two clusters never become one'),
    ),
  )
  t.not(
    (await n1.json<Cluster>('/v1/cluster')).clusterId,
    (await other.json<Cluster>('/v1/cluster')).clusterId,
  )
  t.deepEqual(await up(n1), ['n1'])
})
