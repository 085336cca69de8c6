/**
 * The placement table that follows from a set of changes: partition → owners in order. Computed by the kernel; every node that has the same changes
 * computes the same one. A table is named by its level (how many changes it follows from) and a digest over them.
 *
 * A table is made from the one before it, not from the beginning: the kernel's checkpoint takes what it knows already, whatever the changes are.
 */
import {
  type Act,
  type ChangeMark,
  encodeChanges,
  type Change as KernelChange,
  objectDigest,
  type Placement,
  PlacementCheckpoint,
  type Plan,
} from '../../kernel/index.js'
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
  /** Q in force. */
  readonly partitions: number
  /** The N in force: as wanted, or the number of members where they are fewer. */
  readonly n: number
  /** The N that is wanted, whatever the number of members. */
  readonly copies: number
  /** For each partition its owners' ids in order. */
  readonly lists: readonly (readonly string[])[]
  /** In the order of `members`: copies of partitions that each should hold. */
  readonly dues: readonly number[]
}

interface Computed {
  readonly clusterId: string
  readonly table: Table
  readonly checkpoint: PlacementCheckpoint
}

/** Tables already computed: states share their list of changes as long as none is added. */
const TABLES = new WeakMap<readonly Change[], Computed>()
/** The latest, oldest first: the way to the next one, and the same for who hears of the same changes again. Each keeps up to eight tables in the kernel. */
const LATEST: Computed[] = []
const KEPT = 4

export function tableOf(birth: Birth, changes: readonly Change[]): Table {
  return computed(birth, changes).table
}

/** What would be if there were one more change. */
export interface Prospect {
  readonly plan: Plan
  readonly after: Placement
}

/** What would become of the table if `author` recorded this now. Nothing is remembered of it. */
export function prospectOf(birth: Birth, changes: readonly Change[], author: string, act: Act): Prospect {
  const { checkpoint, table } = computed(birth, changes)
  const stamp = changes.reduce((highest, one) => Math.max(highest, one.stamp), 0) + 1
  const change = { stamp, author, after: [...table.heads], ...act }
  const packed = encodeChanges([...changes.map(kernelChange), change])
  return { plan: checkpoint.plan(packed), after: checkpoint.after(packed).placement }
}

function computed(birth: Birth, changes: readonly Change[]): Computed {
  const known = TABLES.get(changes)
  if (known !== undefined) return known
  const digest = digestOf(birth, changes)
  const name = digestText(digest)
  const before = LATEST.findLast(({ clusterId }) => clusterId === birth.clusterId)
  const found = LATEST.find(({ table }) => table.name === name) ?? compute(birth, changes, digest, before)
  TABLES.set(changes, found)
  return found
}

function compute(
  birth: Birth,
  changes: readonly Change[],
  digest: Digest64,
  before: Computed | undefined,
): Computed {
  const packed = encodeChanges(changes.map(kernelChange))
  const checkpoint =
    before?.checkpoint.after(packed) ?? PlacementCheckpoint.of(birth.partitions, birth.n, packed)
  const { partitions, n: copies, copies: n, members, gone, heads, dues, table: slots } = checkpoint.placement
  const lists = listsOf(slots, partitions, n, members)
  const name = digestText(digest)
  const table = {
    level: changes.length,
    digest,
    name,
    members,
    gone,
    heads,
    partitions,
    n,
    copies,
    lists,
    dues,
  }
  const found = { clusterId: birth.clusterId, table, checkpoint }
  LATEST.push(found)
  if (LATEST.length > KEPT) LATEST.shift()
  return found
}

/** Partitions with the same owners share one list: what follows from it is worked out once. */
function listsOf(
  slots: Uint16Array | Uint32Array,
  partitions: number,
  n: number,
  members: readonly string[],
): readonly (readonly string[])[] {
  const known = new Map<string, readonly string[]>()
  return Array.from({ length: partitions }, (_, p) => {
    const numbers = slots.subarray(p * n, (p + 1) * n)
    const name = numbers.join()
    const list = known.get(name) ?? Array.from(numbers, (number) => members[number]!)
    known.set(name, list)
    return list
  })
}

function kernelChange(change: Change): KernelChange {
  const { kind, amount = 1, stamp, author, after } = change
  const recorded = { stamp, author, after }
  if (kind === 'split') return { ...recorded, kind, partitions: amount }
  if (kind === 'copies') return { ...recorded, kind, copies: amount }
  if (kind === 'replace') return { ...change, kind, replaced: change.replaced! }
  return { ...change, kind }
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
