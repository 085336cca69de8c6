/** What this node answers when a peer compares trees with it. Every question stands for itself; nothing is remembered between two. */
import { DIGEST_BYTES, digestOf } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import { type ListedRow, relate } from '../protocol/entropy/differences.js'
import { chunkOf } from '../protocol/entropy/schedule.js'
import { RING_BITS } from '../protocol/entropy/shape.js'
import { digestOfRoots, type Trees } from '../protocol/entropy/trees.js'
import type { Membership } from '../protocol/membership/membership.js'
import { sameDigest } from '../protocol/membership/ring.js'
import type { EntropyMessage } from '../wire/entropy.js'
import type {
  Digest64,
  Message,
  SegmentKeys,
  SegmentRows,
  SegmentRowsFound,
  TreeNodes,
  TreePlace,
  TreeRoots,
} from '../wire/messages.js'
import { ReplicaStatus } from '../wire/messages.js'
import type { Drain } from './drain.js'
import type { StorageGuard } from './guard/index.js'
import type { Outflow, OutgoingRow } from './outflow.js'
import { readEach } from './read-each.js'
import type { Replica } from './replica.js'
import type { SegmentLister } from './segment-lister.js'

const NOTHING = new Uint8Array(0)

export interface ExchangeAnswersParts {
  readonly clock: Clock
  readonly outflow: Outflow
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly replica: Replica
  readonly trees: Trees
  readonly lister: SegmentLister
  /** Rows that were read and not yet sent. */
  readonly reads: Drain
  /** The partitions that this node and a peer both own, rising, under the table in force. */
  shared(peer: string): readonly number[]
  /** The peer is being handed hints, and this chunk can wait until it has them. */
  waits(peer: string, chunk: number): boolean
  reply(to: string, message: EntropyMessage): void
  /** A peer compared this chunk with ours; they were `same` or not. */
  compared(peer: string, chunk: number, same: boolean): void
}

export class ExchangeAnswers {
  readonly #parts: ExchangeAnswersParts
  /** Peers for which rows are being read: one question of each at a time. */
  readonly #reading = new Set<string>()

  constructor(parts: ExchangeAnswersParts) {
    this.#parts = parts
  }

  roots(from: string, { id, ring, chunk, digest }: TreeRoots): void {
    const { trees, shared, waits, reply, compared } = this.#parts
    const partitions = chunkOf(shared(from), chunk)
    const none = partitions.length === 0 ? ReplicaStatus.refused : undefined
    const busy = waits(from, chunk) ? ReplicaStatus.overloaded : undefined
    const refused = this.#refusal(ring, partitions) ?? none ?? busy
    if (refused !== undefined) {
      reply(from, { type: 41, id, status: refused, incomplete: true, roots: NOTHING })
      return
    }
    const roots = trees.roots(partitions)
    const same = digestOfRoots(roots).equals(digest)
    compared(from, chunk, same)
    const incomplete = this.#isIncomplete || partitions.some((partition) => trees.hasHole(partition))
    if (same) reply(from, { type: 41, id, status: ReplicaStatus.same, incomplete, roots: NOTHING })
    else reply(from, { type: 41, id, status: ReplicaStatus.ok, incomplete, roots })
  }

  nodes(from: string, { id, ring, places }: TreeNodes): void {
    const { trees, reply } = this.#parts
    const refused =
      this.#refusal(
        ring,
        places.map(({ partition }) => partition),
      ) ?? this.#misplaced(places)
    if (refused !== undefined) {
      reply(from, { type: 43, id, status: refused, incomplete: true, nodes: NOTHING })
      return
    }
    const nodes = places.map(({ partition, level, node }) => trees.below(partition, level, node))
    const incomplete = this.#isIncomplete
    reply(from, { type: 43, id, status: ReplicaStatus.ok, incomplete, nodes: Buffer.concat(nodes) })
  }

  keys(from: string, { id, ring, from: start, segments }: SegmentKeys): void {
    const { lister, reply } = this.#parts
    const many = segments.length > limits.exchangeSegments
    const wrong = many || segments.some((segment) => segment >= 2 ** RING_BITS)
    const refused = this.#refusal(ring, []) ?? this.#busy(from) ?? (wrong ? ReplicaStatus.refused : undefined)
    const fail = (status: ReplicaStatus) =>
      reply(from, { type: 45, id, status, incomplete: true, next: NOTHING, keys: [] })
    if (refused !== undefined) {
      fail(refused)
      return
    }
    this.#reading.add(from)
    lister.list({ kind: 'list-segments', segments, from: start, to: NOTHING }, ({ failed, rows, next }) => {
      this.#reading.delete(from)
      if (failed) fail(ReplicaStatus.unavailable)
      else {
        const [incomplete, keys] = [this.#isIncomplete, rows.map(keyOf)]
        reply(from, { type: 45, id, status: ReplicaStatus.ok, incomplete, next, keys })
      }
    })
  }

  rows(from: string, { id, ring, keys }: SegmentRows): void {
    const { guard, replica, reads, outflow } = this.#parts
    const wrong = keys.length === 0 || keys.length > limits.exchangeRows
    const refused = this.#refusal(ring, []) ?? this.#busy(from) ?? (wrong ? ReplicaStatus.refused : undefined)
    if (refused !== undefined) {
      this.#parts.reply(from, { type: 47, id, status: refused, incomplete: true, rows: [] })
      return
    }
    this.#reading.add(from)
    const begun = reads.enter()
    const answers: { wants: boolean; object: Uint8Array }[] = []
    let [bytes, incomplete] = [0, false]
    const rowKeys = keys.map(({ rowKey }) => rowKey)
    const mostBytes = Math.min(limits.exchangeBytes, outflow.pieceBytes)
    // As many as fit into one answer, at least one.
    readEach({ guard, replica }, rowKeys, {
      kind: 'exchange',
      each: ({ object, known }, index) => {
        const answer = relate(known ? object : undefined, keys[index]!.skeleton)
        answers.push(answer)
        incomplete ||= !known
        bytes += answer.object.length
        return bytes < mostBytes
      },
      done: () => {
        incomplete ||= this.#isIncomplete
        const rows = answers.map(({ object }, index) => ({ rowKey: rowKeys[index]!, object }))
        const message = { type: 47, id, status: ReplicaStatus.ok, incomplete, rows: answers } as const
        this.#send(from, rows.filter(isSent), message, () => reads.leave(begun))
      },
    })
  }

  /** Later, perhaps, but not so late that the peer has given up and asked for the same again. */
  #send(from: string, rows: readonly OutgoingRow[], message: SegmentRowsFound, gone: () => void): void {
    const { clock, outflow, reply } = this.#parts
    const untilMs = clock.monotonicMs() + limits.exchangeAnswerMs
    const drop = () => {
      this.#reading.delete(from)
      gone()
    }
    const leave = () => {
      this.#reading.delete(from)
      reply(from, message)
      gone()
    }
    outflow.send('asked', rows, { leave, drop, isWanted: () => clock.monotonicMs() < untilMs })
  }

  get #isIncomplete(): boolean {
    return this.#parts.membership.own.incomplete
  }

  /** Why nothing can be said of these partitions now. */
  #refusal(ring: Digest64, partitions: readonly number[]): ReplicaStatus | undefined {
    const { membership, guard, trees } = this.#parts
    if (!sameDigest(ring, membership.ring.holding)) return ReplicaStatus.stale
    const { partitions: count } = trees.shape
    if (partitions.some((partition) => partition >= count)) return ReplicaStatus.refused
    const ready = guard.state === 'open' && partitions.every((partition) => trees.isReady(partition))
    return ready ? undefined : ReplicaStatus.unavailable
  }

  #misplaced(places: readonly TreePlace[]): ReplicaStatus | undefined {
    const { shape } = this.#parts.trees
    const sound = places.every(({ level, node }) => level < shape.depth && node < shape.width(level))
    return sound && places.length <= limits.exchangePlaces ? undefined : ReplicaStatus.refused
  }

  #busy(peer: string): ReplicaStatus | undefined {
    return this.#reading.has(peer) ? ReplicaStatus.overloaded : undefined
  }
}

function keyOf({ rowKey, object }: ListedRow): { rowKey: Uint8Array; digest: Uint8Array } {
  return { rowKey, digest: object === undefined ? new Uint8Array(DIGEST_BYTES) : digestOf(object) }
}

function isSent({ object }: OutgoingRow): boolean {
  return object.length > 0
}

export type Question = TreeRoots | TreeNodes | SegmentKeys | SegmentRows

/** Answers to this node's own questions have these types too, but for `replicaWritten`. */
export function isQuestion(message: Message): message is Question {
  return message.type === 40 || message.type === 42 || message.type === 44 || message.type === 46
}
