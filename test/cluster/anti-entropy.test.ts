/**
 * Three real nodes on RocksDB; one is killed, the others go on writing and deleting, it comes back, and nobody reads. All three must come to
 * hold the same bytes: looked at in their databases, when they have stopped.
 */
import { join } from 'node:path'
import test from 'ava'
import { RocksdbEngine } from '../../src/io/engines/rocksdb.js'
import { rowObject } from '../../src/kernel/index.js'
import type { ScanRow } from '../../src/ports/engine.js'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

const BUCKET = 'alike'

async function put(node: TestNode, key: string, body: string, context?: string): Promise<string> {
  const headers = context === undefined ? {} : { 'Rotunda-Context': context }
  const reply = await http('PUT', kv(node.url, BUCKET, key), { body, headers })
  if (reply.status !== 204) throw new Error(`PUT ${key}: ${reply.status} ${reply.body.toString()}`)
  return reply.headers['rotunda-context'] as string
}

/** What each node holds of a key, as it says itself; asking repairs nothing. */
async function held(node: TestNode, key: string): Promise<string[]> {
  const { replicas } = await node.json<{ replicas: Record<string, unknown>[] }>(
    `/v1/explain/${BUCKET}/${key}`,
  )
  return replicas.map(({ clock, versions, tombstones }) => JSON.stringify([clock, versions, tombstones]))
}

async function isAlike(node: TestNode, keys: readonly string[]): Promise<boolean> {
  for (const key of keys) {
    const states = await held(node, key)
    if (states.length !== 3 || states.some((state) => state !== states[0])) return false
  }
  return true
}

/** Row keys and objects, of a node that has stopped. */
async function objectsOf(node: TestNode): Promise<Map<string, string>> {
  const engine = new RocksdbEngine(join(node.setup.directory, 'rows'))
  const range = { from: Buffer.from('d'), to: Buffer.from('e'), maxRows: 100_000, maxBytes: 1 << 30 }
  const wait = <T>(call: (done: (error: unknown, result: T) => void) => void) =>
    new Promise<T>((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))))
  await wait<void>((done) => engine.open(done))
  const { rows } = await wait<{ rows: readonly ScanRow[] }>((done) => engine.scan(range, done))
  await wait<void>((done) => engine.close(done))
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  return new Map(rows.map(({ key, value }) => [text(key), text(rowObject(value))]))
}

/** The sum of a counter's series. */
async function counted(node: TestNode, name: string): Promise<number> {
  const { body } = await node.request('GET', '/metrics')
  const lines = body.toString().split('\n')
  return lines
    .filter((line) => line.startsWith(`rotunda_${name}`) && !line.startsWith('#'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

test.serial('a node that was away holds the same bytes as the others again, and nobody reads', async (t) => {
  const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
  const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`)
  const contexts = new Map<string, string>()
  for (const key of keys.slice(0, 45)) contexts.set(key, await put(n1, key, `value of ${key}`))
  await n3.kill()
  for (const key of keys.slice(0, 15)) await put(n2, key, `another value of ${key}`, contexts.get(key))
  for (const key of keys.slice(15, 30)) t.is((await http('DELETE', kv(n1.url, BUCKET, key))).status, 204)
  for (const key of keys.slice(45)) await put(n1, key, `value of ${key}`)
  n3.launch()
  await cluster.untilWhole()
  await until('all three hold the same of every key', () => isAlike(n1, keys), 60_000)
  // What had been written on the one that was killed is in trees that were built by a scan.
  t.true(n3.lines.some((line) => line.includes('trees-building')))
  await until('each pair has found itself alike', async () => {
    const same = await Promise.all(
      cluster.nodes.map((node) => counted(node, 'exchanges_total{result="same"}')),
    )
    return same.reduce((sum, count) => sum + count, 0) >= 3
  })
  const bytes = await Promise.all(cluster.nodes.map((node) => counted(node, 'exchange_bytes_sent_total')))
  t.true(bytes.every((sent) => sent > 0))

  for (const node of cluster.nodes) t.deepEqual(await node.stop(), { code: 0, signal: null })
  const [one, other, third] = [await objectsOf(n1), await objectsOf(n2), await objectsOf(n3)]
  t.is(one.size, keys.length)
  t.deepEqual(other, one)
  t.deepEqual(third, one)

  for (const node of cluster.nodes) node.launch()
  await cluster.untilWhole()
  for (const node of cluster.nodes)
    t.true(
      node.lines.some((line) => line.includes('trees-kept')),
      `${node.setup.name} took its trees over from the stop before`,
    )
})
