/** The stages of the bench of background work, and what clients feel in each. */

import type { Cluster } from '../clusters.js'
import { fillOver } from '../load/fill.js'
import { Generator } from '../load/generator.js'
import { KeySet } from '../load/key-set.js'
import { KeyedWorkload } from '../load/keyed-workload.js'
import { Values } from '../load/values.js'
import { collectGarbage } from '../measure/collect.js'
import { cpuTime } from '../measure/cpu.js'
import { Histogram } from '../measure/histogram.js'
import { Crowd, sleep } from '../overload/crowd.js'
import { type Metrics, most, sum } from '../overload/watch.js'
import { DeletingWorkload } from './deleting-workload.js'
import { metricsOfAny, slicesOf, type WorkDone, workBetween } from './work.js'

export const stageNames = [
  'restart',
  'return',
  'handoff',
  'exchange',
  'reaping',
  'refill',
  'grow',
  'shrink',
  'join',
  'leave',
] as const
export type StageName = (typeof stageNames)[number]

export interface StageOptions {
  readonly keys: number
  readonly valueBytes: number
  readonly clients: number
  readonly shareOfGets: number
  say(line: string): void
  failed(why: string): void
  /** Runs the window, and leaves a profile of it where profiles are wanted. */
  profiled<T>(what: string, window: () => Promise<T>): Promise<T>
}

/**
 * What counts of a second or so: then the nodes are looked at, and the garbage of the clients' own process is collected; until what that costs them is over, nothing
 * counts. The same where it is quiet.
 */
const WINDOW_MS = 1_000
const LOOKED_MS = 100
const QUIET_WINDOWS = 5
const WARM_MS = 10_000
const RESTART_WINDOWS = 8
/** A stage that has not ended after so many windows does not end. */
const MOST_WINDOWS = 120
const THIRD = 2
const FILLERS = 48
/** A frozen node is suspected by then, and what it was sent before is no hint. */
const FROZEN_MS = 3_000
/** Tombstones are left alone for 15 s. */
const TOMBSTONES_REST_MS = 13_000
/** Of the fourth node before it grows: no more than a partition or two for it. */
const LIGHT = 0.01
const SETTLING_MS = 100
/** Nobody has let go of anything for so long: there is nothing left of it. */
const SWEPT_MS = 3_000
const GRANT = 'rotunda_background_grant'
const HELD = 'rotunda_hints_held'

interface ClusterView {
  readonly transfers: number
  readonly members: readonly { readonly status: string }[]
}

/** What a stage felt like. */
interface Felt {
  readonly latency: Histogram
  readonly seconds: number
  /** What each node did meanwhile. */
  readonly work: string
}

export class Stages {
  readonly #cluster: Cluster
  readonly #options: StageOptions
  readonly #keys: KeySet
  readonly #values: Values
  readonly #crowd: Crowd
  #frozen = false

  constructor(cluster: Cluster, options: StageOptions) {
    const { keys, valueBytes, shareOfGets } = options
    this.#cluster = cluster
    this.#options = options
    this.#keys = new KeySet(keys)
    this.#values = new Values(valueBytes)
    const workload = { keys: this.#keys, values: this.#values, shareOfGets, exactVersions: true }
    this.#crowd = new Crowd(this.#keys, new KeyedWorkload(workload))
  }

  get #twoPorts(): readonly number[] {
    return this.#cluster.clientPorts.slice(0, THIRD)
  }

  async prepare(): Promise<void> {
    const { clients, valueBytes } = this.#options
    if (this.#cluster.size > THIRD + 1) {
      await this.#change('weight', { member: 'n4', weight: LIGHT })
      while (!(await this.#isSettled(THIRD + 2))) await sleep(SETTLING_MS)
    }
    await this.#fill()
    await this.#crowd.grow(this.#twoPorts, clients, valueBytes)
    await this.#crowd.run(clients, 0, WARM_MS)
    await this.#crowd.rest()
  }

  close(): void {
    this.#crowd.close()
  }

  /** The p99 of the stage over that of the quiet windows around it, which are not alike where it changes how many nodes serve. */
  async run(name: StageName): Promise<number> {
    const { profiled } = this.#options
    const before = await profiled(`${name}-quiet`, () => this.#quietUs())
    const felt = await profiled(name, () => this.#stage(name))
    await this.#untilSwept()
    const after = await this.#quietUs()
    const quietUs = (before + after) / 2
    const p99 = felt.latency.quantile(0.99)
    const ratio = p99 / quietUs
    const perSecond = (felt.latency.total / felt.seconds).toFixed(0)
    this.#options.say(
      `${name}: ${felt.seconds.toFixed(0)} s, ${perSecond} /s, p99 ${ms(p99)} beside ${ms(quietUs)} quiet: ${ratio.toFixed(2)} × (before it ${ms(before)}, after it ${ms(after)})`,
    )
    return ratio
  }

  #stage(name: StageName): Promise<Felt> {
    switch (name) {
      case 'restart':
        return this.#restart()
      case 'return':
        return this.#return()
      case 'handoff':
        return this.#handoff()
      case 'exchange':
        return this.#exchange()
      case 'reaping':
        return this.#reaping()
      case 'refill':
        return this.#refill()
      case 'grow':
        return this.#weigh(1)
      case 'shrink':
        return this.#weigh(LIGHT)
      case 'join':
        return this.#join()
      case 'leave':
        return this.#leave()
      default:
        return name satisfies never
    }
  }

  async #quietUs(): Promise<number> {
    const { clients, say } = this.#options
    await this.#crowd.run(clients, 0, WINDOW_MS)
    let windows = 0
    const { latency, seconds, work } = await this.#watch(async () => {
      // What a stage asks for every second costs the same here.
      await this.#isSettled(THIRD + 2)
      return ++windows === QUIET_WINDOWS
    })
    say(`  quiet: ${(latency.total / seconds).toFixed(0)} /s, p99 ${ms(latency.quantile(0.99))}; ${work}`)
    return latency.quantile(0.99)
  }

  async #restart(): Promise<Felt> {
    await this.#cluster.stopNode(THIRD)
    await this.#cluster.startNode(THIRD)
    let windows = 0
    return this.#during(() => ++windows === RESTART_WINDOWS)
  }

  async #return(): Promise<Felt> {
    await this.#cluster.stopNode(THIRD)
    await this.#fill()
    await this.#cluster.startNode(THIRD)
    return this.#during((nodes) => sum(nodes, HELD) === 0)
  }

  async #handoff(): Promise<Felt> {
    await this.#writeWithoutThird()
    return this.#during((nodes) => sum(nodes, HELD) === 0)
  }

  /** The third has been found alike with either other node, or made so, since it is there again. What those two compare with each other comes up in its own time. */
  async #exchange(): Promise<Felt> {
    await this.#writeWithoutThird()
    const startMs = performance.now()
    return this.#during((nodes) => {
      const oldest = nodes[THIRD]!.get('rotunda_exchange_oldest_age_seconds') ?? Number.POSITIVE_INFINITY
      return oldest < (performance.now() - startMs) / 1_000
    })
  }

  async #reaping(): Promise<Felt> {
    const { keys, valueBytes } = this.#options
    const generator = await Generator.open(this.#twoPorts, FILLERS, valueBytes)
    const workload = new DeletingWorkload(keys, this.#values)
    const { faults, firstFault } = await generator.runToEnd(workload)
    generator.close()
    if (faults > 0) this.#options.failed(`${faults} deletes failed: ${firstFault}`)
    await sleep(TOMBSTONES_REST_MS)
    return this.#during((nodes) => sum(nodes, 'rotunda_tombstones') === 0)
  }

  async #refill(): Promise<Felt> {
    await this.#cluster.stopNode(THIRD)
    await this.#cluster.startNode(THIRD, true)
    return this.#during((nodes) => most(nodes, 'rotunda_rebuilding') === 0)
  }

  /** The fourth node, which was there all the time, takes its part over or gives it back: rows move, and no process starts. */
  async #weigh(weight: number): Promise<Felt> {
    return this.#during(
      () => this.#isSettled(THIRD + 2),
      () => this.#change('weight', { member: 'n4', weight }),
    )
  }

  /** A fourth node starts and takes its part over. */
  async #join(): Promise<Felt> {
    await this.#cluster.addNode()
    return this.#during(() => this.#isSettled(THIRD + 2))
  }

  /** It gives all of it back, and goes. */
  async #leave(): Promise<Felt> {
    const felt = await this.#during(
      () => this.#cluster.lastHasEnded,
      () => this.#change('leave', { member: 'n4' }),
    )
    await this.#cluster.dropNode()
    return felt
  }

  async #change(kind: string, body: object): Promise<void> {
    const url = `http://127.0.0.1:${this.#twoPorts[0]}/v1/cluster/${kind}`
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
    if (!answer.ok) this.#options.failed(`${kind} was refused: ${await answer.text()}`)
  }

  /** There are so many members, and nothing is on its way to any of them, as those see it that clients use. */
  async #isSettled(members: number): Promise<boolean> {
    const views = await Promise.all(
      this.#twoPorts.map(async (port) => {
        const view = (await (await fetch(`http://127.0.0.1:${port}/v1/cluster`)).json()) as ClusterView
        return view.transfers === 0 && view.members.filter(({ status }) => status === 'member').length
      }),
    )
    return views.every((count) => count === members)
  }

  /** Those who handed rows over have let go of them: that goes on when nothing moves any more, and is not quiet. */
  async #untilSwept(): Promise<void> {
    let [dropped, since] = [-1, performance.now()]
    while (performance.now() - since < SWEPT_MS) {
      const now = sum(await this.#metrics(), 'rotunda_transfer_rows_dropped_total')
      if (now !== dropped) since = performance.now()
      dropped = now
      await sleep(SETTLING_MS)
    }
  }

  /** It is frozen and not stopped: a process that starts takes its time from the same cores, which is no background work. */
  async #writeWithoutThird(): Promise<void> {
    this.#cluster.signal(THIRD, 'SIGSTOP')
    this.#frozen = true
    await sleep(FROZEN_MS)
    await this.#fill()
    this.#cluster.signal(THIRD, 'SIGCONT')
    this.#frozen = false
  }

  /** The clients work until `done`; what is to be seen is begun when they do. */
  async #during(
    done: (nodes: readonly Metrics[]) => boolean | Promise<boolean>,
    begin: () => Promise<void> = async () => {},
  ): Promise<Felt> {
    const { say, failed } = this.#options
    const p99s: string[] = []
    const grants: string[] = []
    const cpus: string[] = []
    let over = false
    const felt = await this.#watch(async (nodes, latency, shares) => {
      p99s.push((latency.quantile(0.99) / 1_000).toFixed(0))
      grants.push(Math.min(...nodes.map((node) => node.get(GRANT) ?? Number.POSITIVE_INFINITY)).toFixed(0))
      cpus.push(shares.map((share) => share.toFixed(0)).join('/'))
      over = await done(nodes)
      return over || p99s.length === MOST_WINDOWS
    }, begin)
    if (!over) failed(`not done within ${MOST_WINDOWS} s`)
    say(`  p99 second by second, ms  ${p99s.join(' ')}`)
    say(`  least grant               ${grants.join(' ')}`)
    say(`  % of a core, each node    ${cpus.join(' ')}`)
    say(`  in all                    ${felt.work}`)
    say(`  slices, p99 (longest), ms ${slicesOf(await this.#metrics())}`)
    return felt
  }

  /** Window by window, until one is the last. `shares`: what each node used in it, in percent of a core. */
  async #watch(
    isLast: (nodes: readonly Metrics[], latency: Histogram, shares: readonly number[]) => Promise<boolean>,
    begin: () => Promise<void> = async () => {},
  ): Promise<Felt> {
    const { clients, failed } = this.#options
    const latency = new Histogram()
    const atStart = await this.#workDone()
    const startMs = performance.now()
    let begun: Promise<void> | undefined
    let seconds = 0
    collectGarbage()
    for (let over = false; !over; ) {
      const before = this.#cpuUs()
      const fromMs = performance.now()
      const running = this.#crowd.run(clients, begun === undefined ? 0 : LOOKED_MS, WINDOW_MS)
      begun ??= begin()
      const window = await running
      await begun
      seconds += window.seconds
      if (window.faults > 0) failed(`${window.faults} wrong answers: ${window.firstFault}`)
      latency.add(window.latency)
      const percentMs = (performance.now() - fromMs) / 100
      // A node that left meanwhile has no process any more.
      const used = this.#cpuUs().map((us, node) => Math.max(0, us - before[node]!))
      const shares = used.map((us) => us / 1_000 / percentMs)
      over = await isLast(await this.#metrics(), window.latency, shares)
      collectGarbage()
    }
    const work = workBetween(atStart, await this.#workDone(), (performance.now() - startMs) / 1_000)
    await this.#crowd.rest()
    return { latency, seconds, work }
  }

  #cpuUs(): number[] {
    const numbers = Array.from({ length: this.#cluster.size }, (_, number) => number)
    return numbers.map((number) => cpuTime(this.#cluster.pidsOf(number)).totalUs)
  }

  /** Of each node, since its start. */
  async #workDone(): Promise<WorkDone[]> {
    const metrics = await this.#metrics()
    const cpuUs = this.#cpuUs()
    return metrics.map((node, number) => ({
      cpuUs: cpuUs[number] ?? 0,
      syncs: node.get('rotunda_storage_commits_total') ?? 0,
      rows: node.get('rotunda_storage_rows_written_total') ?? 0,
      sent: node.get('rotunda_transfer_rows_sent_total') ?? 0,
      dropped: node.get('rotunda_transfer_rows_dropped_total') ?? 0,
    }))
  }

  async #fill(): Promise<void> {
    await fillOver(this.#twoPorts, FILLERS, this.#options.valueBytes, this.#keys, this.#values)
  }

  async #metrics(): Promise<Metrics[]> {
    const ports = this.#frozen ? this.#twoPorts : this.#cluster.clientPorts
    return Promise.all(ports.map(metricsOfAny))
  }
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(1)} ms`
}
