/** Causality as a client sees it, on three real nodes: what is a conflict, what is not, and what a context can and cannot do. */
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'

type Answer = Awaited<ReturnType<typeof http>>

function put(node: TestNode, key: string, value: string, context?: string): Promise<Answer> {
  const headers: Record<string, string> = context === undefined ? {} : { 'Rotunda-Context': context }
  return http('PUT', kv(node.url, 'causality', key), { body: value, headers })
}

function contextOf(answer: Answer): string {
  const context = answer.headers['rotunda-context']
  if (typeof context !== 'string') throw new Error(`status ${answer.status} carries no context`)
  return context
}

/** The live values, sorted, and the context that covers them. */
async function read(node: TestNode, key: string): Promise<{ values: string[]; context: string }> {
  const answer = await http('GET', kv(node.url, 'causality', key))
  const context = contextOf(answer)
  if (answer.status === 200) return { values: [answer.body.toString()], context }
  if (answer.status !== 300) return { values: [], context }
  const { versions } = JSON.parse(answer.body.toString()) as { versions: { value: string }[] }
  return { values: versions.map(({ value }) => Buffer.from(value, 'base64').toString()).sort(), context }
}

test.serial('causality on three nodes', async (t) => {
  const cluster = await TestCluster.start(t)
  const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]

  // Two blind puts through one node, then a put with the second's context: the first is not lost.
  await put(n1, 'blind', 'one')
  const second = await put(n1, 'blind', 'two')
  await put(n1, 'blind', 'three', contextOf(second))
  for (const node of cluster.nodes) t.deepEqual((await read(node, 'blind')).values, ['one', 'three'])

  // The merged value, put with the context of the read, leaves one version; through another node, too.
  const both = await read(n2, 'blind')
  t.is((await put(n3, 'blind', 'merged', both.context)).status, 204)
  t.deepEqual((await read(n1, 'blind')).values, ['merged'])

  // A blind put beside an existing value is a sibling, whichever node takes it.
  await put(n1, 'beside', 'here')
  await put(n2, 'beside', 'there')
  t.deepEqual((await read(n3, 'beside')).values, ['here', 'there'])

  // A context of another key, a damaged one and one made up change nothing.
  const foreign = contextOf(await put(n1, 'foreign', 'x'))
  const before = await read(n1, 'beside')
  const damaged = `${before.context.slice(0, -2)}${before.context.endsWith('AA') ? 'BB' : 'AA'}`
  for (const context of [foreign, damaged, 'made-up', '', 'AAAA'.repeat(40)]) {
    const answer = await put(n2, 'beside', 'never', context)
    t.is(answer.status, 400, `with context ${context}`)
    t.is(JSON.parse(answer.body.toString()).error.code, 'BAD_CONTEXT')
  }
  t.deepEqual((await read(n3, 'beside')).values, ['here', 'there'])

  // A deletion concurrent with a write leaves the written version; with the context of both it leaves nothing.
  const seen = await read(n1, 'beside')
  await put(n2, 'beside', 'later')
  await http('DELETE', kv(n1.url, 'causality', 'beside'), { headers: { 'Rotunda-Context': seen.context } })
  t.deepEqual((await read(n3, 'beside')).values, ['later'])
  await http('DELETE', kv(n3.url, 'causality', 'beside'))
  for (const node of cluster.nodes) t.deepEqual((await read(node, 'beside')).values, [])

  // The same operation twice is one write: at once, through another node, and after it was replaced.
  const operation = { 'Rotunda-Operation': 'op-1' }
  const url = (node: TestNode) => kv(node.url, 'causality', 'operation')
  const first = await http('PUT', url(n1), { body: 'once', headers: operation })
  await http('PUT', url(n1), { body: 'once', headers: operation })
  await http('PUT', url(n2), { body: 'once', headers: operation })
  t.deepEqual((await read(n3, 'operation')).values, ['once'])
  await put(n1, 'operation', 'replaced', contextOf(first))
  t.is((await http('PUT', url(n1), { body: 'once', headers: operation })).status, 204)
  t.deepEqual((await read(n2, 'operation')).values, ['replaced'])
})

test.serial(
  'a hundred clients at once on one key through one node leave as many siblings as there are conflicts',
  async (t) => {
    const cluster = await TestCluster.start(t)
    const [n1] = cluster.nodes as [TestNode]
    const clients = Array.from({ length: 100 }, (_, i) => i)

    // All blind: none has seen another.
    const contexts = await Promise.all(
      clients.map(async (i) => contextOf(await put(n1, 'crowd', `blind ${i}`))),
    )
    t.is((await read(n1, 'crowd')).values.length, 100)

    // Each replaces its own and nothing else: still a hundred, all of them the new ones.
    await Promise.all(clients.map((i) => put(n1, 'crowd', `own ${i}`, contexts[i])))
    const own = await read(n1, 'crowd')
    t.deepEqual(own.values, clients.map((i) => `own ${i}`).sort())

    // Half of them have seen everything: fifty conflicts among themselves, and nothing older is left.
    await Promise.all(clients.slice(0, 50).map((i) => put(n1, 'crowd', `merge ${i}`, own.context)))
    t.deepEqual(
      (await read(n1, 'crowd')).values,
      clients
        .slice(0, 50)
        .map((i) => `merge ${i}`)
        .sort(),
    )
  },
)
