/** A disk that stands still under one of three real nodes: it says so, and nobody waits for it. */
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { canTrace, Tracer } from './tracer.js'
import { until } from './until.js'

const underTracer = canTrace() ? test : test.skip
/** Longer than any request below may take. */
const HUNG_MS = 8_000
const SOON_MS = 2_000

test('what this machine can provoke', (t) => {
  t.log(canTrace() ? 'hung disks: run' : 'hung disks: not run, strace is not here or not allowed')
  t.pass()
})

underTracer('writes and reads go on through every node while the disk of one stands still', async (t) => {
  const cluster = await TestCluster.start(t)
  const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  const kept = new Map<string, string>()
  const put = async (node: TestNode, key: string): Promise<void> => {
    const begun = performance.now()
    const { status } = await http('PUT', kv(node.url, 'b', key), { body: key })
    t.is(status, 204, `${key} through ${node.setup.name}`)
    t.true(performance.now() - begun < HUNG_MS / 2, `${key} did not wait for the disk`)
    kept.set(key, key)
  }
  for (let i = 0; i < 30; i++) await put(cluster.nodes[i % 3]!, `before-${i}`)

  const tracer = await Tracer.slowSyncs(n1.pid, HUNG_MS)
  t.teardown(() => tracer.detach())
  await put(n1, 'hangs')
  await until('n1 says that its disk stands still', async () => {
    const { status, body } = await n1.request('GET', '/health/ready')
    return status === 503 && body.toString().includes('the disk has not finished a write')
  })
  await until('its log says so too', () => n1.lines.some((line) => line.includes('storage-stalled')))
  for (let i = 0; i < 12; i++) {
    const begun = performance.now()
    await put(cluster.nodes[i % 3]!, `during-${i}`)
    t.true(performance.now() - begun < SOON_MS, `${cluster.nodes[i % 3]!.setup.name} took its time`)
  }
  for (const key of kept.keys()) {
    const { status, body } = await http('GET', kv(n2.url, 'b', key))
    t.is(status, 200)
    t.is(body.toString(), key)
  }

  await tracer.detach()
  await until('the disk of n1 moves again', () =>
    n1.lines.some((line) => line.includes('storage-moves-again')),
  )
  await cluster.untilWhole()
  await put(n1, 'after')
  for (const node of [n1, n2, n3]) {
    for (const key of kept.keys()) {
      const { status, body } = await http('GET', kv(node.url, 'b', key, '?r=all'))
      t.is(status, 200, `${key}: one version`)
      t.is(body.toString(), key)
    }
  }
})
