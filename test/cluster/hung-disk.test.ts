/** A disk that stands still under one of three real nodes: it says so, and nobody waits for it. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { limits } from '../../src/limits.js'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { TestNode } from './test-node.js'
import { canTrace, Tracer } from './tracer.js'
import { until } from './until.js'

const onPosix = process.platform === 'win32' ? test.skip : test
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

underTracer(
  'a database that never comes to the end of its close ends the process with a sentence',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
    const [n1, , n3] = cluster.nodes as [TestNode, TestNode, TestNode]
    const tracer = await Tracer.failingSyncsAndCloses(n3.pid)
    t.teardown(() => tracer.abandon())
    const keys = Array.from({ length: 30 }, (_, i) => `key-${i}`)
    const put = async (key: string) =>
      t.is((await http('PUT', kv(n1.url, 'b', key), { body: key })).status, 204, key)
    for (const key of keys) await put(key)
    await until('n3 is fenced', () => n3.lines.some((line) => line.includes('storage-fenced')))
    const lastLine = () => n3.lines.findLast((line) => line.startsWith('rotunda:'))
    await until('it gives up', () => lastLine() !== undefined, 2 * limits.storageCloseMs)
    // What strace holds back does not die before it is let go of.
    await tracer.abandon()
    t.deepEqual(await n3.ended(), { code: 1, signal: null })
    t.regex(lastLine()!, /rocksdb does not come to the end of its close.*start the node again/)
    await put('without n3')
    n3.launch()
    await cluster.untilWhole()
    for (const key of [...keys, 'without n3']) {
      const { status, body } = await http('GET', kv(n3.url, 'b', key, '?r=all'))
      t.is(status, 200, key)
      t.is(body.toString(), key)
    }
  },
)

/** More than a node has for calls to its disk. */
const ALL_THREADS = 64

/** A node whose calls to the disk do not come back from the signal SIGUSR2 on: they wait behind threads that nothing wakes. */
async function withThreadsThatHang(t: ExecutionContext, threads: number): Promise<TestNode> {
  const { nodes, directory } = await TestCluster.prepare(t, { nodes: 1 })
  const [hang, pipe] = [join(directory, 'hang.cjs'), join(directory, 'pipe')]
  execFileSync('mkfifo', [pipe])
  const open = `for (let i = 0; i < ${threads}; i++) require('fs').open(${JSON.stringify(pipe)}, 'r', () => {})`
  writeFileSync(hang, `process.on('SIGUSR2', () => { ${open}; console.error('hangs') })`)
  const node = new TestNode({ ...nodes[0]!.setup, env: { NODE_OPTIONS: `--require=${hang}` } })
  t.teardown(() => node.kill())
  node.launch()
  await node.untilReady()
  node.signal('SIGUSR2')
  await until('its threads hang', () => node.lines.includes('hangs'))
  return node
}

onPosix(
  'a stop that the disk does not let end is given up, and a second signal ends it before',
  async (t) => {
    const [patient, hasty] = await Promise.all([
      withThreadsThatHang(t, ALL_THREADS),
      withThreadsThatHang(t, ALL_THREADS),
    ])
    patient.signal('SIGTERM')
    hasty.signal('SIGTERM')
    // Its log waits for the disk too.
    await until('it stops', async () => !(await hasty.isReady()))
    hasty.signal('SIGINT')
    t.deepEqual(await hasty.ended(), { code: 1, signal: null })
    t.false(hasty.lines.some((line) => line.startsWith('rotunda:')))
    t.deepEqual(await patient.ended(), { code: 1, signal: null })
    t.true(patient.lines.includes('rotunda: stopping takes too long; giving up'))
    patient.launch()
    await patient.untilReady()
  },
)

onPosix('a call to the disk that never comes back does not keep a node that has stopped', async (t) => {
  const node = await withThreadsThatHang(t, 1)
  node.signal('SIGTERM')
  t.deepEqual(await node.ended(), { code: 0, signal: null })
  t.true(node.lines.some((line) => line.includes('"stopped"')))
})
