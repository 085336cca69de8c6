/** What clients and operators see while the storage of one of three real nodes is full, or has lost rows. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, statfsSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { BUCKET, fileOf, keysOf, putAll, wrong } from './stored.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

const MiB = 1024 * 1024
const DISK_MIB = 96

const onSmallDisk = canMount() ? test.serial : test.skip

test('what this machine can provoke', (t) => {
  t.log(canMount() ? 'small disks: run' : 'small disks: not run, mounting is not allowed here')
  t.pass()
})

onSmallDisk(
  'the disk of one node is full: it says so, answers what it can, the others take the writes, and with room again it has all of them',
  async (t) => {
    const flags = ['--engine', 'rocksdb', '--free-space-floor', '16MiB']
    const cluster = await TestCluster.prepare(t, { flags })
    const [n1, , n3] = cluster.nodes as [TestNode, TestNode, TestNode]
    const { directory } = n3.setup
    mkdirSync(directory)
    if (!mount(directory)) throw new Error('could not mount')
    chmodSync(directory, 0o700)
    t.teardown(() => spawnSync('umount', ['-l', directory]))
    for (const node of cluster.nodes) node.launch()
    await cluster.untilWhole()
    await putAll(n1, keysOf('before', 30))
    await until('n3 has them', async () => (await n3.metric('storage_rows_written_total')) >= 30)

    // Below the floor: no row is taken, nothing fails.
    fill(directory, 8 * MiB)
    await until('its health says so', async () => {
      const { warnings = [] } = await n3.json<{ warnings?: string[] }>('/health/ready')
      return warnings.some((warning) => /less room .* on the disk/.test(warning))
    })
    t.true((await n3.metric('storage_free_bytes')) < 16 * MiB)
    await putAll(n1, keysOf('below', 30))
    t.true((await n3.metric('storage_refused_total{reason="full"}')) > 0)
    t.is(await n3.metric('storage_open'), 1)

    // Not a byte left: what the node writes of itself fails, and it is fenced.
    fill(directory, 0, 'crumbs')
    await putAll(n3, keysOf('through', 20))
    t.deepEqual(
      await wrong(n3, [...keysOf('before', 30), ...keysOf('below', 30), ...keysOf('through', 20)]),
      [],
    )

    for (const name of ['ballast', 'crumbs']) rmSync(join(directory, name))
    await until('there is room again', async () => {
      const { ready, warnings = [] } = await n3.json<{ ready: boolean; warnings?: string[] }>('/health/ready')
      return ready && warnings.length === 0
    })
    const all = [...keysOf('before', 30), ...keysOf('below', 30), ...keysOf('through', 20)]
    await until('n3 was given what it could not take', async () => {
      const answers = await Promise.all(all.map((key) => http('GET', kv(n3.url, BUCKET, key, '?r=all'))))
      return answers.every(({ status }) => status === 200)
    })
    await cluster.nodes[1]!.kill()
    t.deepEqual(await wrong(n3, all), [], 'a quorum needs what n3 holds now')
  },
)

test.serial(
  'a replica that lost rows counts for no read until it has exchanged with a majority of the others, and says so',
  async (t) => {
    const cluster = await TestCluster.start(t, { flags: ['--engine', 'rocksdb'] })
    const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
    const keys = keysOf('key', 40)
    await putAll(n1, keys)
    await until('all have them', async () => {
      const written = await Promise.all(
        cluster.nodes.map((node) => node.metric('storage_rows_written_total')),
      )
      return written.every((rows) => rows >= keys.length)
    })
    const before = incarnations(n3).at(-1)
    await n3.kill()
    const log = fileOf(n3, /\.log$/)
    truncateSync(log, statSync(log).size >> 1)
    await n2.kill()
    n3.launch()
    await until('n3 is up and incomplete', async () => {
      const reply = await n3.request('GET', '/health/ready').catch(() => undefined)
      return reply?.body.toString().includes('this replica lost rows') === true
    })
    t.is(await n3.metric('rebuilding'), 1)
    await until('n1 and n3 see each other', async () => (await n1.metric('peers_connected')) === 1)
    // n1 has every row, and one that may lack rows is no second opinion. Nobody calls missing what n3 has lost.
    for (const node of [n1, n3]) {
      const statuses = new Set<number>()
      for (const key of keys)
        statuses.add((await http('GET', kv(node.url, BUCKET, key, '?timeout=500'))).status)
      t.false(statuses.has(404), node.setup.name)
      t.true(statuses.has(503), `${node.setup.name}: ${[...statuses].join()}`)
    }
    t.is((await http('GET', kv(n1.url, BUCKET, keys[0]!, '?r=1'))).status, 200)

    n2.launch()
    await until('n3 is whole again', async () => (await n3.metric('rebuilding')) === 0)
    await until('n3 has taken a new incarnation', () => incarnations(n3).at(-1) !== before)
    await cluster.untilWhole()
    await n2.kill()
    t.deepEqual(await wrong(n3, keys), [])
  },
)

/** Those that were confirmed by the others, oldest first. */
function incarnations(node: TestNode): string[] {
  return node.lines.flatMap((line) =>
    line.includes('identity-confirmed') ? [(JSON.parse(line) as { incarnation: string }).incarnation] : [],
  )
}

/** Fills the disk with a file up to so many free bytes. */
function fill(disk: string, leaveBytes: number, name = 'ballast'): void {
  const { bavail, bsize } = statfsSync(disk)
  const kib = Math.max(0, Math.ceil((bavail * bsize - leaveBytes) / 1024))
  spawnSync('dd', ['if=/dev/zero', `of=${join(disk, name)}`, 'bs=1k', `count=${kib}`])
}

function mount(directory: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', directory]).status === 0
}

function canMount(): boolean {
  return process.platform === 'linux' && spawnSync('unshare', ['--mount', 'true']).status === 0
}
