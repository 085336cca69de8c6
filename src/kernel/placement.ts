/**
 * Which nodes own which partition (crates/kernel/src/placement): a function of the recorded membership changes, in whatever order
 * they are given, so that every node that has heard the same changes computes the same table.
 */
import { binding } from './binding.js'
import { KernelError, wholeNumber } from './codes.js'
import { pushVarint, Reader } from './reader.js'

export type ChangeKind = 'join' | 'leave' | 'remove' | 'weight' | 'zone'

/** A recorded membership change. */
export interface Change {
  /** Lamport stamp: greater than that of all that its author had seen; at most 2^53 - 1. */
  readonly stamp: number
  /** The member that recorded it: 32 hexadecimal digits. */
  readonly author: string
  readonly kind: ChangeKind
  /** 32 hexadecimal digits. */
  readonly member: string
  /** For `join` and `weight`: 0.000001 to 1,000,000. */
  readonly weight?: number
  /** For `join` and `zone`: at most 64 bytes of UTF-8. */
  readonly zone?: string
  /**
   * For `remove`: the highest stamp of the removed member's own changes that the author had seen; what that member recorded later is void.
   * Absent: all with a stamp below the removal's own.
   */
  readonly seen?: number
}

export interface Placement {
  /** Ids of the present members, sorted. */
  readonly members: string[]
  /** In the order of `members`. */
  readonly weights: number[]
  readonly zones: string[]
  /** Copies of partitions that each member should hold; it holds this rounded down or up. */
  readonly dues: number[]
  /** Ids that left or were removed; they never return. Sorted. */
  readonly gone: string[]
  /** Owners of each partition: the copies asked for, or the members if these are fewer. */
  readonly copies: number
  /** Index in `members` of the i-th owner of partition p, at `p * copies + i`. */
  readonly table: Uint16Array
}

const CHANGES_VERSION = 1
const KINDS: readonly ChangeKind[] = ['join', 'leave', 'remove', 'weight', 'zone']
const MAX_PARTITIONS = 65_536
const MAX_COPIES = 16
const MIN_WEIGHT = 1e-6
const MAX_WEIGHT = 1e6
const MAX_ZONE_BYTES = 64
const ID = /^[0-9a-f]{32}$/

/** Packs changes for placementTable. */
export function encodeChanges(changes: readonly Change[]): Uint8Array {
  const count: number[] = []
  pushVarint(count, changes.length)
  const parts: Uint8Array[] = [Uint8Array.of(CHANGES_VERSION), Uint8Array.from(count)]
  for (const change of changes) parts.push(encodeChange(change))
  return Buffer.concat(parts)
}

function encodeChange(change: Change): Uint8Array {
  const { weight = 1, zone = '', stamp } = change
  if (!(weight >= MIN_WEIGHT && weight <= MAX_WEIGHT)) {
    throw new KernelError(
      'bad-changes',
      `A weight lies between ${MIN_WEIGHT} and ${MAX_WEIGHT}, not at ${weight}.`,
    )
  }
  const zoneBytes = Buffer.from(zone, 'utf8')
  if (zoneBytes.length > MAX_ZONE_BYTES) {
    throw new KernelError('bad-changes', `A zone's name has at most ${MAX_ZONE_BYTES} bytes.`)
  }
  const kind = KINDS.indexOf(change.kind)
  if (kind < 0) throw new KernelError('bad-changes', `There is no change of the kind ${change.kind}.`)
  const head = [kind]
  pushVarint(head, wholeNumber('stamp', stamp, 0, Number.MAX_SAFE_INTEGER))
  const weightBytes = Buffer.allocUnsafe(8)
  weightBytes.writeDoubleBE(weight)
  const seen: number[] = []
  pushVarint(seen, wholeNumber('seen', change.seen ?? Math.max(0, stamp - 1), 0, Number.MAX_SAFE_INTEGER))
  return Buffer.concat([
    Uint8Array.from(head),
    idBytes(change.author),
    idBytes(change.member),
    weightBytes,
    Uint8Array.of(zoneBytes.length),
    zoneBytes,
    Uint8Array.from(seen),
  ])
}

function idBytes(id: string): Buffer {
  if (!ID.test(id))
    throw new KernelError('bad-changes', `A member's id has 32 hexadecimal digits, unlike ${id}.`)
  return Buffer.from(id, 'hex')
}

/**
 * Members and table after the packed changes, for `partitions` (a power of two up to 65,536) with at most `copies` (1 to 16) owners each.
 * Throws KernelError `bad-changes` for bytes that encodeChanges never makes.
 */
export function placementTable(partitions: number, copies: number, changes: Uint8Array): Placement {
  wholeNumber('partitions', partitions, 1, MAX_PARTITIONS)
  wholeNumber('copies', copies, 1, MAX_COPIES)
  if ((partitions & (partitions - 1)) !== 0) {
    throw new KernelError('bad-argument', `The number of partitions is a power of two, unlike ${partitions}.`)
  }
  let packed: Buffer
  try {
    packed = binding.placementTable(partitions, copies, changes)
  } catch (cause) {
    throw new KernelError('bad-changes', (cause as Error).message)
  }
  return unpack(packed)
}

function unpack(packed: Buffer): Placement {
  const reader = new Reader(packed, 'bad-changes', 12)
  const id = () => (reader.take(16) as Buffer).toString('hex')
  const members: string[] = []
  const weights: number[] = []
  const dues: number[] = []
  const zones: string[] = []
  for (let left = packed.readUInt32LE(0); left > 0; left--) {
    members.push(id())
    weights.push((reader.take(8) as Buffer).readDoubleLE())
    dues.push((reader.take(8) as Buffer).readDoubleLE())
    zones.push((reader.take(reader.byte()) as Buffer).toString('utf8'))
  }
  const gone: string[] = []
  for (let left = packed.readUInt32LE(4); left > 0; left--) gone.push(id())
  const table = new Uint16Array(reader.left / 2)
  for (let i = 0; i < table.length; i++) table[i] = packed.readUInt16LE(reader.at + 2 * i)
  return { members, weights, zones, dues, gone, copies: packed.readUInt32LE(8), table }
}
