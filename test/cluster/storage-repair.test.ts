/** Real nodes whose files lose something, and what the others give back without anybody asking for it. */
import { readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

const BUCKET = 'repair'
const VALUE = 'v'.repeat(300)

async function putAll(node: TestNode, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { status } = await http('PUT', kv(node.url, BUCKET, key), { body: `${key} ${VALUE}` })
    if (status !== 204) throw new Error(`PUT ${key}: ${status}`)
  }
}

/** What does not read as it was written, through this node. */
async function wrong(node: TestNode, keys: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const key of keys) {
    const { status, body } = await http('GET', kv(node.url, BUCKET, key))
    if (status !== 200 || body.toString() !== `${key} ${VALUE}`) found.push(`${key}: ${status}`)
  }
  return found
}

async function metric(node: TestNode, series: string): Promise<number> {
  const { body } = await node.request('GET', '/metrics')
  const line = body
    .toString()
    .split('\n')
    .find((one) => one.startsWith(`rotunda_${series} `))
  return line === undefined ? Number.NaN : Number(line.slice(line.lastIndexOf(' ')))
}

function keysOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`)
}

function fileOf(node: TestNode, name: RegExp): string {
  const rows = join(node.setup.directory, 'rows')
  const paths = readdirSync(rows)
    .filter((each) => name.test(each))
    .map((each) => join(rows, each))
  return paths.sort((one, other) => statSync(other).size - statSync(one).size)[0]!
}

test.serial('half a log: the node says what it lost, and gets just that by comparing trees', async (t) => {
  const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
  const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  const kept = keysOf('kept', 150)
  await putAll(n1, kept)
  // A start writes what its log holds into a table: from here on the log is a new one.
  await n3.stop()
  n3.launch()
  await cluster.untilWhole()
  const shaky = keysOf('shaky', 100)
  await putAll(n1, shaky)
  await until('n3 has written them', async () => (await metric(n3, 'storage_rows_written_total')) >= 100)
  await n3.kill()
  const log = fileOf(n3, /\.log$/)
  truncateSync(log, statSync(log).size >> 1)
  n3.launch()
  await until('n3 says that it lost the end of its log', () =>
    n3.lines.some((line) => line.includes('storage-lost-rows') && line.includes('"tail"')),
  )
  await until('n3 is filled again', () => n3.lines.some((line) => line.includes('rebuild-complete')))
  t.true(n3.lines.some((line) => line.includes('rebuild-begun') && line.includes('"trees"')))
  const pulled = await metric(n3, 'exchange_keys_repaired_total{direction="pulled"}')
  t.true(
    pulled > 0 && pulled <= shaky.length,
    `${pulled} rows were sent again, of ${kept.length + shaky.length}`,
  )
  await cluster.untilWhole()
  // With n2 away a quorum needs what n3 holds now.
  await n2.kill()
  t.deepEqual(await wrong(n3, [...kept, ...shaky]), [])
})
