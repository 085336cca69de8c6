/**
 * The load: a fixed number of connections, each with one request under way, sending the next as soon as the last is answered
 * (a closed loop: latency is what a client sees at this concurrency, not at a given rate). Warm-up, then a window; what is
 * answered within the window is counted.
 */
import { Histogram } from '../measure/histogram.js'
import { Connection } from './connection.js'
import { HEAD_ROOM_BYTES } from './requests.js'
import type { Answer } from './response.js'
import type { Turn, Workload } from './workload.js'
import { XorShift } from './xorshift.js'

const WARM_UP_POLL_MS = 100

export interface Window {
  readonly warmupMs: number
  /** The warm-up lasts until this many answers have come, too. */
  readonly warmupOperations: number
  readonly measureMs: number
  readonly onStart: () => void
  readonly onEnd: () => void
}

export interface LoadResult {
  readonly operations: number
  readonly seconds: number
  readonly latency: Histogram
  /** The generator's own processor time in the window. */
  readonly generatorCpuUs: number
  readonly faults: number
  readonly firstFault: string | undefined
}

interface Lane {
  readonly connection: Connection
  readonly turn: Turn
  sentMs: number
}

export class Generator {
  readonly #lanes: readonly Lane[]
  readonly #latency = new Histogram()
  #faults = 0
  #firstFault: string | undefined
  #workload: Workload | undefined
  #stopping = false
  #running = 0
  #onIdle: () => void = () => {}
  #onBroken: (error: Error) => void = () => {}

  private constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes
    for (const lane of lanes) {
      lane.connection.onAnswer = (answer) => this.#answered(lane, answer)
      lane.connection.onBroken = (error) => this.#onBroken(error)
    }
  }

  /** Connections are spread evenly over the servers' ports. */
  static async open(ports: readonly number[], connections: number, valueBytes: number): Promise<Generator> {
    const lanes = Array.from({ length: connections }, async (_, i) => {
      const port = ports[i % ports.length]!
      const out = Buffer.allocUnsafeSlow(HEAD_ROOM_BYTES + valueBytes)
      const turn = {
        host: `127.0.0.1:${port}`,
        random: new XorShift(i + 1),
        out,
        key: 0,
        version: 0,
        writing: false,
      }
      return { connection: await Connection.open(port), turn, sentMs: 0 }
    })
    return new Generator(await Promise.all(lanes))
  }

  close(): void {
    for (const lane of this.#lanes) lane.connection.close()
  }

  /** Runs a workload that ends by itself. */
  async runToEnd(workload: Workload): Promise<{ faults: number; firstFault: string | undefined }> {
    const idle = this.#idle()
    this.#begin(workload)
    await idle
    return { faults: this.#faults, firstFault: this.#firstFault }
  }

  /** Runs a workload for a warm-up and a window, then lets the requests under way finish. Rejects when a connection breaks. */
  async runWindow(workload: Workload, window: Window): Promise<LoadResult> {
    const idle = this.#idle()
    this.#begin(workload)
    await Promise.race([this.#warmUp(window), idle])
    this.#latency.clear()
    window.onStart()
    const cpu = process.cpuUsage()
    const startMs = performance.now()
    await Promise.race([sleep(window.measureMs), idle])
    const seconds = (performance.now() - startMs) / 1000
    const used = process.cpuUsage(cpu)
    window.onEnd()
    const latency = new Histogram()
    latency.add(this.#latency)
    this.#stopping = true
    await idle
    const generatorCpuUs = used.user + used.system
    const { total: operations } = latency
    return {
      operations,
      seconds,
      latency,
      generatorCpuUs,
      faults: this.#faults,
      firstFault: this.#firstFault,
    }
  }

  #begin(workload: Workload): void {
    this.#workload = workload
    this.#stopping = false
    this.#faults = 0
    this.#firstFault = undefined
    this.#latency.clear()
    this.#running = this.#lanes.length
    for (const lane of this.#lanes) this.#sendNext(lane)
  }

  async #warmUp({ warmupMs, warmupOperations }: Window): Promise<void> {
    await sleep(warmupMs)
    while (this.#latency.total < warmupOperations && this.#running > 0) await sleep(WARM_UP_POLL_MS)
  }

  #idle(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onIdle = resolve
      this.#onBroken = reject
    })
  }

  #sendNext(lane: Lane): void {
    const length = this.#stopping ? 0 : (this.#workload?.next(lane.turn) ?? 0)
    if (length === 0) {
      this.#running -= 1
      if (this.#running === 0) queueMicrotask(this.#onIdle)
      return
    }
    lane.sentMs = performance.now()
    lane.connection.send(lane.turn.out.subarray(0, length))
  }

  #answered(lane: Lane, answer: Answer): void {
    this.#latency.record((performance.now() - lane.sentMs) * 1000)
    const wrong = this.#workload?.check(lane.turn, answer)
    if (wrong !== undefined) {
      this.#faults += 1
      this.#firstFault ??= wrong
    }
    this.#sendNext(lane)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
