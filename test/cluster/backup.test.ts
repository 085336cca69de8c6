/** Backups of real nodes under load, and back into clusters of another size: nothing acknowledged is missing, nothing newer is lost, nothing deleted comes back unasked. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { rangeName } from '../../src/cli/backup/range-file.js'
import { readRangeFile } from '../../src/cli/backup/range-file-reader.js'
import { decodeObject, liveCount } from '../../src/kernel/index.js'
import { decodeRows } from '../../src/wire/copied-rows.js'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { cleanEnvironment, type Ended, LAUNCHER, rotunda } from './run.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

const BUCKET = 'b'
/** A tombstone is left alone for fifteen seconds, and a round begins every five or so. */
const REAPED_MS = 90_000
const PATIENCE = { timeoutMs: 110_000 }

async function put(node: TestNode, key: string, body: string, context?: string): Promise<void> {
  const headers = context === undefined ? {} : { 'Rotunda-Context': context }
  const { status } = await http('PUT', kv(node.url, BUCKET, key), { body, headers })
  if (status !== 204) throw new Error(`PUT ${key}: ${status}`)
}

async function contextOf(node: TestNode, key: string): Promise<string> {
  return String((await http('GET', kv(node.url, BUCKET, key))).headers['rotunda-context'])
}

async function remove(node: TestNode, key: string): Promise<void> {
  const { status } = await http('DELETE', kv(node.url, BUCKET, key))
  if (status !== 204) throw new Error(`DELETE ${key}: ${status}`)
}

const read = (node: TestNode, key: string) => http('GET', kv(node.url, BUCKET, key))

/** Status and values; with several of them contexts stand between, and those belong to a cluster. */
async function shown(node: TestNode, key: string): Promise<unknown> {
  const { status, body } = await read(node, key)
  if (status !== 300) return { status, body: body.toString() }
  const { versions } = JSON.parse(body.toString()) as { versions: Record<string, unknown>[] }
  return { status, versions }
}

const command = (name: string, directory: string, node: TestNode, ...flags: string[]): Promise<Ended> =>
  rotunda([name, directory, '--url', node.url, '--json', ...flags], PATIENCE)

function succeeds(t: ExecutionContext, ended: Ended): Record<string, unknown> {
  t.is(ended.code, 0, ended.stderr)
  return JSON.parse(ended.stdout.toString()) as Record<string, unknown>
}

/** Objects of a backup by row key. */
async function contentOf(directory: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  for (let range = 0; range < 256; range++) {
    const { damage } = await readRangeFile(join(directory, rangeName(range)), ({ rows }) => {
      for (const { rowKey, object } of decodeRows(rows))
        found.set(Buffer.from(rowKey).toString('latin1'), Buffer.from(object))
    })
    if (damage.length > 0) throw new Error(`${rangeName(range)}: ${damage.join()}`)
  }
  return found
}

/** Values with what they replaced, siblings, deletions beside values, and deletions alone. */
async function fill(nodes: readonly TestNode[], count: number): Promise<void> {
  const at = (index: number) => nodes[index % nodes.length]!
  for (let index = 0; index < count; index++) {
    const key = `k${index}`
    await put(at(index), key, `value ${index}`)
    if (index % 10 === 1) await put(at(index + 1), key, 'written beside it')
    if (index % 10 === 2) await put(at(index + 1), key, 'written over', await contextOf(at(index), key))
    if (index % 10 === 3) await remove(at(index + 1), key)
  }
}

/** Starts a command, kills it as soon as `when` says so, and tells whether it was still running. */
async function killed(args: readonly string[], when: () => boolean): Promise<boolean> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { env: cleanEnvironment(), stdio: 'ignore' })
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('close', (_, signal) => resolve(signal)),
  )
  await until('the command is in the midst of it', () => when() || child.exitCode !== null, 60_000)
  child.kill('SIGKILL')
  return (await ended) === 'SIGKILL'
}

const filesIn = (directory: string) =>
  existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.rows')) : []

test.serial(
  'under load, into a cluster of another size, N and Q: everything acknowledged before, byte for byte',
  async (t) => {
    const first = await TestCluster.start(t)
    const second = await TestCluster.start(t, { nodes: 5, flags: ['--n', '2', '--partitions', '64'] })
    await fill(first.nodes, 200)
    let goesOn = true
    let writes = 0
    const load = Array.from({ length: 4 }, async (_, client) => {
      for (; goesOn; writes++)
        await put(first.nodes[writes % 3]!, `load-${client}-${writes % 500}`, `${writes}`)
    })
    await until('there is some load', () => writes > 50)
    const [before, copy] = [join(first.directory, 'before'), join(first.directory, 'copy')]
    const manifest = succeeds(t, await command('backup', before, first.nodes[1]!))
    const during = writes
    goesOn = false
    await Promise.all(load)
    t.true(during > 60, `${during} writes`)
    t.deepEqual(manifest.absent, [])
    const target = second.nodes[3]!
    t.like(succeeds(t, await command('restore', before, target)), { held: 0, damaged: [], canTell: true })
    succeeds(t, await command('backup', copy, second.nodes[0]!))

    const [had, has] = [await contentOf(before), await contentOf(copy)]
    for (const [key, object] of had) {
      const there = has.get(key)
      // Nothing but a deletion: it may have been let go of already, on either side.
      if (there === undefined) t.is(liveCount(object), 0)
      else t.deepEqual(there, object)
    }
    t.true([...has.keys()].every((key) => had.has(key)))
    t.is([...had.values()].filter((object) => decodeObject(object).siblings.length === 2).length >= 20, true)
    for (let index = 0; index < 200; index++) {
      t.deepEqual(await shown(target, `k${index}`), await shown(first.nodes[0]!, `k${index}`), `k${index}`)
    }
    // A context of the old cluster is none here.
    const foreign = { headers: { 'Rotunda-Context': await contextOf(first.nodes[0]!, 'k5') }, body: 'x' }
    t.is((await http('PUT', kv(target.url, BUCKET, 'k5'), foreign)).status, 400)
    await put(target, 'k5', 'goes on here', await contextOf(target, 'k5'))
    t.is((await read(target, 'k5')).body.toString(), 'goes on here')
  },
)

test.serial('stopped and begun again, a backup and a restore go on with what is missing', async (t) => {
  const { nodes, directory } = await TestCluster.start(t)
  const [n1, n2] = nodes as [TestNode, TestNode]
  await fill(nodes, 300)
  const copy = join(directory, 'copy')
  const wasKilled = await killed(['backup', copy, '--url', n1.url], () => filesIn(copy).length >= 20)
  t.true(wasKilled)
  const done = filesIn(copy)
  const ages = new Map(done.map((name) => [name, statSync(join(copy, name)).ino]))
  t.true(done.length >= 20 && done.length < 256)
  const unfinished = await command('restore', copy, n1)
  t.is(unfinished.code, 1)
  t.regex(unfinished.stderr, /was never ended/)
  succeeds(t, await command('backup', copy, n2))
  t.is(filesIn(copy).length, 256)
  for (const [name, ino] of ages) t.is(statSync(join(copy, name)).ino, ino)
  t.deepEqual(
    readdirSync(copy).filter((name) => name.endsWith('.partial')),
    [],
  )
  t.regex((await command('backup', copy, n2)).stderr, /which is whole: name another directory/)

  const other = await TestCluster.start(t, { nodes: 1 })
  const target = other.nodes[0]!
  const progress = () => readdirSync(copy).find((name) => name.endsWith('.progress'))
  const ranges = () => {
    const name = progress()
    return name === undefined
      ? 0
      : Object.keys((JSON.parse(readFileSync(join(copy, name), 'utf8')) as { done: object }).done).length
  }
  t.true(await killed(['restore', copy, '--url', target.url], () => ranges() >= 20))
  const again = await command('restore', copy, target)
  t.regex(again.stderr, /goes on where it was stopped: \d+ of 256 ranges are done/)
  const { skipped, keys } = succeeds(t, again) as { skipped: number; keys: number }
  t.true(skipped >= 20 && keys < 300)
  t.is(progress(), undefined)
  for (let index = 0; index < 300; index += 7) {
    t.deepEqual(await shown(target, `k${index}`), await shown(n1, `k${index}`), `k${index}`)
  }
})

test.serial(
  'an old copy loses nothing newer, and brings back nothing that was deleted unless it is asked to',
  async (t) => {
    const { nodes, directory } = await TestCluster.start(t)
    const [n1, n2, n3] = nodes as [TestNode, TestNode, TestNode]
    for (let index = 0; index < 30; index++) await put(n1, `k${index}`, `old ${index}`)
    const copy = join(directory, 'copy')
    succeeds(t, await command('backup', copy, n1))
    for (let index = 0; index < 10; index++)
      await put(n2, `k${index}`, `new ${index}`, await contextOf(n2, `k${index}`))
    for (let index = 10; index < 20; index++) await remove(n3, `k${index}`)
    await put(n1, 'later', 'later')
    const isAsItShouldBe = async (deleted: number, what: string) => {
      for (let index = 0; index < 30; index++) {
        const { status, body } = await read(nodes[index % 3]!, `k${index}`)
        const wanted = index < 10 ? `new ${index}` : `old ${index}`
        if (index >= 10 && index < 20) t.is(status, deleted, `${what}: k${index}`)
        else t.deepEqual([status, body.toString()], [200, wanted], `${what}: k${index}`)
      }
      t.is((await read(n2, 'later')).body.toString(), 'later', what)
    }
    succeeds(t, await command('restore', copy, n2))
    await isAsItShouldBe(404, 'tombstones are there')

    // Also a restart on the way forgets nothing of what went.
    await n3.kill()
    n3.launch()
    await n3.untilReady()
    await until(
      'all tombstones are gone',
      async () =>
        (await Promise.all(nodes.map((node) => node.metric('tombstones')))).every((each) => each === 0),
      REAPED_MS,
    )
    const refused = await command('restore', copy, n3)
    t.is(refused.code, 1)
    t.regex(refused.stderr, /^rotunda: 10 keys were left out: their values may have been deleted since/m)
    t.like(JSON.parse(refused.stdout.toString()), { held: 10, canTell: true })
    await isAsItShouldBe(404, 'tombstones are gone')
    t.like(succeeds(t, await command('restore', copy, n1, '--allow-reaped')), { held: 0 })
    await isAsItShouldBe(200, 'allowed')

    // A new cluster has let go of nothing: there is nothing to be asked.
    const other = await TestCluster.start(t, { nodes: 1 })
    t.like(succeeds(t, await command('restore', copy, other.nodes[0]!)), {
      held: 0,
      written: 30,
      canTell: true,
    })

    const name = filesIn(copy).find((file) => statSync(join(copy, file)).size > 250)!
    const bytes = readFileSync(join(copy, name))
    bytes[Math.floor(bytes.length / 2)]! ^= 1
    writeFileSync(join(copy, name), bytes)
    const damaged = await command('restore', copy, other.nodes[0]!)
    t.is(damaged.code, 1)
    t.regex(damaged.stderr, new RegExp(`${name} is damaged .*nothing of it was restored`))
    t.like(JSON.parse(damaged.stdout.toString()), { damaged: [{ name, restored: false }] })
    const salvaged = await command('restore', copy, other.nodes[0]!, '--salvage')
    t.regex(salvaged.stderr, new RegExp(`${name} is damaged .*keys of it were restored`))
  },
)
