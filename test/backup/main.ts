/**
 * A round trip of many keys through real nodes: a made backup is restored into a cluster of three, that is backed up, this is restored into a cluster of five with
 * another N and another Q, and that is backed up, too. All three copies have to be the same, byte for byte, by their hashes.
 *
 *     npm run backup-round-trip -- --keys 1000000
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Manifest } from '../../src/cli/backup/manifest.js'
import { freePorts } from '../cluster/free-ports.js'
import { rotunda } from '../cluster/run.js'
import { TestNode } from '../cluster/test-node.js'
import { until } from '../cluster/until.js'
import { rowsByRange } from '../model/backup-objects.js'
import { makeBackup } from '../model/made-backup.js'

const LONGEST_MS = 30 * 60_000

interface Kind {
  readonly nodes: number
  readonly n: number
  readonly partitions: number
}

const FIRST: Kind = { nodes: 3, n: 3, partitions: 256 }
const SECOND: Kind = { nodes: 5, n: 2, partitions: 64 }

/** Ends whatever is begun in `directory` with it. */
async function withCluster<T>(directory: string, kind: Kind, work: (url: string) => Promise<T>): Promise<T> {
  const { nodes: count, n, partitions } = kind
  const ports = await freePorts(2 * count)
  mkdirSync(directory)
  const secret = join(directory, 'secret')
  writeFileSync(secret, `${'5'.repeat(64)}\n`, { mode: 0o600 })
  const born = ['--n', `${n}`, '--partitions', `${partitions}`, '--secret-file', secret]
  const nodes = Array.from({ length: count }, (_, index) => {
    const name = `n${index + 1}`
    const join0 = index === 0 ? born : [...born, '--join', `127.0.0.1:${ports[count]}`]
    const own = { name, port: ports[index]!, peerPort: ports[count + index]! }
    return new TestNode({ ...own, directory: join(directory, name), flags: join0 })
  })
  try {
    for (const node of nodes) node.launch()
    await Promise.all(nodes.map((node) => node.untilReady()))
    await until('all are members and up', async () => {
      const { members } = await nodes[0]!.json<{ members: { liveness: string }[] }>('/v1/cluster')
      return members.filter(({ liveness }) => /^(self|up)$/.test(liveness)).length === count
    })
    return await work(nodes[0]!.url)
  } finally {
    await Promise.all(nodes.map((node) => node.kill()))
    rmSync(directory, { recursive: true, force: true })
  }
}

async function command(...args: string[]): Promise<unknown> {
  const beganMs = performance.now()
  const { code, stdout, stderr } = await rotunda([...args, '--json'], { timeoutMs: LONGEST_MS })
  console.log(`${args[0]}: ${((performance.now() - beganMs) / 1000).toFixed(1)} s`)
  if (code !== 0) throw new Error(`rotunda ${args.join(' ')}: exit code ${code}: ${stderr}`)
  return JSON.parse(stdout.toString())
}

/** Restores and backs up again; the copy's manifest. */
async function passed(directory: string, kind: Kind, from: string, to: string): Promise<Manifest> {
  console.log(`${kind.nodes} nodes, N = ${kind.n}, Q = ${kind.partitions}`)
  return withCluster(join(directory, `nodes-${to}`), kind, async (url) => {
    await command('restore', join(directory, from), '--url', url)
    return (await command('backup', join(directory, to), '--url', url)) as Manifest
  })
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { keys: { type: 'string', default: '1000000' } } })
  const keys = Number(values.keys)
  const directory = mkdtempSync(join(tmpdir(), 'rotunda-round-trip-'))
  try {
    mkdirSync(join(directory, 'made'))
    const made = await makeBackup(join(directory, 'made'), rowsByRange(keys))
    console.log(`${made.rows} keys, ${made.bytes} bytes, content ${made.content}`)
    const first = await passed(directory, FIRST, 'made', 'first')
    const second = await passed(directory, SECOND, 'first', 'second')
    const isSame = [first, second].every(({ rows, content }) => rows === keys && content === made.content)
    for (const { rows, content } of [first, second]) console.log(`${rows} keys, content ${content}`)
    console.log(isSame ? 'All three are the same.' : 'They differ.')
    return isSame ? 0 : 1
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

process.exitCode = await main()
