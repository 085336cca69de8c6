/**
 * Gossip of what differs. Two copies of the state that are not alike are compared like two hash trees of one level:
 *
 *     A ── digest of the whole ──────────────▶ B     alike: nothing more is said, whatever the size of the cluster
 *     A ◀── summary: a sum for each slot ──── B      64 slots for changes, 64 for facts of members and buckets, one for moves
 *     A ── news: what is in slots that differ,
 *          A's own summary ──────────────────▶ B
 *     A ◀── news: what A lacks, if anything ─ B
 *
 * and what a node has just adopted it tells some others as a *rumour*: news against what it knew before.
 *
 * Facts of members and buckets can be merged into any state. Changes cannot: how far partitions have moved is told of all changes that its teller
 * knows, and would be misread beside fewer. So they come together with the moves spelt out, and are taken only by a node that
 * knows all that the teller knew: because they answer its own summary (the teller has compared), or because the changes known here are those from
 * before the rumour, or those after it. Anybody else asks, with its summary.
 */
import { limits } from '../../limits.js'
import { ByteReader, ByteWriter, WireError } from '../../wire/bytes.js'
import { readDigest64, writeDigest64 } from '../../wire/fields.js'
import type { Digest64 } from '../../wire/messages.js'
import { type BucketRegister, decodeBuckets, encodeBuckets } from './buckets.js'
import { decodeChange, encodeChange, isPartitionCount } from './change-codec.js'
import type { Moves } from './moves.js'
import { decodeMoves, encodeMoves } from './moves-codec.js'
import { type Change, type ClusterState, type MemberFacts, mergeChanges, movesOf } from './state.js'
import { decodeFacts, encodeFacts } from './state-codec.js'
import { type Entry, type Summary, sumsOf } from './sums.js'
import { digest64, sameDigest, tableOf } from './table.js'

const COMPLETE = 1
const RING = 2

/** What is said of changes and moves. */
export interface RingNews {
  /** Of all changes that the teller knew before and knows now. */
  readonly before: Digest64
  readonly after: Digest64
  readonly changes: readonly Change[]
  /** Spelt out, also where everything is settled. */
  readonly moves: Moves
}

export interface News {
  /** It answers a summary of the receiver: nothing that the teller knows beyond that is missing. */
  readonly complete: boolean
  readonly facts: readonly MemberFacts[]
  readonly buckets: readonly BucketRegister[]
  readonly ring: RingNews | undefined
}

/** What `after` has beyond `before`, for those who know `before`, or about as much. */
export function rumour(before: ClusterState, after: ClusterState): News {
  // Merging keeps what it knows already: what is another object is news.
  const old = new Set<Entry>([...before.changes, ...before.facts, ...before.buckets])
  const isNew = (one: Entry) => !old.has(one)
  const changes = after.changes.filter(isNew)
  const facts = after.facts.filter(isNew)
  const buckets = after.buckets.filter(isNew)
  const same = changes.length === 0 && sameMoves(before.moves, after.moves)
  return { complete: false, facts, buckets, ring: same ? undefined : ringNews(before, after, changes) }
}

/**
 * What of `state` the owner of a summary lacks; undefined: nothing. `known` is what this node will know once its disk has it, which may be what
 * that owner has just told: nothing of that is told back.
 */
export function newsFor(state: ClusterState, theirs: Summary, known = state): News | undefined {
  const mine = sumsOf(known)
  const isNew = (one: Entry) => mine.mayLack(theirs, one)
  const changes = state.changes.filter(isNew)
  const facts = state.facts.filter(isNew)
  const buckets = state.buckets.filter(isNew)
  const same = changes.length === 0 && sameDigest(mine.moves, theirs.moves)
  if (facts.length + buckets.length === 0 && same) return undefined
  return { complete: true, facts, buckets, ring: same ? undefined : ringNews(state, state, changes) }
}

function sameMoves(a: Moves | undefined, b: Moves | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return sameDigest(digestOf(a), digestOf(b))
}

function digestOf(moves: Moves): Digest64 {
  const writer = new ByteWriter(1024)
  encodeMoves(writer, moves)
  return digest64(writer.take())
}

function ringNews(before: ClusterState, after: ClusterState, changes: readonly Change[]): RingNews {
  return { before: changesOf(before), after: changesOf(after), changes, moves: movesOf(after) }
}

function changesOf({ birth, changes }: ClusterState): Digest64 {
  return tableOf(birth, changes).digest
}

/** What to merge into `state` to learn the news; `lacks`: its changes say nothing here without others that are not known. */
export function learnt(
  state: ClusterState,
  news: News,
): { readonly state: ClusterState; readonly lacks: boolean } {
  const { ring, facts, buckets } = news
  const known = changesOf(state)
  const fits =
    ring === undefined || news.complete || sameDigest(known, ring.before) || sameDigest(known, ring.after)
  if (ring === undefined || !fits) return { state: { ...state, facts, buckets }, lacks: !fits }
  const changes = mergeChanges(state.changes, ring.changes)
  return { state: { birth: state.birth, changes, facts, buckets, moves: ring.moves }, lacks: false }
}

export function encodeNews(news: News): Uint8Array {
  const { complete, facts, buckets, ring } = news
  const writer = new ByteWriter(512)
  writer.u8((complete ? COMPLETE : 0) | (ring === undefined ? 0 : RING))
  writer.u32(facts.length)
  for (const one of facts) encodeFacts(writer, one, true)
  encodeBuckets(writer, buckets)
  if (ring === undefined) return writer.take()
  writeDigest64(writer, ring.before)
  writeDigest64(writer, ring.after)
  writer.u32(ring.changes.length)
  for (const one of ring.changes) encodeChange(writer, one, true)
  writer.u32(ring.moves.settled.length)
  encodeMoves(writer, ring.moves)
  return writer.take()
}

/** Total: throws WireError. */
export function decodeNews(bytes: Uint8Array): News {
  const reader = new ByteReader(bytes)
  const flags = reader.u8()
  if (flags > (COMPLETE | RING)) throw new WireError('news with unknown flags')
  const complete = (flags & COMPLETE) !== 0
  const facts: MemberFacts[] = []
  for (let left = reader.count(40); left > 0; left--) facts.push(decodeFacts(reader, true))
  if (facts.length > limits.members) throw new WireError('more members than a cluster can have')
  const buckets = decodeBuckets(reader)
  if ((flags & RING) === 0) {
    reader.end()
    return { complete, facts, buckets, ring: undefined }
  }
  const [before, after] = [readDigest64(reader), readDigest64(reader)]
  const changes: Change[] = []
  for (let left = reader.count(40); left > 0; left--) changes.push(decodeChange(reader, true))
  const partitions = reader.u32()
  if (!isPartitionCount(partitions))
    throw new WireError('the number of partitions is no power of two in range')
  const moves = decodeMoves(reader, partitions)
  reader.end()
  return { complete, facts, buckets, ring: { before, after, changes, moves } }
}
