/** Recorded membership changes, and their packed form for the placement functions (crates/kernel/src/placement/changes.rs has the bytes). */
import { KernelError, wholeNumber } from './codes.js'
import { pushVarint } from './reader.js'

/** Names a change. */
export interface ChangeMark {
  readonly stamp: number
  /** 32 hexadecimal digits. */
  readonly author: string
}

/** What every change has. */
interface Recorded {
  /** Lamport stamp: greater than that of all that its author had seen; at most 2^53 - 1. */
  readonly stamp: number
  /** The member that recorded it: 32 hexadecimal digits. */
  readonly author: string
  /**
   * The latest changes that its author had seen (`heads` of the placement at that time), at most 1,024; everything that those follow, it
   * follows too. Absent: recorded by a version without; such a change follows all before it in canonical order.
   */
  readonly after?: readonly ChangeMark[] | undefined
}

interface Arrival {
  /** 32 hexadecimal digits. */
  readonly member: string
  /** 0.000001 to 1,000,000; 1 if absent. */
  readonly weight?: number | undefined
  /** At most 64 bytes of UTF-8; '' if absent. */
  readonly zone?: string | undefined
}

interface Seen {
  /**
   * The highest stamp of the changes that whoever is gone had recorded itself and the author had seen; what it recorded later is void, but for
   * splits. Absent: all with a stamp below the change's own.
   */
  readonly seen?: number | undefined
}

/** What happened. */
export type Act =
  /** A member came. */
  | ({ readonly kind: 'join' } & Arrival)
  /** A member left of its own accord, for ever. */
  | { readonly kind: 'leave'; readonly member: string }
  /** A member is gone against its will, for ever. */
  | ({ readonly kind: 'remove'; readonly member: string } & Seen)
  | { readonly kind: 'weight'; readonly member: string; readonly weight?: number | undefined }
  | { readonly kind: 'zone'; readonly member: string; readonly zone?: string | undefined }
  /** A new member came and owns what `replaced` owned, who is gone for ever (as by `remove`). If that one was gone already it is a join. */
  | ({ readonly kind: 'replace'; readonly replaced: string } & Arrival & Seen)
  /** There are at least so many partitions, a power of two up to 65,536. Never void. */
  | { readonly kind: 'split'; readonly partitions: number }
  /** There are to be so many copies, 1 to 16. */
  | { readonly kind: 'copies'; readonly copies: number }

/** A recorded membership change. */
export type Change = Recorded & Act

export type ChangeKind = Act['kind']

const CHANGES_VERSION = 2
/** In the order of their numbers. */
const KINDS: readonly ChangeKind[] = [
  'join',
  'leave',
  'remove',
  'weight',
  'zone',
  'replace',
  'split',
  'copies',
]
export const MAX_PARTITIONS = 65_536
export const MAX_COPIES = 16
const MAX_AFTER = 1024
export const MIN_WEIGHT = 1e-6
export const MAX_WEIGHT = 1e6
export const MAX_ZONE_BYTES = 64
const ID = /^[0-9a-f]{32}$/

/** Packs changes for the placement functions. Throws KernelError for a change that is none. */
export function encodeChanges(changes: readonly Change[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(CHANGES_VERSION), varint(changes.length)]
  for (const change of changes) pushChange(parts, change)
  return Buffer.concat(parts)
}

function pushChange(parts: Uint8Array[], change: Change): void {
  const { kind, stamp, author, after } = change
  const number = KINDS.indexOf(kind)
  if (number < 0) throw new KernelError('bad-changes', `There is no change of the kind ${kind}.`)
  parts.push(Uint8Array.of(number), stampBytes(stamp), idBytes(author))
  if (after !== undefined && after.length > MAX_AFTER)
    throw new KernelError('bad-changes', `A change follows at most ${MAX_AFTER} others.`)
  parts.push(varint(after === undefined ? 0 : after.length + 1))
  for (const mark of after ?? []) parts.push(stampBytes(mark.stamp), idBytes(mark.author))
  pushAct(parts, change)
}

function pushAct(parts: Uint8Array[], change: Change): void {
  switch (change.kind) {
    case 'join':
      return pushArrival(parts, change)
    case 'leave':
      parts.push(idBytes(change.member))
      return
    case 'remove':
      parts.push(idBytes(change.member), seenBytes(change))
      return
    case 'weight':
      parts.push(idBytes(change.member), weightBytes(change.weight))
      return
    case 'zone':
      parts.push(idBytes(change.member))
      return pushZone(parts, change.zone)
    case 'replace':
      pushArrival(parts, change)
      parts.push(idBytes(change.replaced), seenBytes(change))
      return
    case 'split':
      parts.push(varint(partitionCount(change.partitions)))
      return
    case 'copies':
      parts.push(varint(wholeNumber('copies', change.copies, 1, MAX_COPIES)))
      return
    default:
      change satisfies never
  }
}

function pushArrival(parts: Uint8Array[], { member, weight, zone }: Arrival): void {
  parts.push(idBytes(member), weightBytes(weight))
  pushZone(parts, zone)
}

function pushZone(parts: Uint8Array[], zone = ''): void {
  const bytes = Buffer.from(zone, 'utf8')
  if (bytes.length > MAX_ZONE_BYTES)
    throw new KernelError('bad-changes', `A zone's name has at most ${MAX_ZONE_BYTES} bytes.`)
  parts.push(varint(bytes.length), bytes)
}

function weightBytes(weight = 1): Uint8Array {
  if (!(weight >= MIN_WEIGHT && weight <= MAX_WEIGHT)) {
    const limits = `A weight lies between ${MIN_WEIGHT} and ${MAX_WEIGHT}, not at ${weight}.`
    throw new KernelError('bad-changes', limits)
  }
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleBE(weight)
  return bytes
}

function seenBytes({ stamp, seen = Math.max(0, stamp - 1) }: Recorded & Seen): Uint8Array {
  return varint(wholeNumber('seen', seen, 0, Number.MAX_SAFE_INTEGER))
}

function stampBytes(stamp: number): Uint8Array {
  return varint(wholeNumber('stamp', stamp, 0, Number.MAX_SAFE_INTEGER))
}

function idBytes(id: string): Buffer {
  if (!ID.test(id))
    throw new KernelError('bad-changes', `A member's id has 32 hexadecimal digits, unlike ${id}.`)
  return Buffer.from(id, 'hex')
}

/** A power of two up to 65,536, or a mistake. */
export function partitionCount(partitions: number): number {
  wholeNumber('partitions', partitions, 1, MAX_PARTITIONS)
  if ((partitions & (partitions - 1)) === 0) return partitions
  throw new KernelError('bad-argument', `The number of partitions is a power of two, unlike ${partitions}.`)
}

function varint(number: number): Uint8Array {
  const bytes: number[] = []
  pushVarint(bytes, number)
  return Uint8Array.from(bytes)
}
