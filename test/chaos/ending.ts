/** The end of a run: all faults end, the cluster must come back, serve and become alike; then every key is read at every node. */
import { until } from '../cluster/until.js'
import type { Invariant } from '../sim/check/violation.js'
import { Asker, type Writes } from './asker.js'
import type { ChaosCluster } from './chaos-cluster.js'
import type { ChaosNode } from './chaos-node.js'
import { quorum } from './client.js'
import type { Ring } from './disk-rows.js'
import type { History } from './history.js'
import type { Keys } from './keys.js'

/** Deadlines in time that this process was awake; an hour would be as right, only less convenient. */
const WHOLE_MS = 180_000
const SERVE_MS = 120_000
const ALIKE_MS = 240_000
const READ_MS = 120_000
const TIMEOUT_MS = 10_000
/** Keys that take a write each in the end, spread over all. */
const SERVED_KEYS = 60
const LIST_LIMIT = 500

export interface EndingParts {
  readonly cluster: ChaosCluster
  readonly history: History
  readonly writes: Writes
  readonly keys: Keys
}

/** What did not come about, by the promise that it breaks. */
export interface Failing {
  readonly invariant: Invariant
  readonly sentence: string
}

interface Explained {
  readonly replicas: readonly {
    readonly answer: string
    readonly clock: unknown
    readonly versions: unknown
    readonly tombstones: unknown
  }[]
}

export class Ending {
  /** Promises that were put to the test. */
  readonly checked = new Set<Invariant>()
  failing: Failing | undefined
  /** From the moment at which every node was back until all replicas of every key were alike, without a read; 0 while unknown. */
  convergedMs = 0
  /** Of the cluster as it was before it stopped. */
  ring: Ring | undefined
  readonly #parts: EndingParts
  readonly #asker: Asker

  constructor(parts: EndingParts) {
    this.#parts = parts
    this.#asker = new Asker('ending', parts.history, parts.writes)
  }

  async run(): Promise<void> {
    const { cluster, history } = this.#parts
    await this.heal()
    const healedMs = performance.now()
    await this.#step('A4', () => cluster.untilWhole(WHOLE_MS))
    await this.#step('A5', () => this.#serve())
    await this.#step('A8', () => this.#handOver())
    await this.#step('A4', () => this.#mend())
    await this.#step('A4', () => this.#becomeAlike())
    this.convergedMs = Math.round(performance.now() - healedMs)
    history.note(`all replicas are alike after ${this.convergedMs} ms`)
    await this.#step('A4', () => this.#readEverywhere())
    await this.#step('listing', () => this.#listEverywhere())
    await this.#step('A4', async () => {
      this.ring = await (cluster.nodes[0] as ChaosNode).process.json<Ring>('/v1/cluster/ring')
    })
    this.#asker.end()
    for (const node of cluster.nodes) if (this.failing === undefined) await node.stop()
  }

  /** Everything is put right that a nemesis may have left. */
  async heal(): Promise<void> {
    const { cluster, history } = this.#parts
    history.note('all faults end')
    cluster.wires.heal()
    for (const node of cluster.nodes) {
      await node.leaveAlone()
      node.resume()
      node.disk.relieve()
      node.setClock(0)
      node.launch()
    }
  }

  /** Does not begin where an earlier one failed. */
  async #step(invariant: Invariant, run: () => Promise<void>): Promise<void> {
    if (this.failing !== undefined) return
    try {
      await run()
      this.checked.add(invariant)
    } catch (error) {
      const sentence = error instanceof Error ? error.message : String(error)
      this.failing = { invariant, sentence: `after all faults had ended: ${sentence}` }
    }
  }

  /** Keys old and new take a write at the quorum, through every node. */
  async #serve(): Promise<void> {
    const { cluster, writes, keys } = this.#parts
    const all = [...keys.all]
    const step = Math.max(1, Math.floor(all.length / SERVED_KEYS))
    const w = quorum(cluster.n)
    const chosen = all.filter((_, index) => index % step === 0)
    for (const [index, key] of [...chosen, ...cluster.nodes.map(({ name }) => `served-${name}`)].entries()) {
      const node = cluster.nodes[index % cluster.nodes.length] as ChaosNode
      keys.all.add(key)
      await until(
        `${node.name} takes a write of ${key}`,
        async () => {
          const write = {
            id: writes.next(24),
            kind: 'put',
            key,
            valueBytes: 24,
            context: undefined,
            w,
          } as const
          const { type, code } = await this.#asker.write(node, write, 1, TIMEOUT_MS)
          // A key with as many siblings as it may have serves as it should by saying so.
          return type === 'ok' || code === 'TOO_MANY_SIBLINGS'
        },
        SERVE_MS,
      )
    }
  }

  /** Every node has looked at all its tables, has taken out what was damaged, and has what it lost again. */
  async #mend(): Promise<void> {
    const { cluster } = this.#parts
    for (const { name, process } of cluster.nodes)
      await until(
        `${name} has its trees, and no damaged table`,
        async () => {
          const series = ['trees_stale', 'storage_tables_damaged']
          const values = await Promise.all(series.map((one) => process.metric(one))).catch(() => undefined)
          return values?.every((value) => value === 0) === true
        },
        ALIKE_MS,
      )
    await cluster.untilWhole(WHOLE_MS)
  }

  async #handOver(): Promise<void> {
    const { cluster } = this.#parts
    for (const { name } of cluster.nodes)
      await until(
        `${name} has handed over all hints`,
        async () => (await cluster.view(name))?.pendingHints === 0,
        ALIKE_MS,
      )
  }

  /** Nobody reads: each replica of each key says what it holds until all say the same. Once alike, a key stays so. */
  async #becomeAlike(): Promise<void> {
    const { cluster, keys } = this.#parts
    const waiting = new Set(keys.all)
    const round = async (): Promise<boolean> => {
      const node = cluster.nodes[0] as ChaosNode
      await inParallel([...waiting], 8, async (key) => {
        if (await isAlike(node, key, cluster.n)) waiting.delete(key)
      })
      return waiting.size === 0
    }
    try {
      await until('all replicas are alike', round, ALIKE_MS)
    } catch {
      const some = [...waiting].slice(0, 5).join(', ')
      throw new Error(
        `the replicas of ${waiting.size} keys are still not alike after ${ALIKE_MS} ms: ${some}`,
      )
    }
  }

  /** Every key at every node, each by that node's own copy; and once by all copies. */
  async #readEverywhere(): Promise<void> {
    const { cluster, keys } = this.#parts
    for (const node of cluster.nodes)
      await inParallel([...keys.all], 8, (key) => this.#read(node, key, 1, true))
    await inParallel([...keys.all], 8, (key) =>
      this.#read(cluster.nodes[0] as ChaosNode, key, cluster.n, false),
    )
  }

  #read(node: ChaosNode, key: string, r: number, final: boolean): Promise<void> {
    const ask = async () => (await this.#asker.read(node, key, r, TIMEOUT_MS, final)).type === 'ok'
    return until(`${node.name} shows ${key} at r=${r}`, ask, READ_MS)
  }

  async #listEverywhere(): Promise<void> {
    for (const node of this.#parts.cluster.nodes) {
      const ask = async () => (await this.#asker.list(node, '', LIST_LIMIT, TIMEOUT_MS, true)).type === 'ok'
      await until(`${node.name} lists all keys`, ask, READ_MS)
    }
  }
}

async function isAlike(node: ChaosNode, key: string, n: number): Promise<boolean> {
  const path = `/v1/explain/chaos/${encodeURIComponent(key)}`
  const told = await node.process.json<Explained>(path).catch(() => undefined)
  const shapes = (told?.replicas ?? [])
    .filter(({ answer }) => answer === 'ok' || answer === 'missing')
    .map(({ clock, versions, tombstones }) => JSON.stringify([clock, versions, tombstones]))
  return shapes.length === n && shapes.every((shape) => shape === shapes[0])
}

async function inParallel<T>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values()
  const worker = async () => {
    for (const item of left) await act(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
