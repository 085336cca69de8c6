/**
 * The placement table that follows from a set of changes: partition → owners in order. Computed by the kernel; every node that has the same changes
 * computes the same one. A table is named by its level (how many changes it follows from) and a digest over them.
 */
import { type ChangeMark, encodeChanges, objectDigest, placementTable } from '../../kernel/index.js'
import { ByteWriter } from '../../wire/bytes.js'
import type { Digest64 } from '../../wire/messages.js'
import { encodeChange } from './change-codec.js'
import type { Birth, Change } from './state.js'

export interface Table {
  /** How many changes it follows from: of two tables of which one follows from all that the other follows from, that one is higher. */
  readonly level: number
  readonly digest: Digest64
  /** 16 hex digits of the digest. */
  readonly name: string
  /** Ids of those that own something, or may, sorted. */
  readonly members: readonly string[]
  /** Ids that were removed or are to leave, sorted. */
  readonly gone: readonly string[]
  /** The latest changes: those that no other one follows. What the next change says that it follows. */
  readonly heads: readonly ChangeMark[]
  /** The N in force: as configured, or the number of members where they are fewer. */
  readonly n: number
  /** For each partition its owners' ids in order. */
  readonly lists: readonly (readonly string[])[]
}

/** Tables already computed: states share their list of changes as long as none is added. */
const TABLES = new WeakMap<readonly Change[], Table>()

export function tableOf(birth: Birth, changes: readonly Change[]): Table {
  const known = TABLES.get(changes)
  if (known !== undefined) return known
  const table = compute(birth, changes)
  TABLES.set(changes, table)
  return table
}

function compute(birth: Birth, changes: readonly Change[]): Table {
  const { partitions } = birth
  const placed = placementTable(partitions, birth.n, encodeChanges(changes))
  const n = Math.min(birth.n, placed.members.length)
  const lists = Array.from({ length: partitions }, (_, p) =>
    Array.from(placed.table.subarray(p * n, (p + 1) * n), (index) => placed.members[index]!),
  )
  const digest = digestOf(birth, changes)
  const { members, gone, heads } = placed
  return { level: changes.length, digest, name: digestText(digest), members, gone, heads, n, lists }
}

function digestOf(birth: Birth, changes: readonly Change[]): Digest64 {
  const writer = new ByteWriter(1024)
  writer.text(birth.clusterId)
  writer.u8(birth.n)
  writer.u32(birth.partitions)
  writer.u32(changes.length)
  for (const change of changes) encodeChange(writer, change, true)
  return digest64(writer.take())
}

/** The first 64 bits of the digest of these bytes. */
export function digest64(bytes: Uint8Array): Digest64 {
  const digest = Buffer.alloc(16)
  objectDigest(bytes, digest)
  return { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) }
}

export function sameDigest(a: Digest64, b: Digest64): boolean {
  return a.high === b.high && a.low === b.low
}

/** 16 hex digits. */
export function digestText(digest: Digest64): string {
  return digest.high.toString(16).padStart(8, '0') + digest.low.toString(16).padStart(8, '0')
}
