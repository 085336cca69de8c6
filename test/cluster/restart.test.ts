/** Nodes that end in every way and come back: as themselves, with all they acknowledged. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { TestNode } from './test-node.js'
import { until } from './until.js'

interface Identity {
  readonly self: string
  readonly clusterId: string
  readonly members: readonly { readonly id: string; readonly name: string; readonly incomplete: boolean }[]
}

async function put(node: TestNode, key: string, value: string): Promise<boolean> {
  try {
    return (await http('PUT', kv(node.url, 'restart', key), { body: value })).status === 204
  } catch {
    return false
  }
}

async function get(node: TestNode, key: string): Promise<string> {
  const { status, body } = await http('GET', kv(node.url, 'restart', key))
  return status === 200 ? body.toString() : `status ${status}: ${body.toString()}`
}

test.serial('all nodes killed at once: every acknowledged write is there again', async (t) => {
  const cluster = await TestCluster.start(t)
  const acknowledged: string[] = []
  let writing = true
  t.teardown(() => {
    writing = false
  })
  const writers = cluster.nodes.map(async (node, index) => {
    for (let count = 0; writing; count++) {
      const key = `${index}-${count}`
      if (await put(node, key, `value of ${key}`)) acknowledged.push(key)
    }
  })
  await until('some hundred writes are acknowledged', () => acknowledged.length > 300)
  await Promise.all(cluster.nodes.map((node) => node.kill()))
  writing = false
  await Promise.all(writers)
  for (const node of cluster.nodes) node.launch()
  await cluster.untilWhole()
  for (const [index, key] of acknowledged.entries()) {
    t.is(await get(cluster.nodes[index % 3]!, key), `value of ${key}`)
  }
})

test.serial('a rolling restart under load: nothing acknowledged is lost, nodes stop cleanly', async (t) => {
  const cluster = await TestCluster.start(t)
  const acknowledged: string[] = []
  let writing = true
  t.teardown(() => {
    writing = false
  })
  const writer = (async () => {
    for (let count = 0; writing; count++) {
      const key = `rolling-${count}`
      if (await put(cluster.nodes[count % 3]!, key, `value of ${key}`)) acknowledged.push(key)
    }
  })()
  for (const node of cluster.nodes) {
    const before = acknowledged.length
    await until('writes go on', () => acknowledged.length > before + 30)
    t.deepEqual(await node.stop(), { code: 0, signal: null })
    const without = acknowledged.length
    await until('writes go on without it', () => acknowledged.length > without + 10)
    node.launch()
    await cluster.untilWhole()
  }
  writing = false
  await writer
  for (const key of acknowledged) {
    for (const node of cluster.nodes) t.is(await get(node, key), `value of ${key}`)
  }
})

test.serial('a node comes back as itself, whatever --join says', async (t) => {
  const cluster = await TestCluster.start(t)
  const n2 = cluster.nodes[1]!
  const before = await n2.json<Identity>('/v1/cluster')
  await n2.stop()
  n2.launch('--join', '127.0.0.1:1')
  await cluster.untilWhole()
  const after = await n2.json<Identity>('/v1/cluster')
  t.is(after.self, before.self)
  t.is(after.clusterId, before.clusterId)
  t.is(after.members.length, 3)
})

test.serial('the whole cluster stopped and started: one cluster, the same members', async (t) => {
  const cluster = await TestCluster.start(t)
  const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  const before = await n1.json<Identity>('/v1/cluster')
  t.true(await put(n1, 'k', 'v'))
  for (const node of cluster.nodes) t.deepEqual(await node.stop(), { code: 0, signal: null })
  for (const node of [n3, n2, n1]) node.launch()
  await cluster.untilWhole()
  for (const node of cluster.nodes) {
    const { clusterId, members } = await node.json<Identity>('/v1/cluster')
    t.is(clusterId, before.clusterId)
    t.deepEqual(members.map(({ id }) => id).sort(), before.members.map(({ id }) => id).sort())
    t.is(await get(node, 'k'), 'v')
  }
})

test.serial('a node whose directory was wiped is let back in, and filled by the others', async (t) => {
  const cluster = await TestCluster.start(t)
  const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  const before = await n1.json<Identity>('/v1/cluster')
  for (let count = 0; count < 50; count++) t.true(await put(n1, `${count}`, `value ${count}`))
  await n3.stop()
  rmSync(n3.setup.directory, { recursive: true })
  n3.launch()
  await cluster.untilWhole()
  t.deepEqual(
    (await n3.json<Identity>('/v1/cluster')).members.map(({ name }) => name).sort(),
    before.members.map(({ name }) => name).sort(),
  )
  await until('n3 is rebuilt', async () => {
    const { members } = await n1.json<Identity>('/v1/cluster')
    return members.length === 3 && members.every(({ incomplete }) => !incomplete)
  })
  // With n2 away a read at quorum needs what n3 holds now.
  await n2.kill()
  for (let count = 0; count < 50; count++) t.is(await get(n3, `${count}`), `value ${count}`)
})

test.serial('a single node: killed again and again under load, nothing acknowledged is lost', async (t) => {
  const cluster = await TestCluster.start(t, { nodes: 1 })
  const node = cluster.nodes[0]!
  const acknowledged: string[] = []
  for (let round = 0; round < 3; round++) {
    let writing = true
    t.teardown(() => {
      writing = false
    })
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let count = 0; writing; count++) {
        const key = `${round}-${writer}-${count}`
        if (await put(node, key, `value of ${key}`)) acknowledged.push(key)
      }
    })
    const before = acknowledged.length
    await until('a hundred more are acknowledged', () => acknowledged.length > before + 100)
    await node.kill()
    writing = false
    await Promise.all(writers)
    node.launch()
    await node.untilReady()
  }
  for (const key of acknowledged) t.is(await get(node, key), `value of ${key}`)
})

test.serial('the secret is rotated by three rolling restarts; nothing is refused on the way', async (t) => {
  const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
  const [old, fresh] = ['the old secret of this cluster', 'the fresh secret of this cluster']
  const restartWith = async (...keys: string[]): Promise<void> => {
    writeFileSync(join(cluster.directory, 'secret'), `${keys.join('\n')}\n`)
    for (const node of cluster.nodes) {
      t.deepEqual(await node.stop(), { code: 0, signal: null })
      node.launch()
      await cluster.untilWhole()
    }
  }
  for (const node of cluster.nodes) await node.stop()
  writeFileSync(join(cluster.directory, 'secret'), `${old}\n`)
  for (const node of cluster.nodes) node.launch()
  await cluster.untilWhole()
  const n1 = cluster.nodes[0]!
  const { headers } = await http('PUT', kv(n1.url, 'restart', 'k'), { body: 'one' })
  const context = headers['rotunda-context'] as string

  await restartWith(old, fresh)
  await restartWith(fresh, old)
  const withOld = { body: 'two', headers: { 'Rotunda-Context': context } }
  t.is((await http('PUT', kv(n1.url, 'restart', 'k'), withOld)).status, 204)
  await restartWith(fresh)
  t.is((await http('PUT', kv(n1.url, 'restart', 'k'), withOld)).status, 400)
  t.is(await get(cluster.nodes[2]!, 'k'), 'two')
})

test.serial('a node with another secret stays outside, and harms nobody', async (t) => {
  const cluster = await TestCluster.start(t, { flags: ['--engine', 'memory'] })
  const [n1, , n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  await n3.stop()
  const other = join(cluster.directory, 'other-secret')
  writeFileSync(other, 'quite another secret than theirs\n', { mode: 0o600 })
  const stranger = new TestNode({
    ...n3.setup,
    directory: join(cluster.directory, 'stranger'),
    flags: ['--secret-file', other, '--join', `127.0.0.1:${n1.setup.peerPort}`],
  })
  t.teardown(() => stranger.kill())
  stranger.launch()
  await until('n1 says why it let nobody in', () => n1.lines.some((line) => line.includes('bad-proof')))
  await until('the stranger says that it was refused', () =>
    stranger.lines.some((line) => line.includes('"dial-failed"') && line.includes('"refused"')),
  )
  t.false(await stranger.isReady())
  t.is((await n1.json<Identity>('/v1/cluster')).members.length, 3)
  t.true(await put(n1, 'k', 'v'))
  t.deepEqual(await stranger.stop(), { code: 0, signal: null })
})
