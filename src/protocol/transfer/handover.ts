/**
 * Handing partitions over to other owners (paper 4.9, decision 44).
 *
 * Whoever holds a partition under an older list compares it with every node of the new one, tree against tree, and sends what they lack. When a comparison that was
 * begun after this node adopted the new table has come to its end, the peer holds every row that this node had taken before it adopted it; what came
 * later was sent to both by whoever coordinated it. So one sound comparison with each of them is enough, however many writes go on meanwhile.
 *
 *     adopted the table ──► all that was under way here has landed ──► compared with each new owner ──► "handed" ──► all have ──► "released"
 *
 * Nothing has to be remembered over a restart: a comparison begun anew finds only what is still missing.
 */

import type { ExchangeOutcome } from '../entropy/exchange.js'
import { type Chunk, chunkOf, chunksOf, isWhole, sharedPartitions } from '../entropy/schedule.js'
import { duty } from '../membership/move-lists.js'
import type { Handing } from '../membership/moves.js'
import type { Ring } from '../membership/ring.js'

/** Before a chunk is compared again that was broken off, or could not be told from. */
const RETRY_MS = 500
const DOUBTFUL_MS = 2_000

/** Of a partition that this node has nothing to do with but to be given it. */
const LAST = 255

interface Entry {
  readonly list: readonly string[]
  /** Of the nodes that hand the partition over, where this one stands. */
  readonly rank: number
  /** Peers that have all of it, and in which of their starts. */
  readonly covered: Map<string, number>
}

interface Comparison extends Chunk {
  /** Comparisons begun before the last change of lists tell nothing about it. */
  readonly epoch: number
}

/** What may be recorded now. */
export interface Due {
  readonly handed: ReadonlyMap<number, readonly string[]>
  readonly released: ReadonlySet<number>
}

export class Handover {
  readonly #self: string
  readonly #bootOf: (peer: string) => number
  readonly #entries = new Map<number, Entry>()
  #released: ReadonlySet<number> = new Set()
  #shared: ReadonlyMap<string, readonly number[]> = new Map()
  #partitions = 0
  #epoch = 0
  /** What was under way when the lists changed has landed. */
  #landed = false
  /** What the latest plan followed from. */
  #planned: { readonly moving: Ring['moving']; readonly own: readonly Handing[] } | undefined
  readonly #running = new Set<Chunk>()
  readonly #restMs = new Map<string, number>()

  /** `bootOf`: in which start a peer is, as far as is known here. */
  constructor(self: string, bootOf: (peer: string) => number) {
    this.#self = self
    this.#bootOf = bootOf
  }

  /** Partitions of which this node has something to hand over. */
  get left(): number {
    return this.#entries.size
  }

  /** Other lists may be in force. True: what is under way here now has to land (`landed`) before anything is compared. */
  plan(ring: Ring, handings: readonly Handing[]): boolean {
    const own = handings.filter(({ by }) => by === this.#self)
    if (this.#planned?.moving === ring.moving && sameItems(this.#planned.own, own)) return false
    this.#planned = { moving: ring.moving, own }
    const released = new Set<number>()
    const due = new Map<number, Entry>()
    for (const [partition, lists] of ring.moving) {
      const now = duty(this.#self, partition, lists, handings)
      const { settled, versions } = lists
      if (now === 'hand') due.set(partition, entryOf(versions.at(-1)!.list, settled.indexOf(this.#self)))
      else if (now === 'release') released.add(partition)
    }
    // Numbers mean other partitions now: what was found out about them is found out again, by a digest each.
    if (ring.partitions !== this.#partitions) this.#entries.clear()
    this.#partitions = ring.partitions
    this.#released = released
    this.#shared = due.size === 0 ? new Map() : sharedPartitions(ring.holders, this.#self)
    return this.#take(due)
  }

  /** A list that is the same as before keeps what was found out about it: it was in force all the time. */
  #take(due: ReadonlyMap<number, Entry>): boolean {
    let isNew = false
    for (const [partition, { list }] of this.#entries)
      if (due.get(partition)?.list.join() !== list.join()) this.#entries.delete(partition)
    for (const [partition, entry] of due) {
      if (this.#entries.has(partition)) continue
      this.#entries.set(partition, entry)
      isNew = true
    }
    if (isNew) {
      this.#epoch++
      this.#landed = false
    }
    return isNew
  }

  /** Everything that was under way when `plan` said so is on the disk here, or never will be. */
  landed(): void {
    this.#landed = true
  }

  /** What is to be compared next, of those peers that can be asked now; it is under way until `ended`. */
  next(nowMs: number, isFree: (peer: string) => boolean): Chunk | undefined {
    if (!this.#landed || this.#entries.size === 0) return undefined
    for (const [peer, shared] of this.#shared) {
      if (!isFree(peer)) continue
      for (let chunk = 0; chunk < chunksOf(shared); chunk++) {
        const partitions = chunkOf(shared, chunk)
        if ((this.#restMs.get(`${peer} ${chunk}`) ?? 0) > nowMs) continue
        if (partitions.every((partition) => !this.#isOpen(partition, peer))) continue
        const next: Comparison = { peer, chunk, partitions, dueMs: nowMs, failures: 0, epoch: this.#epoch }
        this.#running.add(next)
        return next
      }
    }
    return undefined
  }

  /**
   * Several nodes hand over what they all have. So that they do not all send the same rows at the same time, each begins with partitions in which it stands first: when
   * it comes to the others, those who stand first there have sent most of it, and little is left to compare. What it is to be given itself comes last.
   */
  rankOf(partition: number): number {
    return this.#entries.get(partition)?.rank ?? LAST
  }

  ended(chunk: Chunk, outcome: ExchangeOutcome, nowMs: number): void {
    const { peer, partitions } = chunk
    const isOfNow = this.#running.delete(chunk) && (chunk as Comparison).epoch === this.#epoch
    const whole = isWhole(outcome)
    const isSound = whole && !outcome.doubtful && isOfNow
    this.#restMs.set(`${peer} ${chunk.chunk}`, nowMs + (isSound ? 0 : whole ? DOUBTFUL_MS : RETRY_MS))
    if (!isSound) return
    for (const partition of partitions) this.#entries.get(partition)?.covered.set(peer, this.#bootOf(peer))
  }

  /** `mayTell`: what this node holds of the partition can be told for certain. */
  due(mayTell: (partition: number) => boolean): Due {
    const handed = new Map<number, readonly string[]>()
    if (this.#landed)
      for (const [partition, { list }] of this.#entries) {
        const isOpen = list.some((peer) => peer !== this.#self && this.#isOpen(partition, peer))
        if (!isOpen && mayTell(partition)) handed.set(partition, list)
      }
    return { handed, released: this.#released }
  }

  /** A start of the peer that this comparison knows nothing of may have lost what it had. */
  #isOpen(partition: number, peer: string): boolean {
    const entry = this.#entries.get(partition)
    if (entry?.list.includes(peer) !== true) return false
    return entry.covered.get(peer) !== this.#bootOf(peer)
  }
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}

function entryOf(list: readonly string[], place: number): Entry {
  return { list, rank: place < 0 ? LAST : place, covered: new Map() }
}
