/** Real nodes whose files lose something, and what the others give back without anybody asking for it. */
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { BUCKET, fileOf, keysOf, putAll, wrong } from './stored.js'
import type { TestNode } from './test-node.js'
import { canTrace, Tracer } from './tracer.js'
import { until } from './until.js'

const underTracer = canTrace() ? test.serial : test.skip

test('what this machine can provoke', (t) => {
  t.log(canTrace() ? 'failing syncs: run' : 'failing syncs: not run, strace is not here or not allowed')
  t.pass()
})

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
  await until('n3 has written them', async () => (await n3.metric('storage_rows_written_total')) >= 100)
  await n3.kill()
  const log = fileOf(n3, /\.log$/)
  truncateSync(log, statSync(log).size >> 1)
  n3.launch()
  await until('n3 says that it lost the end of its log', () =>
    n3.lines.some((line) => line.includes('storage-lost-rows') && line.includes('"tail"')),
  )
  await until('n3 is filled again', () => n3.lines.some((line) => line.includes('rebuild-complete')))
  t.true(n3.lines.some((line) => line.includes('rebuild-begun') && line.includes('"trees"')))
  const pulled = await n3.metric('exchange_keys_repaired_total{direction="pulled"}')
  t.true(
    pulled > 0 && pulled <= shaky.length,
    `${pulled} rows were sent again, of ${kept.length + shaky.length}`,
  )
  await cluster.untilWhole()
  // With n2 away a quorum needs what n3 holds now.
  await n2.kill()
  t.deepEqual(await wrong(n3, [...kept, ...shaky]), [])
})

/** All keys, in the order of a listing through this node. */
async function listed(node: TestNode): Promise<string[]> {
  const { status, body } = await http('GET', `${node.url}/v1/kv/${BUCKET}?limit=1000`)
  if (status !== 200) throw new Error(`listing: ${status} ${body}`)
  return (JSON.parse(body.toString()) as { keys: string[] }).keys
}

/** The third node holds all of `keys` in one table, and none of them in memory. */
async function withTable(cluster: TestCluster, keys: readonly string[]): Promise<TestNode> {
  const [n1, , n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  await putAll(n1, keys)
  await until(
    'n3 has written them',
    async () => (await n3.metric('storage_rows_written_total')) >= keys.length,
  )
  await n3.stop()
  n3.launch()
  await cluster.untilWhole()
  return n3
}

/** Flips bits all over the middle of a file, in place: whoever has it open sees them. */
function damage(path: string): void {
  const bytes = readFileSync(path)
  const file = openSync(path, 'r+')
  for (let at = 4_000; at < bytes.length * 0.6; at += 3_000)
    writeSync(file, Buffer.of(bytes[at]! ^ 4), 0, 1, at)
  closeSync(file)
}

test.serial(
  'a table damaged under a running node: rows come back from the others as they are read',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
    const keys = keysOf('key', 200)
    const n3 = await withTable(cluster, keys)
    damage(fileOf(n3, /\.sst$/))
    t.deepEqual(await wrong(n3, keys), [], 'every read is answered, by the others where need be')
    await until('unreadable rows were fetched', async () => {
      const [left, done] = [await n3.metric('rows_to_recover'), await n3.metric('rows_recovered_total')]
      return left === 0 && done > 0
    })
    // What was written anew is whole: it is shown, where nobody else is asked.
    for (const key of keys) t.is((await http('GET', kv(n3.url, BUCKET, key, '?r=1'))).status, 200, key)
  },
)

test.serial(
  'a damaged table is taken out by the node itself once the others can do without it, and what it lost is fetched',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
    const [, n2] = cluster.nodes as [TestNode, TestNode, TestNode]
    const keys = keysOf('key', 200)
    const n3 = await withTable(cluster, keys)
    await n2.kill()
    damage(fileOf(n3, /\.sst$/))
    // A listing is the first to look at the whole table.
    await n3.request('GET', `/v1/kv/${BUCKET}`)
    await until('n3 says so', async () => (await n3.metric('storage_tables_damaged')) === 1)
    await until('n3 waits for n2', () => n3.lines.some((line) => line.includes('mending-waits')))
    const { ready, warnings } = await n3.json<{ ready: boolean; warnings: string[] }>('/health/ready')
    t.true(ready)
    t.regex(warnings.join(), /a table of the database is damaged/)
    t.is(await n3.metric('storage_tables_mended_total'), 0)

    n2.launch()
    await cluster.untilWhole()
    await until('the table is gone', async () => (await n3.metric('storage_tables_mended_total')) === 1)
    await until('n3 is whole again', () => n3.lines.some((line) => line.includes('rebuild-complete')))
    t.true(n3.lines.some((line) => line.includes('rebuild-begun') && line.includes('"trees"')))
    t.is(await n3.metric('storage_tables_damaged'), 0)
    t.true(readdirSync(join(n3.setup.directory, 'rows-damaged')).some((name) => name.endsWith('.sst')))
    for (const key of keys) t.is((await http('GET', kv(n3.url, BUCKET, key, '?r=1'))).status, 200, key)
    await until('rows met before that are whole, too', async () => (await n3.metric('rows_to_recover')) === 0)
    // Without n2 a quorum needs what n3 holds now.
    await n2.kill()
    await n3.kill()
    n3.launch()
    await n3.untilReady()
    t.deepEqual(await wrong(n3, keys), [])
    t.deepEqual(await listed(n3), [...keys].sort())
  },
)

test.serial(
  'a node alone leaves a damaged table where it is: what it cannot read it does not call missing',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 1, flags: ['--engine', 'rocksdb'] })
    const [n1] = cluster.nodes as [TestNode]
    const keys = keysOf('key', 200)
    await putAll(n1, keys)
    await n1.stop()
    n1.launch()
    await cluster.untilWhole()
    damage(fileOf(n1, /\.sst$/))
    await n1.request('GET', `/v1/kv/${BUCKET}`)
    await until('n1 says so', async () => (await n1.metric('storage_tables_damaged')) === 1)
    await sleep(3_000)
    t.is(await n1.metric('storage_tables_mended_total'), 0)
    const answers = new Set<number>()
    for (const key of keys) answers.add((await http('GET', kv(n1.url, BUCKET, key))).status)
    t.true(answers.has(200) && !answers.has(404), [...answers].join())
  },
)

test.serial('a start that cannot read who it is names the damage and what to do', async (t) => {
  const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
  const n3 = await withTable(cluster, keysOf('key', 60))
  await n3.kill()
  const table = fileOf(n3, /\.sst$/)
  const at = readFileSync(table).indexOf('identity')
  t.true(at > 0)
  const file = openSync(table, 'r+')
  writeSync(file, Buffer.of(0xff), 0, 1, at)
  closeSync(file)
  n3.launch()
  t.is((await n3.ended()).code, 1)
  const line = n3.lines.find((each) => each.startsWith('rotunda: ')) ?? ''
  t.regex(
    line,
    /^rotunda: The data directory holds data, but not who it belongs to: .*mismatch.*\/rows\/\d+\.sst/,
  )
  t.regex(line, /It is left untouched\. Set it aside, do not delete it, .*--join/)
  // And that does it.
  renameSync(n3.setup.directory, `${n3.setup.directory}.aside`)
  n3.launch()
  await cluster.untilWhole()
  await until('n3 is filled again', () => n3.lines.some((each) => each.includes('rebuild-complete')))
})

test.serial(
  'a table deleted under a running node: it serves on; the next start refuses in one sentence',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
    const keys = keysOf('key', 60)
    const n3 = await withTable(cluster, keys)
    const table = fileOf(n3, /\.sst$/)
    rmSync(table)
    t.deepEqual(await wrong(n3, keys), [])
    await n3.kill()
    n3.launch()
    t.is((await n3.ended()).code, 1)
    t.true(
      n3.lines.some((line) => /^rotunda: .*(it was left as it is|It is left untouched)/.test(line)),
      n3.lines.slice(-4).join('\n'),
    )
    // A person sets the directory aside; the others fill the new one.
    renameSync(n3.setup.directory, `${n3.setup.directory}.aside`)
    n3.launch()
    await cluster.untilWhole()
    await until('n3 is filled again', () => n3.lines.some((line) => line.includes('rebuild-complete')))
    t.true(n3.lines.some((line) => line.includes('rebuild-begun') && line.includes('"scans"')))
    await cluster.nodes[1]!.kill()
    t.deepEqual(await wrong(n3, keys), [])
  },
)

underTracer(
  'a sync that fails under a running node: fenced, told, reopened by itself, nothing lost',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
    const [n1, , n3] = cluster.nodes as [TestNode, TestNode, TestNode]
    const before = keysOf('before', 30)
    await putAll(n1, before)
    const tracer = await Tracer.failingSyncs(n3.pid)
    t.teardown(() => tracer.detach())
    const during = keysOf('during', 30)
    await putAll(n1, during)
    await until('n3 is fenced', () => n3.lines.some((line) => line.includes('storage-fenced')))
    await until('health of n3 says so', async () => {
      const { status, body } = await n3.request('GET', '/health/ready')
      return status === 503 && body.toString().includes('the storage is fenced')
    })
    t.deepEqual(await wrong(n3, [...before, ...during]), [], 'reads through it are answered by the others')
    await tracer.detach()
    await until('n3 has reopened its storage', () =>
      n3.lines.some((line) => line.includes('storage-reopened')),
    )
    await cluster.untilWhole()
    t.true((await n3.metric('storage_fences_total')) >= 1)
    t.is(await n3.metric('storage_open'), 1)
    await putAll(n3, keysOf('after', 10))
    await n3.kill()
    n3.launch()
    await cluster.untilWhole()
    t.deepEqual(await wrong(n3, [...before, ...during, ...keysOf('after', 10)]), [])
  },
)
