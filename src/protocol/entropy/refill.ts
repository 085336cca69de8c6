/**
 * A replica that lost the end of its log is filled again by comparing trees: it conducts an exchange with other owners for everything that it shares with them, and
 * only what differs moves. (One that lost everything scans them: src/protocol/replica/rebuild.ts.)
 *
 * It does not count towards R until each of its partitions has been exchanged with a majority of the other owners: any acknowledged write is on at least one
 * of them. An owner that may lack rows itself is doubtful; those count only where all the others have been exchanged with: when all doubt, they go on.
 * An exchange is doubtful too if the peer could not read some row of it.
 */
import { quorum } from '../coordinator/quorum.js'
import type { ExchangeOutcome } from './exchange.js'
import { type Chunk, chunkOf, chunksOf, isWhole } from './schedule.js'

/** Before a chunk is tried again that failed, or that was doubtful. */
const RETRY_MS = 500
const DOUBTFUL_MS = 2_000

interface Lists {
  readonly owners: readonly (readonly string[])[]
  readonly holders?: readonly (readonly string[])[]
}

interface Covered {
  readonly sound: ReadonlySet<string>
  /** Sound or doubtful. */
  readonly exchanged: ReadonlySet<string>
}

/** Enough of the other owners of one partition have been heard for this node to count there again. */
export function isCovered(owners: readonly string[], self: string, { sound, exchanged }: Covered): boolean {
  const others = owners.filter((owner) => owner !== self)
  const heard = others.filter((owner) => sound.has(owner)).length
  return heard >= quorum(others.length) || others.every((owner) => exchanged.has(owner))
}

export class TreeRefill {
  readonly #self: string
  readonly #owners: readonly (readonly string[])[]
  /** By partition of the ring. */
  readonly #sound: readonly Set<string>[]
  readonly #exchanged: readonly Set<string>[]
  /** Partitions of this node that are not covered yet. */
  readonly #left = new Set<number>()
  /** Those in which something is left to be learned from the peer. */
  #chunks: readonly Chunk[]
  readonly #running = new Set<Chunk>()

  /** Of all partitions of the ring those who are read, and those who hold them; `shared`: the partitions shared with each other holder, rising. */
  constructor(
    self: string,
    { owners, holders = owners }: Lists,
    shared: ReadonlyMap<string, readonly number[]>,
  ) {
    this.#self = self
    this.#owners = owners
    this.#sound = owners.map(() => new Set())
    this.#exchanged = owners.map(() => new Set())
    holders.forEach((list, partition) => {
      const others = owners[partition]!.filter((owner) => owner !== self)
      if (list.includes(self) && others.length > 0) this.#left.add(partition)
    })
    this.#chunks = [...shared].flatMap(([peer, partitions]) =>
      Array.from({ length: chunksOf(partitions) }, (_, chunk) => {
        return { peer, chunk, partitions: chunkOf(partitions, chunk), dueMs: 0, failures: 0 }
      }),
    )
  }

  /** Every partition of this node is covered: it counts again. */
  get isComplete(): boolean {
    return this.#left.size === 0
  }

  /** What is to be exchanged next, of those peers that can be asked now; it is under way until `ended`. */
  next(nowMs: number, isFree: (peer: string) => boolean): Chunk | undefined {
    const chunk = this.#chunks.find(
      (one) => one.dueMs <= nowMs && !this.#running.has(one) && isFree(one.peer),
    )
    if (chunk !== undefined) this.#running.add(chunk)
    return chunk
  }

  ended(chunk: Chunk, outcome: ExchangeOutcome, nowMs: number): void {
    this.#running.delete(chunk)
    const whole = isWhole(outcome)
    chunk.dueMs = nowMs + (whole ? DOUBTFUL_MS : RETRY_MS)
    if (!whole) return
    for (const partition of chunk.partitions) {
      const [sound, exchanged] = [this.#sound[partition]!, this.#exchanged[partition]!]
      exchanged.add(chunk.peer)
      if (!outcome.doubtful) sound.add(chunk.peer)
      if (isCovered(this.#owners[partition]!, this.#self, { sound, exchanged })) this.#left.delete(partition)
    }
    this.#chunks = this.#chunks.filter((one) => this.#isUseful(one))
  }

  #isUseful({ peer, partitions }: Chunk): boolean {
    return partitions.some((partition) => this.#left.has(partition) && !this.#sound[partition]!.has(peer))
  }
}
