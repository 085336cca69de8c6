/** One system under load: its cluster, the connections to it, and what the generator knows of its keys. */

import { Cluster } from './clusters.js'
import { BlindWorkload } from './load/blind-workload.js'
import { fill } from './load/fill.js'
import { Generator, type LoadResult } from './load/generator.js'
import { KeySet } from './load/key-set.js'
import { KeyedWorkload } from './load/keyed-workload.js'
import { Values } from './load/values.js'
import type { Workload } from './load/workload.js'
import { type CpuTime, cpuTime } from './measure/cpu.js'
import type { BenchOptions, RowName, SystemName } from './options.js'
import { wrongSiblings } from './sibling-check.js'

const BLIND_KEYS_AT_A_TIME = 16

export interface Round extends LoadResult {
  readonly row: RowName
  readonly system: SystemName
  /** Of all servers together, over the window. */
  readonly serverCpu: CpuTime
}

export interface SubjectPlan {
  readonly system: SystemName
  readonly directory: string
  /** Port for the first node's inspector, where profiles are wanted. */
  readonly inspectorPort: number | undefined
}

export class Subject {
  readonly system: SystemName
  readonly #cluster: Cluster
  readonly #generator: Generator
  readonly #options: BenchOptions
  readonly #keys: KeySet
  readonly #values: Values
  #nextBlindKey = 0
  /** Rows that have had their long warm-up. */
  readonly #warm = new Set<RowName>()

  private constructor(cluster: Cluster, generator: Generator, options: BenchOptions) {
    this.system = cluster.system
    this.#cluster = cluster
    this.#generator = generator
    this.#options = options
    this.#keys = new KeySet(options.keys)
    this.#values = new Values(options.valueBytes)
  }

  /** Starts the cluster and puts every key once. */
  static async start(
    { system, directory, inspectorPort }: SubjectPlan,
    options: BenchOptions,
  ): Promise<Subject> {
    const firstNodeArguments = inspectorPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectorPort}`]
    const cluster = await Cluster.start({
      system,
      directory,
      durability: options.durability,
      nodes: options.nodes,
      firstNodeArguments,
    })
    try {
      const generator = await Generator.open(cluster.clientPorts, options.connections, options.valueBytes)
      const subject = new Subject(cluster, generator, options)
      await fill(generator, subject.#keys, subject.#values)
      return subject
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  /** One warm-up and one window of a row. */
  async run(row: RowName, onStart: () => void = () => {}): Promise<Round> {
    const workload = this.#workloadOf(row)
    const { pids } = this.#cluster
    let before = cpuTime(pids)
    let after = before
    const result = await this.#generator.runWindow(workload, {
      warmupMs: this.#options.warmupSeconds * 1000,
      warmupOperations: this.#warm.has(row) ? 0 : this.#options.warmupOperations,
      measureMs: this.#options.seconds * 1000,
      onStart: () => {
        before = cpuTime(pids)
        onStart()
      },
      onEnd: () => {
        after = cpuTime(pids)
      },
    })
    this.#warm.add(row)
    const serverCpu = { totalUs: after.totalUs - before.totalUs, mainUs: after.mainUs - before.mainUs }
    const round = { ...result, row, system: this.system, serverCpu }
    return workload instanceof BlindWorkload ? this.#afterBlind(round, workload) : round
  }

  async stop(): Promise<void> {
    this.#generator.close()
    await this.#cluster.stop()
  }

  #workloadOf(row: RowName): Workload {
    if (row === 'blind') {
      const { siblings } = this.#options
      return new BlindWorkload(
        { values: this.#values, keysAtATime: BLIND_KEYS_AT_A_TIME, siblings },
        this.#nextBlindKey,
      )
    }
    const shareOfGets = { put: 0, get: 1, mixed: 0.5 }[row]
    const exactVersions = this.system === 'rotunda'
    return new KeyedWorkload({ keys: this.#keys, values: this.#values, shareOfGets, exactVersions })
  }

  /** Every blind put that was acknowledged must be there as a sibling. */
  async #afterBlind(round: Round, workload: BlindWorkload): Promise<Round> {
    this.#nextBlindKey = workload.nextKey
    if (this.system === 'floor' || round.faults > 0) return round
    const wrong = await wrongSiblings(
      this.#cluster.clientPorts,
      workload.finishedKeys,
      this.#options.siblings,
    )
    return wrong === undefined ? round : { ...round, faults: 1, firstFault: wrong }
  }
}
