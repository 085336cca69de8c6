/** Fields that several parts of the membership state have in common, as bytes. */
import { limits } from '../../limits.js'
import type { ByteReader, ByteWriter } from '../../wire/bytes.js'
import { WireError } from '../../wire/bytes.js'
import type { Change, ChangeKind } from './state.js'

/** By their numbers, which are those of the kernel. */
const KINDS = new Map<number, ChangeKind>([
  [0, 'join'],
  [1, 'leave'],
  [2, 'remove'],
  [3, 'weight'],
  [4, 'zone'],
  [5, 'replace'],
  [6, 'split'],
  [7, 'copies'],
])
const NUMBERS = new Map([...KINDS].map(([number, kind]) => [kind, number]))
const TEXT_BYTES = 1024
const ID = /^[0-9a-f]{32}$/

/** `links`: with what says which changes it follows; absent in the earliest versions. */
export function encodeChange(writer: ByteWriter, change: Change, links: boolean): void {
  writer.u53(change.stamp)
  writer.text(change.author)
  writer.u8(NUMBERS.get(change.kind)!)
  if (change.amount !== undefined) writer.u32(change.amount)
  else {
    writer.text(change.member)
    writer.f64(change.weight)
    writer.text(change.zone)
  }
  if (change.replaced !== undefined) writer.text(change.replaced)
  writer.u53(change.atMs)
  if (!links) return
  const { after, seen } = change
  writer.u16(after === undefined ? 0 : after.length + 1)
  for (const mark of after ?? []) {
    writer.u53(mark.stamp)
    writer.text(mark.author)
  }
  writer.u8(seen === undefined ? 0 : 1)
  if (seen !== undefined) writer.u53(seen)
}

export function decodeChange(reader: ByteReader, links: boolean): Change {
  const stamp = reader.u53()
  const author = readId(reader)
  const kind = KINDS.get(reader.u8())
  if (kind === undefined) throw new WireError('a kind of change is unknown')
  const act = kind === 'split' || kind === 'copies' ? decodeAmount(reader, kind) : decodeMember(reader)
  const replaced = kind === 'replace' ? { replaced: readId(reader) } : {}
  const change = { stamp, author, kind, ...act, ...replaced, atMs: reader.u53() }
  return links ? { ...change, ...decodeLinks(reader) } : change
}

function decodeMember(reader: ByteReader): Pick<Change, 'member' | 'weight' | 'zone'> {
  const member = readId(reader)
  const weight = reader.f64()
  if (!(weight > 0 && Number.isFinite(weight))) throw new WireError('a weight is a positive number')
  return { member, weight, zone: reader.text(TEXT_BYTES) }
}

function decodeAmount(
  reader: ByteReader,
  kind: 'split' | 'copies',
): Pick<Change, 'member' | 'weight' | 'zone' | 'amount'> {
  const amount = reader.u32()
  const isSound = kind === 'split' ? isPartitionCount(amount) : amount >= 1 && amount <= limits.replicas
  if (!isSound) throw new WireError(`a change says ${amount} ${kind === 'split' ? 'partitions' : 'copies'}`)
  return { member: '', weight: 1, zone: '', amount }
}

/** A power of two, and not too many. */
export function isPartitionCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= limits.partitions && (count & (count - 1)) === 0
}

function decodeLinks(reader: ByteReader): Pick<Change, 'after' | 'seen'> {
  const count = reader.u16()
  const after = Array.from({ length: Math.max(0, count - 1) }, () => {
    return { stamp: reader.u53(), author: readId(reader) }
  })
  const flag = reader.u8()
  if (flag > 1) throw new WireError('a flag is 0 or 1')
  const seen = flag === 1 ? { seen: reader.u53() } : {}
  return { ...(count > 0 ? { after } : {}), ...seen }
}

export function readId(reader: ByteReader): string {
  const text = reader.text(64)
  if (!ID.test(text)) throw new WireError('an id has 32 hex digits')
  return text
}
