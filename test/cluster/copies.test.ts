/** N is raised from 3 to 5 and lowered again, on real processes that hold data and are at work. */
import test, { type ExecutionContext } from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { KEYS, Load, putMany, readsBack, settled } from './load.js'
import { rotunda } from './run.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

interface Plan {
  readonly movedPartitions: number
  readonly movedBytes: number
  readonly moves: readonly { readonly from: string | null; readonly to: string | null }[]
}

interface Explained {
  readonly preferenceList: readonly { readonly name: string; readonly owner: boolean }[]
  readonly replicas: readonly { readonly name: string; readonly answer: string }[]
}

const Q = 32
const ALL = ['n1', 'n2', 'n3', 'n4', 'n5']

/** Announced, made, and arrived everywhere: then each key has this number of copies. */
async function change(
  t: ExecutionContext,
  nodes: readonly TestNode[],
  before: number,
  n: number,
): Promise<void> {
  const [n1, n2] = nodes as [TestNode, TestNode]
  const planned = await rotunda(['ring', 'plan', 'copies', `${n}`, '--json', '--url', n2.url])
  const plan = JSON.parse(planned.stdout.toString()) as Plan
  t.is(plan.movedPartitions, n > before ? (n - before) * Q : 0)
  t.true(plan.moves.every(({ from, to }) => (n > before ? from : to) === null))
  t.is((await rotunda(['ring', 'copies', `${n}`, '--url', n1.url])).code, 0)
  await settled(nodes, ALL)
  for (const node of nodes) {
    const seen = await node.json<{ n: number; r: number; w: number }>('/v1/cluster')
    t.deepEqual([seen.n, seen.r, seen.w], [n, Math.floor(n / 2) + 1, Math.floor(n / 2) + 1])
  }
  for (let i = 0; i < KEYS; i += 10)
    await until(`the owners of k${i} have it, and nobody else`, () =>
      isWhereItBelongs(nodes[i % 5]!, `k${i}`, n),
    )
}

async function isWhereItBelongs(node: TestNode, key: string, n: number): Promise<boolean> {
  const { preferenceList, replicas } = await node.json<Explained>(`/v1/explain/b/${key}`)
  const owners = preferenceList.filter(({ owner }) => owner).map(({ name }) => name)
  const holders = replicas.filter(({ answer }) => answer === 'ok').map(({ name }) => name)
  return owners.length === n && [...owners].sort().join() === holders.sort().join()
}

test.serial('from three copies to five and back under load: nothing fails, and quorums follow', async (t) => {
  t.timeout(300_000, 'machines under test may be slow')
  const cluster = await TestCluster.prepare(t, { nodes: 5, flags: ['--partitions', `${Q}`] })
  const { nodes } = cluster
  for (const node of nodes) node.launch()
  await settled(nodes, ALL)
  await putMany(nodes[0]!)
  const load = new Load(() => nodes, 4)
  const same = await rotunda(['ring', 'copies', '3', '--url', nodes[0]!.url])
  t.is(same.code, 2)
  t.regex(same.stderr, /N is 3 already/)
  await change(t, nodes, 3, 5)
  await change(t, nodes, 5, 3)
  await load.stop()
  await readsBack(t, nodes, load)
  t.is(
    (await http('GET', `${kv(nodes[0]!.url, 'b', 'k1')}?r=5`)).status,
    400,
    'five are no longer there to be asked',
  )
})
