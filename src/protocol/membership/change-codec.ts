/** Fields that several parts of the membership state have in common, as bytes. */
import type { ByteReader, ByteWriter } from '../../wire/bytes.js'
import { WireError } from '../../wire/bytes.js'
import type { Change, ChangeKind } from './state.js'

const KINDS: readonly ChangeKind[] = ['join', 'leave', 'remove', 'weight', 'zone']
const TEXT_BYTES = 1024
const ID = /^[0-9a-f]{32}$/

export function encodeChange(writer: ByteWriter, change: Change): void {
  writer.u53(change.stamp)
  writer.text(change.author)
  writer.u8(KINDS.indexOf(change.kind))
  writer.text(change.member)
  writer.f64(change.weight)
  writer.text(change.zone)
  writer.u53(change.atMs)
}

export function decodeChange(reader: ByteReader): Change {
  const stamp = reader.u53()
  const author = readId(reader)
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw new WireError('a kind of change is unknown')
  const member = readId(reader)
  const weight = reader.f64()
  if (!(weight > 0 && Number.isFinite(weight))) throw new WireError('a weight is a positive number')
  return { stamp, author, kind, member, weight, zone: reader.text(TEXT_BYTES), atMs: reader.u53() }
}

export function readId(reader: ByteReader): string {
  const text = reader.text(64)
  if (!ID.test(text)) throw new WireError('an id has 32 hex digits')
  return text
}
