/** More partitions, on real processes that hold data and are at work: nothing moves, nothing fails, nothing is repaired, no tree is built anew. */
import test, { type ExecutionContext } from 'ava'
import { TestCluster } from './cluster.js'
import { http } from './http.js'
import { Load, putMany, readsBack, settled } from './load.js'
import { rotunda } from './run.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Ring {
  readonly q: number
  readonly members: readonly { readonly name: string }[]
  readonly partitions: readonly (readonly number[])[]
}

const Q = 64
const MORE = 1024
/** What says that a tree is not right, or that something broke. */
const TROUBLE = ['tree_faults_total', 'trees_stale', 'bugs_total'] as const
const REPAIRED = [
  'exchange_keys_repaired_total{direction="pulled"}',
  'exchange_keys_repaired_total{direction="pushed"}',
] as const

async function sumOf(nodes: readonly TestNode[], series: readonly string[]): Promise<number> {
  const all = nodes.flatMap((node) => series.map((name) => node.metric(name)))
  return (await Promise.all(all)).reduce((a, b) => a + b)
}

const COMPARED = ['exchanges_total{result="same"}', 'exchanges_total{result="repaired"}'] as const

/** Every node compares trees with another one, from now on. Under load a write is always on its way somewhere: then they are seldom the same at once. */
async function compared(nodes: readonly TestNode[]): Promise<void> {
  const ended = () => sumOf(nodes, COMPARED)
  const before = await ended()
  await until('trees are compared', async () => (await ended()) >= before + 6, 120_000)
}

async function ringOf(node: TestNode): Promise<Ring> {
  return node.json<Ring>('/v1/cluster/ring')
}

function ownersByName({ members, partitions }: Ring): string[] {
  return partitions.map((owners) => owners.map((index) => members[index]!.name).join())
}

async function splitUnderWatch(t: ExecutionContext, nodes: readonly TestNode[]): Promise<void> {
  const before = ownersByName(await ringOf(nodes[0]!))
  t.is(before.length, Q)
  const { code, stdout } = await rotunda(['ring', 'split', '--partitions', `${MORE}`, '--url', nodes[1]!.url])
  t.is(code, 0)
  t.is(stdout.toString(), `There are ${MORE} partitions. No partition moves.\n`)
  for (const node of nodes) {
    await until(`${node.setup.name} has heard`, async () => (await ringOf(node)).q === MORE)
    const after = ownersByName(await ringOf(node))
    t.deepEqual(
      after,
      Array.from({ length: MORE }, (_, partition) => before[Math.floor(partition / (MORE / Q))]!),
      'children have the owners of their parent, in order',
    )
    t.is((await node.json<{ transfers: number }>('/v1/cluster')).transfers, 0)
  }
}

test.serial(
  'from 64 to 1,024 partitions under load, over a restart, and then a fourth node gets its exact share',
  async (t) => {
    t.timeout(300_000, 'machines under test may be slow')
    const cluster = await TestCluster.prepare(t, { nodes: 4, flags: ['--partitions', `${Q}`] })
    const [n1, n2, n3, n4] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
    const three = [n1, n2, n3]
    for (const node of three) node.launch()
    await settled(three, ['n1', 'n2', 'n3'])
    const strict = await http('PUT', `${n1.url}/v1/buckets/load`, {
      body: '{"sloppy":false}',
      headers: { 'Content-Type': 'application/json' },
    })
    t.is(strict.status, 200)
    await putMany(n1)
    const load = new Load(() => three, 4)
    await compared(three)
    const before = await sumOf(three, REPAIRED)
    await splitUnderWatch(t, three)
    await compared(three)
    // An exchange may come across a write that has not reached both yet; a tree that was not right would give hundreds.
    t.true((await sumOf(three, REPAIRED)) - before < 5, 'nothing was repaired')
    t.is(await sumOf(three, TROUBLE), 0, 'every tree stayed right')
    for (const { lines } of three) t.notRegex(lines.join('\n'), /trees-building/)
    await load.stop()
    await readsBack(t, three, load)
    await compared(three)
    const quiet = await sumOf(three, REPAIRED)
    await compared(three)
    t.is(await sumOf(three, REPAIRED), quiet, 'replicas are alike')

    t.is((await n2.stop()).code, 0)
    n2.launch()
    await settled(three, ['n1', 'n2', 'n3'])
    t.regex(n2.lines.join('\n'), /trees-kept/, 'trees outlive a restart')
    t.is((await ringOf(n2)).q, MORE, 'although it is still told of 64')

    n4.launch()
    await settled(cluster.nodes, ['n1', 'n2', 'n3', 'n4'])
    const { members, partitions } = await ringOf(n4)
    for (const index of members.keys())
      t.is(partitions.filter((owners) => owners.includes(index)).length, (3 * MORE) / 4)
    await readsBack(t, cluster.nodes, load)
    const again = await rotunda(['ring', 'split', '--partitions', `${Q}`, '--url', n1.url])
    t.is(again.code, 2)
    t.regex(again.stderr, /1024 partitions already, and never fewer/)
  },
)
