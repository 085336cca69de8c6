/** The membership state as bytes: for gossip and for the disk. Canonical: equal states have equal bytes, so their digest tells them apart. */
import { objectDigest } from '../../kernel/index.js'
import { limits } from '../../limits.js'
import { ByteReader, ByteWriter, WireError } from '../../wire/bytes.js'
import { FIRST, sameRanges, type VersionRange } from '../../wire/versions.js'
import { decodeBuckets, encodeBuckets } from './buckets.js'
import { decodeChange, encodeChange, isPartitionCount, readId } from './change-codec.js'
import { decodeMoves, encodeMoves } from './moves-codec.js'
import type { Change, ClusterState, MemberFacts } from './state.js'
import { changeOrder, partitionsIn } from './state.js'

/**
 * 1 had no buckets; 2 had no moves, and changes did not say what they follow; 3 did not say which versions members speak. What 2 can say is
 * still written as 2, and what 3 can say as 3: equal states have equal bytes.
 */
const VERSION = 4
/** The first that says moves, and what changes follow; the first that says what members speak. */
const WITH_MOVES = 3
const WITH_SPEAKS = 4
const TEXT_BYTES = 1024
const INCARNATION = /^[0-9a-f]{16}$/

const encodings = new WeakMap<ClusterState, Uint8Array>()

/** Never changed by anybody; the same bytes for the same state. */
export function encodeState(state: ClusterState): Uint8Array {
  const known = encodings.get(state)
  if (known !== undefined) return known
  const bytes = encoded(state)
  encodings.set(state, bytes)
  return bytes
}

function encoded(state: ClusterState): Uint8Array {
  const writer = new ByteWriter(1024)
  const version = versionOf(state)
  const isOld = version < WITH_MOVES
  writer.u8(version)
  writer.text(state.birth.clusterId)
  writer.u8(state.birth.n)
  writer.u32(state.birth.partitions)
  writer.u53(state.birth.bornMs)
  writer.u32(state.changes.length)
  for (const change of state.changes) encodeChange(writer, change, !isOld)
  writer.u32(state.facts.length)
  for (const facts of state.facts) encodeFacts(writer, facts, version >= WITH_SPEAKS)
  encodeBuckets(writer, state.buckets)
  if (isOld) return writer.take()
  writer.u8(state.moves === undefined ? 0 : 1)
  if (state.moves !== undefined) encodeMoves(writer, state.moves)
  return writer.take()
}

function versionOf({ facts, moves, changes }: ClusterState): number {
  if (facts.some(({ speaks }) => speaks !== undefined)) return WITH_SPEAKS
  const isOld = changes.every(({ after, amount }) => after === undefined && amount === undefined)
  return moves === undefined && isOld ? 2 : WITH_MOVES
}

/** Total: throws WireError for anything that is not a state in canonical form. */
export function decodeState(bytes: Uint8Array): ClusterState {
  const reader = new ByteReader(bytes)
  const version = reader.u8()
  if (version < 1 || version > VERSION) throw new WireError(`membership version ${version} is unknown`)
  const birth = { clusterId: readId(reader), n: reader.u8(), partitions: reader.u32(), bornMs: reader.u53() }
  if (birth.n < 1 || birth.n > limits.replicas) throw new WireError('N is out of range')
  if (!isPartitionCount(birth.partitions))
    throw new WireError('the number of partitions is no power of two in range')
  const changes: Change[] = []
  for (let left = reader.count(40); left > 0; left--)
    changes.push(decodeChange(reader, version >= WITH_MOVES))
  if (changes.some((change, i) => i > 0 && changeOrder(changes[i - 1]!, change) >= 0))
    throw new WireError('changes are out of order')
  const facts: MemberFacts[] = []
  for (let left = reader.count(40); left > 0; left--) facts.push(decodeFacts(reader, version >= WITH_SPEAKS))
  if (facts.some((one, i) => i > 0 && facts[i - 1]!.id >= one.id))
    throw new WireError('members are out of order')
  if (facts.length > limits.members) throw new WireError('more members than a cluster can have')
  const buckets = version === 1 ? [] : decodeBuckets(reader)
  const hasMoves = version >= WITH_MOVES && flag(reader)
  const moves = hasMoves ? decodeMoves(reader, partitionsIn(birth, changes)) : undefined
  reader.end()
  return { birth, changes, facts, buckets, ...(moves === undefined ? {} : { moves }) }
}

/** `versions`: with the versions that it speaks; absent in earlier ones. */
export function encodeFacts(writer: ByteWriter, facts: MemberFacts, versions: boolean): void {
  writer.text(facts.id)
  writer.text(facts.name)
  writer.text(facts.address)
  writer.text(facts.peerAddress)
  writer.u53(facts.boot)
  writer.u32(facts.revision)
  writer.text(facts.incarnation)
  writer.text(facts.session)
  writer.u8(facts.incomplete ? 1 : 0)
  if (!versions) return
  writer.u8(facts.speaks === undefined ? 0 : 1)
  if (facts.speaks === undefined) return
  for (const { min, max } of [facts.speaks.wire, facts.speaks.storage]) {
    writer.u16(min)
    writer.u16(max)
  }
}

export function decodeFacts(reader: ByteReader, versions: boolean): MemberFacts {
  const facts = {
    id: readId(reader),
    name: reader.text(TEXT_BYTES),
    address: reader.text(TEXT_BYTES),
    peerAddress: reader.text(TEXT_BYTES),
    boot: reader.u53(),
    revision: reader.u32(),
    incarnation: reader.text(64),
    session: reader.text(64),
    incomplete: flag(reader),
  }
  if (!INCARNATION.test(facts.incarnation) || !INCARNATION.test(facts.session))
    throw new WireError('an incarnation and a session have 16 hex digits')
  if (!versions || !flag(reader)) return facts
  const speaks = { wire: decodeRange(reader), storage: decodeRange(reader) }
  // Else one state would have two spellings.
  if (sameRanges(speaks, FIRST)) throw new WireError('a member says in words what silence says')
  return { ...facts, speaks }
}

function decodeRange(reader: ByteReader): VersionRange {
  const range = { min: reader.u16(), max: reader.u16() }
  if (range.min > range.max) throw new WireError('an empty range of versions')
  return range
}

function flag(reader: ByteReader): boolean {
  const byte = reader.u8()
  if (byte > 1) throw new WireError('a flag is 0 or 1')
  return byte === 1
}

/** 16 bytes over the whole state, facts included: what gossip compares. */
export function stateDigest(state: ClusterState): Uint8Array {
  const digest = new Uint8Array(16)
  objectDigest(encodeState(state), digest)
  return digest
}
