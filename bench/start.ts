/**
 * How long a node takes from its start to its first acknowledged put, and what three nodes cost when nobody asks them anything.
 *
 *     node dist/bench/start.js [--starts 7] [--idle-seconds 10] [--idle-keys 1000000] [--dir DIR]
 *
 * With keys, the idle nodes hold so many, of 100 bytes each, and keep them alike in the background.
 */
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Cluster } from './clusters.js'
import { freshDirectory } from './disk.js'
import { fillOver } from './load/fill.js'
import { KeySet } from './load/key-set.js'
import { Values } from './load/values.js'
import { cpuTime, residentBytes } from './measure/cpu.js'
import { median } from './measure/statistics.js'

const RETRY_MS = 2
const GIVE_UP_MS = 30_000
/** Just-started nodes still compile, gossip and settle. */
const SETTLE_MS = 10_000
/** Flushes and compactions come to their end, and every pair of replicas has been compared. */
const SETTLE_FILLED_MS = 45_000
const FILL_CONNECTIONS = 64
const FILL_VALUE_BYTES = 100
const MiB = 1024 * 1024
const PUT =
  'PUT /v1/kv/bench/first HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1'

const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '7' },
    'idle-seconds': { type: 'string', default: '10' },
    'idle-keys': { type: 'string', default: '0' },
    dir: { type: 'string' },
  },
})
const directory = freshDirectory(values.dir)
try {
  await measureStarts(Number(values.starts))
  await measureIdle(Number(values['idle-seconds']), Number(values['idle-keys']))
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function measureStarts(starts: number): Promise<void> {
  const tookMs: number[] = []
  const cpuMs: number[] = []
  for (let i = 0; i < starts; i++) {
    const start = await oneStart(join(directory, `start-${i}`))
    tookMs.push(start.tookMs)
    cpuMs.push(start.cpuMs)
  }
  const [least, most] = [Math.min(...tookMs), Math.max(...tookMs)]
  console.log(
    `start to first put, one node, new directory: ${median(tookMs).toFixed(0)} ms (${least.toFixed(0)} … ${most.toFixed(0)}, ${starts} starts), CPU ${median(cpuMs).toFixed(0)} ms`,
  )
}

async function oneStart(data: string): Promise<{ tookMs: number; cpuMs: number }> {
  const startMs = performance.now()
  const cluster = await Cluster.spawn({ system: 'rotunda', directory: data, durability: 'fsync', nodes: 1 })
  try {
    while (!(await putOnce(cluster.clientPorts[0]!))) {
      if (performance.now() - startMs > GIVE_UP_MS) throw new Error(`no put within ${GIVE_UP_MS / 1000} s`)
      await sleep(RETRY_MS)
    }
    return { tookMs: performance.now() - startMs, cpuMs: cpuTime(cluster.pids).totalUs / 1000 }
  } finally {
    await cluster.stop()
  }
}

/** True once the node answers 204; false while nobody listens there or it is not ready. */
function putOnce(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => socket.write(PUT))
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(bytes.toString('latin1').startsWith('HTTP/1.1 204'))
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}

async function measureIdle(seconds: number, keys: number): Promise<void> {
  const cluster = await Cluster.start({
    system: 'rotunda',
    directory: join(directory, 'idle'),
    durability: 'fsync',
  })
  try {
    if (keys > 0)
      await fillOver(
        cluster.clientPorts,
        FILL_CONNECTIONS,
        FILL_VALUE_BYTES,
        new KeySet(keys),
        new Values(FILL_VALUE_BYTES),
      )
    await sleep(keys > 0 ? SETTLE_FILLED_MS : SETTLE_MS)
    const { pids } = cluster
    const before = cpuTime(pids).totalUs
    await sleep(seconds * 1000)
    const share = (cpuTime(pids).totalUs - before) / 1e6 / seconds / cluster.size
    const eachMiB = residentBytes(pids) / MiB / cluster.size
    console.log(
      `idle${keys > 0 ? ` with ${keys} keys` : ''}, each of ${cluster.size} nodes: ${eachMiB.toFixed(1)} MiB resident, ${(share * 100).toFixed(2)} % of a core`,
    )
  } finally {
    await cluster.stop()
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
