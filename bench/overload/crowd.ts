/**
 * Clients in a closed loop that do as they are told: each has one request under way, and after a refusal waits as long as Retry-After says before it asks
 * again. How many take part is set from outside, so that one cluster sees few of them and then many.
 */
import { Connection } from '../load/connection.js'
import type { KeySet } from '../load/key-set.js'
import { HEAD_ROOM_BYTES } from '../load/requests.js'
import type { Answer } from '../load/response.js'
import type { Turn, Workload } from '../load/workload.js'
import { XorShift } from '../load/xorshift.js'
import { Histogram } from '../measure/histogram.js'

/** What happened in a window. */
export interface Tally {
  readonly seconds: number
  /** Answered as asked. */
  readonly served: number
  readonly shed: number
  readonly latency: Histogram
  readonly shedLatency: Histogram
  readonly faults: number
  readonly firstFault: string | undefined
}

interface Client {
  readonly number: number
  readonly connection: Connection
  readonly turn: Turn
  sentMs: number
  /** Has a request under way, or waits to be let in again. */
  busy: boolean
}

export class Crowd {
  readonly #keys: KeySet
  readonly #workload: Workload
  readonly #clients: Client[] = []
  #active = 0
  #latency = new Histogram()
  #shedLatency = new Histogram()
  #faults = 0
  #firstFault: string | undefined
  #onBroken: (error: Error) => void = () => {}

  constructor(keys: KeySet, workload: Workload) {
    this.#keys = keys
    this.#workload = workload
  }

  /** Opens connections until there are so many, evenly over the servers' ports. */
  async grow(ports: readonly number[], clients: number, valueBytes: number): Promise<void> {
    while (this.#clients.length < clients) {
      const number = this.#clients.length
      const port = ports[number % ports.length]!
      const out = Buffer.allocUnsafeSlow(HEAD_ROOM_BYTES + valueBytes)
      const random = new XorShift(number + 1)
      const turn = { host: `127.0.0.1:${port}`, random, out, key: 0, version: 0, writing: false }
      const client = { number, connection: await Connection.open(port), turn, sentMs: 0, busy: false }
      client.connection.onAnswer = (answer) => this.#answered(client, answer)
      client.connection.onBroken = (error) => this.#onBroken(error)
      this.#clients.push(client)
    }
  }

  close(): void {
    for (const { connection } of this.#clients) connection.close()
  }

  /** Lets `clients` of them work for a while before the window and throughout it. Rejects when a connection breaks. */
  async run(clients: number, warmupMs: number, measureMs: number): Promise<Tally> {
    const broken = new Promise<never>((_, reject) => {
      this.#onBroken = reject
    })
    this.#active = clients
    for (const client of this.#clients.slice(0, clients)) if (!client.busy) this.#next(client)
    await Promise.race([sleep(warmupMs), broken])
    this.#clear()
    const startMs = performance.now()
    await Promise.race([sleep(measureMs), broken])
    const seconds = (performance.now() - startMs) / 1000
    const { total: served } = this.#latency
    const { total: shed } = this.#shedLatency
    const [latency, shedLatency, faults, firstFault] = [
      this.#latency,
      this.#shedLatency,
      this.#faults,
      this.#firstFault,
    ]
    this.#clear()
    return { seconds, served, shed, latency, shedLatency, faults, firstFault }
  }

  /** Resolves when nobody has a request under way. */
  async rest(): Promise<void> {
    this.#active = 0
    while (this.#clients.some(({ busy }) => busy)) await sleep(20)
  }

  #clear(): void {
    this.#latency = new Histogram()
    this.#shedLatency = new Histogram()
    this.#faults = 0
    this.#firstFault = undefined
  }

  #next(client: Client): void {
    client.busy = client.number < this.#active
    if (!client.busy) return
    const length = this.#workload.next(client.turn)
    client.sentMs = performance.now()
    client.connection.send(client.turn.out.subarray(0, length))
  }

  #answered(client: Client, answer: Answer): void {
    const tookUs = (performance.now() - client.sentMs) * 1000
    if (answer.status === 503 && answer.retryAfterSeconds > 0) {
      this.#shedLatency.record(tookUs)
      this.#undo(client.turn)
      setTimeout(() => this.#next(client), answer.retryAfterSeconds * 1000)
      return
    }
    this.#latency.record(tookUs)
    const wrong = this.#workload.check(client.turn, answer)
    if (wrong !== undefined) {
      this.#faults++
      this.#firstFault ??= wrong
    }
    this.#next(client)
  }

  /** A refusal says that nothing was done: the next get of this key must show the version before. */
  #undo({ key, writing }: Turn): void {
    if (writing) this.#keys.versions[key]!--
    this.#keys.giveBack(key)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
