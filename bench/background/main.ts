/**
 * `npm run bench:background`: what clients of two nodes feel while a third one is brought up to date. Quiet first; then, each until it is done:
 *
 *   restart   the third was away for a moment in which nothing was written: what a start costs by itself, for comparison
 *   handoff   it was away while all keys were written, comes back and is handed its hints
 *   refill    it comes back with an empty disk
 *
 * The exit code is 1 where an answer is wrong or one of them does not end.
 *
 *   --stages restart,handoff,refill --keys 20000 --value-bytes 1024 --clients 16 --gets 0.5 --durability fsync --dir DIR
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Cluster } from '../clusters.js'
import { freshDirectory } from '../disk.js'
import { fillOver } from '../load/fill.js'
import { KeySet } from '../load/key-set.js'
import { KeyedWorkload } from '../load/keyed-workload.js'
import { Values } from '../load/values.js'
import { cpuTime } from '../measure/cpu.js'
import { Histogram } from '../measure/histogram.js'
import { Crowd } from '../overload/crowd.js'
import { type Metrics, metricsOf, most, sum } from '../overload/watch.js'

const { values: given } = parseArgs({
  options: {
    keys: { type: 'string', default: '20000' },
    'value-bytes': { type: 'string', default: '1024' },
    clients: { type: 'string', default: '16' },
    gets: { type: 'string', default: '0.5' },
    durability: { type: 'string', default: 'fsync' },
    stages: { type: 'string', default: 'restart,handoff,refill' },
    dir: { type: 'string' },
  },
})
const keyCount = Number(given.keys)
const valueBytes = Number(given['value-bytes'])
const clients = Number(given.clients)
const stages = given.stages.split(',')
const QUIET_MS = 6_000
const RESTART_WINDOWS = 10
const WINDOW_MS = 1_000
/** A stage that has not ended after so many windows does not end. */
const MOST_WINDOWS = 90
const THIRD = 2
const GRANT = 'rotunda_background_grant'

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

class Bench {
  readonly #cluster: Cluster
  readonly #keys = new KeySet(keyCount)
  readonly #values = new Values(valueBytes)
  readonly #crowd: Crowd
  #quietUs = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    const shareOfGets = Number(given.gets)
    const workload = new KeyedWorkload({
      keys: this.#keys,
      values: this.#values,
      shareOfGets,
      exactVersions: true,
    })
    this.#crowd = new Crowd(this.#keys, workload)
  }

  get #twoPorts(): readonly number[] {
    return this.#cluster.clientPorts.slice(0, THIRD)
  }

  async run(): Promise<void> {
    await this.#fill()
    await this.#crowd.grow(this.#twoPorts, clients, valueBytes)
    const quiet = await this.#crowd.run(clients, 3_000, QUIET_MS)
    this.#quietUs = quiet.latency.quantile(0.99)
    say(
      `quiet: ${(quiet.served / quiet.seconds).toFixed(0)} /s, p50 ${ms(quiet.latency.quantile(0.5))}, p99 ${ms(this.#quietUs)}`,
    )
    await this.#crowd.rest()
    if (stages.includes('restart')) await this.#restart()
    if (stages.includes('handoff')) await this.#handoff()
    if (stages.includes('refill')) await this.#refill()
    this.#crowd.close()
  }

  async #restart(): Promise<void> {
    await this.#cluster.stopNode(THIRD)
    await this.#cluster.startNode(THIRD)
    let windows = 0
    await this.#during('a restart with nothing to be brought up to date', () => ++windows === RESTART_WINDOWS)
  }

  async #handoff(): Promise<void> {
    await this.#cluster.stopNode(THIRD)
    await this.#fill()
    const held = sum(await this.#metrics(), 'rotunda_hints_held')
    await this.#cluster.startNode(THIRD)
    await this.#during(`${held} hints handed over`, (nodes) => sum(nodes, 'rotunda_hints_held') === 0)
  }

  async #refill(): Promise<void> {
    await this.#cluster.stopNode(THIRD)
    await this.#cluster.startNode(THIRD, true)
    await this.#during(`${keyCount} rows refilled`, (nodes) => most(nodes, 'rotunda_rebuilding') === 0)
  }

  /** The clients work until `done`; says what they felt. */
  async #during(what: string, done: (nodes: readonly Metrics[]) => boolean): Promise<void> {
    const all = new Histogram()
    const p99s: number[] = []
    const grants: number[] = []
    const cpus: string[] = []
    let over = false
    while (!over && p99s.length < MOST_WINDOWS) {
      const before = this.#cpuUs()
      const { latency, faults, firstFault, seconds } = await this.#crowd.run(clients, 0, WINDOW_MS)
      if (faults > 0) this.#failed(`${faults} wrong answers: ${firstFault}`)
      const nodes = await this.#metrics()
      all.add(latency)
      p99s.push(latency.quantile(0.99))
      grants.push(Math.min(...nodes.slice(0, THIRD).map((node) => node.get(GRANT) ?? Number.NaN)))
      const shares = this.#cpuUs().map((us, node) => (us - before[node]!) / seconds / 10_000)
      cpus.push(shares.map((share) => share.toFixed(0)).join('/'))
      over = done(nodes)
    }
    if (!over) this.#failed(`${what}: not within ${MOST_WINDOWS} s`)
    await this.#crowd.rest()
    const p99 = all.quantile(0.99)
    say(
      `${what}: ${p99s.length} s, ${(all.total / p99s.length).toFixed(0)} /s, p99 ${ms(p99)} (${(p99 / this.#quietUs).toFixed(2)} × quiet), the worst second ${ms(Math.max(...p99s))}`,
    )
    say(`  p99 second by second, ms: ${p99s.map((us) => (us / 1000).toFixed(0)).join(' ')}`)
    say(`  least grant of the two:   ${grants.map((grant) => grant.toFixed(0)).join(' ')}`)
    say(`  % of a core, each node:   ${cpus.join(' ')}`)
  }

  #cpuUs(): number[] {
    return [0, 1, THIRD].map((node) => cpuTime(this.#cluster.pidsOf(node)).totalUs)
  }

  async #fill(): Promise<void> {
    await fillOver(this.#twoPorts, 48, valueBytes, this.#keys, this.#values)
  }

  #metrics(): Promise<Metrics[]> {
    return Promise.all(this.#cluster.clientPorts.map(metricsOfAny))
  }

  #failed(why: string): void {
    say(why)
    process.exitCode = 1
  }
}

/** A node that is away holds nothing and asks for nothing. */
async function metricsOfAny(port: number): Promise<Metrics> {
  try {
    return await metricsOf(port)
  } catch {
    return new Map()
  }
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(1)} ms`
}

const directory = freshDirectory(given.dir)
let cluster: Cluster | undefined
try {
  cluster = await Cluster.start({
    system: 'rotunda',
    directory: join(directory, 'rotunda'),
    durability: given.durability,
  })
  await new Bench(cluster).run()
} finally {
  await cluster?.stop()
  rmSync(directory, { recursive: true, force: true })
}
