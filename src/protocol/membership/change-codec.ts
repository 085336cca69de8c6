/** Fields that several parts of the membership state have in common, as bytes. */
import type { ByteReader, ByteWriter } from '../../wire/bytes.js'
import { WireError } from '../../wire/bytes.js'
import type { Act, Change, ChangeKind } from './state.js'

/** In the order of their numbers. */
const KINDS: readonly ChangeKind[] = ['join', 'leave', 'remove', 'weight', 'zone', 'replace']
const TEXT_BYTES = 1024
const ID = /^[0-9a-f]{32}$/

/** `links`: with what says which changes it follows; absent in the earliest versions. */
export function encodeChange(writer: ByteWriter, change: Change, links: boolean): void {
  writer.u53(change.stamp)
  writer.text(change.author)
  writer.u8(KINDS.indexOf(change.kind))
  writer.text(change.member)
  writer.f64(change.weight)
  writer.text(change.zone)
  if (change.kind === 'replace') writer.text(change.replaced)
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
  const change = { stamp, author, ...decodeAct(reader), atMs: reader.u53() }
  return links ? { ...change, ...decodeLinks(reader) } : change
}

function decodeAct(reader: ByteReader): Act {
  const kind = KINDS[reader.u8()]
  if (kind === undefined) throw new WireError('a kind of change is unknown')
  const member = readId(reader)
  const weight = reader.f64()
  if (!(weight > 0 && Number.isFinite(weight))) throw new WireError('a weight is a positive number')
  const zone = reader.text(TEXT_BYTES)
  if (kind === 'replace') return { kind, member, weight, zone, replaced: readId(reader) }
  return { kind, member, weight, zone }
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
