/**
 * `npm run bench:overload`: how many clients in a closed loop saturate three nodes, and what five times as many get. The nodes are pinned to one core and
 * the clients to another where there are two and taskset is there. The exit code is 1 where goodput falls below 80 % of the peak, an
 * answer is wrong, or a node is suspected.
 *
 *   --keys 6000 --value-bytes 1024 --gets 0.5 --seconds 15 --factor 5 --most 512 --durability fsync --dir DIR
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Cluster } from '../clusters.js'
import { freshDirectory } from '../disk.js'
import { fillOver } from '../load/fill.js'
import { KeySet } from '../load/key-set.js'
import { KeyedWorkload } from '../load/keyed-workload.js'
import { Values } from '../load/values.js'
import { residentBytes } from '../measure/cpu.js'
import { Crowd, type Tally } from './crowd.js'
import { type Metrics, metricsOf, sum, Watcher } from './watch.js'

const { values: given } = parseArgs({
  options: {
    keys: { type: 'string', default: '6000' },
    'value-bytes': { type: 'string', default: '1024' },
    gets: { type: 'string', default: '0.5' },
    seconds: { type: 'string', default: '15' },
    factor: { type: 'string', default: '5' },
    most: { type: 'string', default: '512' },
    durability: { type: 'string', default: 'fsync' },
    dir: { type: 'string' },
  },
})
const keyCount = Number(given.keys)
const valueBytes = Number(given['value-bytes'])
const measureMs = Number(given.seconds) * 1000
const RAMP_WARMUP_MS = 1_000
const RAMP_MS = 2_500
const FIRST_CLIENTS = 6
/** So much of the peak is called saturated: the smallest number of clients that reaches it is what the factor multiplies. */
const SATURATED = 0.95
const LEAST_GOODPUT = 0.8
const PROBE = 'rotunda_control_round_trip_seconds'
const LIMIT = 'rotunda_requests_limit'
const LATE = 'rotunda_queue_delay_seconds{queue="loop"}'

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** All threads that these processes have, and those that they will have. */
function pin(pids: readonly number[], core: number): boolean {
  return pids.every((pid) => spawnSync('taskset', ['-a', '-p', '-c', String(core), String(pid)]).status === 0)
}

function perSecond({ served, seconds }: Tally): number {
  return served / seconds
}

function milliseconds(us: number): string {
  return (us / 1000).toFixed(1)
}

function line(clients: number, tally: Tally): string {
  const { latency, shed, seconds } = tally
  const shares = [latency.quantile(0.5), latency.quantile(0.99)].map(milliseconds)
  return `${String(clients).padStart(6)} clients  ${perSecond(tally).toFixed(0).padStart(6)} /s   p50 ${shares[0]} ms   p99 ${shares[1]} ms   shed ${(shed / seconds).toFixed(0)} /s`
}

/** Twice as many clients each time, until twice as many bring nothing: the peak, and the fewest that come near it. */
async function ramp(crowd: Crowd, ports: readonly number[]): Promise<{ peak: number; saturating: number }> {
  const steps: { clients: number; goodput: number }[] = []
  for (let clients = FIRST_CLIENTS; clients <= Number(given.most); clients *= 2) {
    await crowd.grow(ports, clients, valueBytes)
    const tally = await crowd.run(clients, RAMP_WARMUP_MS, RAMP_MS)
    refuseFaults(tally)
    say(line(clients, tally))
    steps.push({ clients, goodput: perSecond(tally) })
    const [before, last] = steps.slice(-2)
    if (last !== undefined && last.goodput < (before?.goodput ?? 0) * 1.02 && steps.length > 2) break
  }
  const peak = Math.max(...steps.map(({ goodput }) => goodput))
  const saturating = steps.find(({ goodput }) => goodput >= peak * SATURATED)!.clients
  return { peak, saturating }
}

function refuseFaults({ faults, firstFault }: Tally): void {
  if (faults === 0) return
  say(`${faults} wrong answers: ${firstFault}`)
  process.exitCode = 1
}

function report(before: readonly Metrics[], after: readonly Metrics[], tally: Tally, peak: number): void {
  const share = perSecond(tally) / peak
  const suspicions = sum(after, 'rotunda_suspicions_total') - sum(before, 'rotunda_suspicions_total')
  const shed = sum(after, 'rotunda_requests_shed_total') - sum(before, 'rotunda_requests_shed_total')
  say(`goodput ${(share * 100).toFixed(0)} % of the peak of ${peak.toFixed(0)} /s`)
  say(
    `shed by the nodes in all ${shed}; a refusal took p99 ${milliseconds(tally.shedLatency.quantile(0.99))} ms`,
  )
  say(`suspicions ${suspicions}`)
  if (share < LEAST_GOODPUT || suspicions > 0) process.exitCode = 1
}

async function measure(cluster: Cluster): Promise<void> {
  const ports = cluster.clientPorts
  const pinned =
    availableParallelism() > 1 && pin(cluster.pids, 0) && pin([process.pid], 1)
      ? 'one core each'
      : 'not pinned'
  const keys = new KeySet(keyCount)
  const values = new Values(valueBytes)
  await fillOver(ports, 24, valueBytes, keys, values)
  const workload = new KeyedWorkload({ keys, values, shareOfGets: Number(given.gets), exactVersions: true })
  const crowd = new Crowd(keys, workload)
  say(
    `three nodes on one core, clients on another (${pinned}); values of ${valueBytes} bytes, ${given.gets} gets`,
  )
  const { peak, saturating } = await ramp(crowd, ports)
  const clients = Math.ceil(saturating * Number(given.factor))
  await crowd.grow(ports, clients, valueBytes)
  await crowd.rest()
  const rssBefore = residentBytes(cluster.pids)
  const before = await Promise.all(ports.map(metricsOf))
  const watcher = new Watcher(ports, [PROBE, LIMIT, LATE], 500)
  say(`${given.factor} × the ${saturating} that saturate:`)
  const warm = await crowd.run(clients, 2_000, 2_000)
  const rss = [rssBefore]
  const sampler = setInterval(() => rss.push(residentBytes(cluster.pids)), measureMs / 5)
  const tally = await crowd.run(clients, 0, measureMs)
  watcher.stop()
  refuseFaults(warm)
  const after = await Promise.all(ports.map(metricsOf))
  say(line(clients, tally))
  report(before, after, tally, peak)
  refuseFaults(tally)
  const highest = (name: string) => watcher.most.get(name) ?? Number.NaN
  say(
    `control round trip at most ${milliseconds(highest(PROBE) * 1e6)} ms, input waited at most ${milliseconds(highest(LATE) * 1e6)} ms`,
  )
  say(`limits at the end ${after.map((node) => node.get(LIMIT)).join(', ')} of a node`)
  clearInterval(sampler)
  say(
    `resident memory of the three nodes before and then: ${rss.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(', ')} MiB`,
  )
  await crowd.rest()
  crowd.close()
}

const directory = freshDirectory(given.dir)
let cluster: Cluster | undefined
try {
  cluster = await Cluster.start({
    system: 'rotunda',
    directory: join(directory, 'rotunda'),
    durability: given.durability,
  })
  await measure(cluster)
} finally {
  await cluster?.stop()
  rmSync(directory, { recursive: true, force: true })
}
