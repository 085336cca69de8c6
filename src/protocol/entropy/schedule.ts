/**
 * Who compares what with whom, and when.
 *
 * The partitions that two nodes both own are counted in their order and compared in chunks; both count alike, as they work under one
 * table. Of the two the one with the lower id asks, so that a pair never has two exchanges of one thing. Each chunk comes up once in
 * a while, jittered; soon after the peer came back; and soon again where an exchange was broken off.
 */
import { limits } from '../../limits.js'
import type { ExchangeOutcome } from './exchange.js'

/** After a peer came back, and after an exchange whose time was up: there is work. */
const SOON_MS = 1_000
/** After one that failed: doubled each time, up to the usual. */
const RETRY_MS = 2_000

export interface Chunk {
  readonly peer: string
  readonly chunk: number
  readonly partitions: readonly number[]
  dueMs: number
  failures: number
}

/** For each other owner the partitions that it shares with this node, rising. */
export function sharedPartitions(
  owners: readonly (readonly string[])[],
  self: string,
): ReadonlyMap<string, readonly number[]> {
  const shared = new Map<string, number[]>()
  owners.forEach((list, partition) => {
    if (!list.includes(self)) return
    for (const owner of list) {
      const known = shared.get(owner)
      if (owner === self) continue
      if (known === undefined) shared.set(owner, [partition])
      else known.push(partition)
    }
  })
  return shared
}

export function chunkOf(shared: readonly number[], chunk: number): readonly number[] {
  const size = limits.exchangePartitions
  return shared.slice(chunk * size, (chunk + 1) * size)
}

/** How many chunks there are. */
export function chunksOf(shared: readonly number[]): number {
  return Math.ceil(shared.length / limits.exchangePartitions)
}

export class Schedule {
  readonly #everyMs: number
  #chunks: Chunk[] = []

  /** `everyMs`: between two exchanges of one chunk, about. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /** Another table is in force; `shared` are the partitions shared with each other owner. `chance`: 0 … 1. */
  plan(
    self: string,
    shared: ReadonlyMap<string, readonly number[]>,
    nowMs: number,
    chance: () => number,
  ): void {
    this.#chunks = []
    for (const [peer, partitions] of shared) {
      for (let chunk = 0; self < peer && chunk < chunksOf(partitions); chunk++) {
        const dueMs = nowMs + SOON_MS * chance()
        this.#chunks.push({ peer, chunk, partitions: chunkOf(partitions, chunk), dueMs, failures: 0 })
      }
    }
  }

  /** A peer came back. */
  peerUp(peer: string, nowMs: number, chance: () => number): void {
    for (const chunk of this.#chunks) {
      if (chunk.peer !== peer) continue
      chunk.dueMs = Math.min(chunk.dueMs, nowMs + SOON_MS * (0.5 + chance()))
      chunk.failures = 0
    }
  }

  /** What is due longest, of what can be asked now. */
  due(nowMs: number, isFree: (chunk: Chunk) => boolean): Chunk | undefined {
    let found: Chunk | undefined
    for (const chunk of this.#chunks) {
      const sooner = chunk.dueMs <= nowMs && (found === undefined || chunk.dueMs < found.dueMs)
      if (sooner && isFree(chunk)) found = chunk
    }
    return found
  }

  ended(chunk: Chunk, outcome: ExchangeOutcome, nowMs: number, chance: () => number): void {
    const jitter = 0.5 + chance()
    if (isWhole(outcome)) chunk.failures = 0
    chunk.dueMs = nowMs + jitter * this.#restMs(chunk, outcome)
  }

  /** With very many chunks the round takes as long as the gaps between them. */
  get #roundMs(): number {
    return Math.max(this.#everyMs, this.#chunks.length * limits.exchangeGapMs)
  }

  #restMs(chunk: Chunk, { result, pulled, pushed }: ExchangeOutcome): number {
    switch (result) {
      case 'same':
        return this.#roundMs
      case 'repaired':
        // Whether that was all is soon told by one digest.
        return pulled + pushed > 0 ? Math.min(this.#roundMs, RETRY_MS) : this.#roundMs
      case 'late':
        return SOON_MS
      default:
        return Math.min(this.#roundMs, RETRY_MS * 2 ** Math.min(chunk.failures++, 10))
    }
  }
}

/** All that differed when it began has been exchanged. */
export function isWhole({ result }: ExchangeOutcome): boolean {
  return result === 'same' || result === 'repaired'
}
