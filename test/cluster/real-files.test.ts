/**
 * Real input on real processes: some thousand files of the installed packages, each stored under its path with its content type on
 * three nodes, through 32 connections, while one node is killed with SIGKILL and started again. Then every file whose write was
 * acknowledged is read from every node and compared byte for byte.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { Agent } from 'node:http'
import { extname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { TestCluster } from './cluster.js'
import { http, kv } from './http.js'
import { until } from './until.js'

const PACKAGES = fileURLToPath(new URL('../../../node_modules', import.meta.url))
const FILES = 3_000
const CONNECTIONS = 32
const LARGEST_BYTES = 1024 * 1024
const MOST_TRIES = 50

const TYPES = new Map([
  ['.js', 'text/javascript; charset=utf-8'],
  ['.json', 'application/json'],
  ['.md', 'text/markdown'],
  ['.ts', 'text/x-typescript'],
  ['.map', 'application/json'],
  ['.html', 'text/html'],
])

interface RealFile {
  /** Its path below the packages, with slashes: what it is stored under. */
  readonly key: string
  readonly type: string
  /** Read once: other tests may be writing beside us. */
  readonly bytes: Buffer
}

/** Every so-manieth file of the tree, so that all packages and sizes are among them. */
function chooseFiles(): RealFile[] {
  const paths = readdirSync(PACKAGES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size <= LARGEST_BYTES)
    .filter((path) => Buffer.byteLength(relative(PACKAGES, path)) <= 1024)
    .sort()
  const step = Math.max(1, Math.floor(paths.length / FILES))
  return paths
    .filter((_, index) => index % step === 0)
    .map((path) => ({
      key: relative(PACKAGES, path).split(sep).join('/'),
      type: TYPES.get(extname(path)) ?? 'application/octet-stream',
      bytes: readFileSync(path),
    }))
}

/** Runs `work` for each item, `CONNECTIONS` at a time. */
async function inParallel<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lanes = Array.from({ length: CONNECTIONS }, async () => {
    while (next < items.length) {
      const index = next++
      await work(items[index]!, index)
    }
  })
  await Promise.all(lanes)
}

test.serial('thousands of real files survive a node that is killed while they are stored', async (t) => {
  t.timeout(300_000, 'three thousand files on three nodes')
  const cluster = await TestCluster.start(t)
  const files = chooseFiles()
  t.true(files.length >= 2_000, `${files.length} files`)
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  t.teardown(() => agent.destroy())
  const acknowledged = new Set<RealFile>()
  const unsuccessful = new Map<string, number>()
  let firstTry = 0

  /** Stores a file through one node after the other until one acknowledges. The operation id makes a second try the same write. */
  const store = async (file: RealFile, index: number): Promise<void> => {
    const headers = { 'Content-Type': file.type, 'Rotunda-Operation': `file-${index}` }
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      const node = cluster.nodes[(index + attempt) % 3]!
      try {
        const { status } = await http('PUT', kv(node.url, 'files', file.key), {
          headers,
          body: file.bytes,
          agent,
        })
        if (status === 204) {
          if (attempt === 0) firstTry++
          acknowledged.add(file)
          return
        }
        unsuccessful.set(`${status}`, (unsuccessful.get(`${status}`) ?? 0) + 1)
      } catch (error) {
        const { code = 'unknown' } = error as NodeJS.ErrnoException
        unsuccessful.set(code, (unsuccessful.get(code) ?? 0) + 1)
      }
    }
  }

  const [, victim] = cluster.nodes
  const killing = (async () => {
    await until('a quarter is stored', () => acknowledged.size > files.length / 4, 120_000)
    await victim!.kill()
    const without = acknowledged.size
    await until(
      'a quarter more is stored without it',
      () => acknowledged.size > without + files.length / 4,
      120_000,
    )
    victim!.launch()
  })()
  await inParallel(files, store)
  await killing
  await cluster.untilWhole()
  t.log(
    `${acknowledged.size} of ${files.length} acknowledged, ${firstTry} at the first try; otherwise`,
    Object.fromEntries(unsuccessful),
  )
  t.is(acknowledged.size, files.length, 'with two of three nodes up every write finds its quorum in the end')

  const wrong: string[] = []
  for (const node of cluster.nodes) {
    await inParallel([...acknowledged], async (file) => {
      const { status, headers, body } = await http('GET', kv(node.url, 'files', file.key), { agent })
      const right = status === 200 && body.equals(file.bytes) && headers['content-type'] === file.type
      if (!right)
        wrong.push(
          `${node.setup.name} ${file.key}: ${status} ${headers['content-type']} ${body.length} bytes`,
        )
    })
  }
  t.deepEqual(wrong, [])
})
