/** A dead member of a cluster of real processes is replaced by a new machine, and comes back. */
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { KEYS, Load, putMany, readsBack, settled } from './load.js'
import { rotunda } from './run.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Cluster {
  readonly members: readonly { readonly name: string; readonly liveness: string }[]
}

interface Ring {
  readonly members: readonly { readonly name: string }[]
  readonly partitions: readonly (readonly number[])[]
}

async function untilDown(node: TestNode, name: string): Promise<void> {
  await until(`${node.setup.name} hears ${name} no more`, async () =>
    (await node.json<Cluster>('/v1/cluster')).members.some(
      (member) => member.name === name && member.liveness === 'down',
    ),
  )
}

/** The partitions that a member is read for. */
async function partitionsOf(node: TestNode, name: string): Promise<number[]> {
  const { members, partitions } = await node.json<Ring>('/v1/cluster/ring')
  const index = members.findIndex((member) => member.name === name)
  return partitions.flatMap((owners, partition) => (owners.includes(index) ? [partition] : []))
}

/** Asks the node for these keys at r=1 as long as its process runs; values that it gave. */
async function served(node: TestNode, keys: readonly string[]): Promise<string[]> {
  const values: string[] = []
  for (let turn = 0; node.isRunning; turn++) {
    const key = keys[turn % keys.length]!
    const answer = await http('GET', `${kv(node.url, 'load', key)}?r=1`).catch(() => undefined)
    if (answer?.status === 200 || answer?.status === 404) values.push(`${key}: ${answer.body.toString()}`)
    else await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return values
}

test.serial(
  'under load a newcomer takes the place of a dead member and owns what it owned; that one comes back and stands aside',
  async (t) => {
    t.timeout(300_000, 'machines under test may be slow')
    const cluster = await TestCluster.prepare(t, { nodes: 5 })
    const [n1, n2, n3, n4, n5] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode, TestNode]
    for (const node of [n1, n2, n3, n4]) node.launch()
    await settled([n1, n2, n3, n4], ['n1', 'n2', 'n3', 'n4'])
    await putMany(n1)
    n5.launch('--replace', 'n2')
    t.is((await n5.ended()).code, 1, 'n2 is alive')
    t.regex(n5.lines.join('\n'), /n2 is alive: only a member that is dead can be replaced/)
    const owned = await partitionsOf(n1, 'n2')
    await n2.kill()
    for (const node of [n1, n3, n4]) await untilDown(node, 'n2')
    const load = new Load(() => [n1, n3, n4], 4)
    n5.launch('--replace', 'n2')
    await settled([n1, n3, n4, n5], ['n1', 'n3', 'n4', 'n5'])
    t.deepEqual(await partitionsOf(n5, 'n5'), owned, 'exactly what n2 owned')
    await until('clients have worked for a while', () => load.requests > 200)
    await load.stop()
    n2.lines.length = 0
    n2.launch()
    t.deepEqual(await served(n2, [...load.acknowledged.keys()]), [], 'it serves nothing')
    t.is((await n2.ended()).code, 1)
    t.regex(n2.lines.join('\n'), /was replaced by n5, for ever/)
    n2.lines.length = 0
    n2.launch()
    t.is((await n2.ended()).code, 1, 'it knows by itself now')
    t.regex(n2.lines.join('\n'), /was replaced by n5, for ever/)
    await readsBack(t, [n1, n3, n4, n5], load)
    const { stdout } = await rotunda(['status', '--url', n3.url])
    t.regex(stdout.toString(), /n2 .*replaced by n5/)
  },
)

test.serial('a place is kept for a machine that is to come, and it is told who is waited for', async (t) => {
  t.timeout(300_000, 'machines under test may be slow')
  const cluster = await TestCluster.prepare(t, { nodes: 4 })
  const [n1, n2, n3, n4] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
  for (const node of [n1, n2, n3]) node.launch()
  await settled([n1, n2, n3], ['n1', 'n2', 'n3'])
  await putMany(n1)
  const alive = await rotunda(['replace', 'n2', 'n4', '--url', n1.url])
  t.is(alive.code, 2)
  t.regex(alive.stderr, /n2 is alive/)
  await n2.kill()
  await untilDown(n1, 'n2')
  const there = await rotunda(['replace', 'n2', 'n3', '--url', n1.url])
  t.is(there.code, 2)
  t.regex(there.stderr, /n3 is there already/)
  const waiting = rotunda(['replace', 'n2', 'n4', '--url', n1.url, '--wait'], { timeoutMs: 120_000 })
  await until('the place is kept', async () =>
    (await n1.json<Cluster>('/v1/cluster')).members.some(({ name }) => name === 'n4'),
  )
  t.is((await http('PUT', kv(n1.url, 'b', 'k0'), { body: 'v0' })).status, 204, 'two of three are a quorum')
  await until('the metric tells', async () => (await n1.metric('partitions_wait_for_members_away')) === 1)
  n4.launch()
  const { code, stdout } = await waiting
  t.is(code, 0)
  const said = stdout.toString()
  t.regex(said, /n2 is replaced, for ever/)
  t.regex(said, /wait for n4, which cannot be reached: start it/)
  t.regex(said, /All partitions are where they belong/)
  await settled([n1, n3, n4], ['n1', 'n3', 'n4'])
  for (let i = 1; i < KEYS; i++)
    t.is((await http('GET', `${kv(n4.url, 'b', `k${i}`)}?r=all`)).body.toString(), `v${i}`)
})
