/** The messages of anti-entropy ↔ bytes: trees compared, keys and rows of the segments that differ. Decoding is total, as everywhere. */
import type { ByteReader, ByteWriter } from './bytes.js'
import { WireError } from './bytes.js'
import { readDigest64, readRowKey, readStatus, writeDigest64, writeShortBytes } from './fields.js'
import type {
  Message,
  ReplicaStatus,
  SegmentKeysFound,
  SegmentRows,
  SegmentRowsFound,
  TreePlace,
} from './messages.js'

export type EntropyMessage = Extract<Message, { readonly type: 40 | 41 | 42 | 43 | 44 | 45 | 46 | 47 }>

const DIGEST_BYTES = 16
const PLACE_BYTES = 7
const SEGMENT_BYTES = 4

export function encodeEntropy(writer: ByteWriter, message: EntropyMessage): void {
  switch (message.type) {
    case 40:
      writeDigest64(writer, message.ring)
      writer.u32(message.chunk)
      writer.raw(message.digest)
      return
    case 41:
      writeHead(writer, message)
      writer.raw(message.roots)
      return
    case 42:
      writeDigest64(writer, message.ring)
      for (const place of message.places) encodePlace(writer, place)
      return
    case 43:
      writeHead(writer, message)
      writer.raw(message.nodes)
      return
    case 44:
      writeDigest64(writer, message.ring)
      writeShortBytes(writer, message.from)
      for (const segment of message.segments) writer.u32(segment)
      return
    case 45:
      writeHead(writer, message)
      writeShortBytes(writer, message.next)
      for (const { rowKey, digest } of message.keys) {
        writeShortBytes(writer, rowKey)
        writer.raw(digest)
      }
      return
    case 46:
      writeDigest64(writer, message.ring)
      for (const { rowKey, skeleton } of message.keys) {
        writeShortBytes(writer, rowKey)
        writer.bytes(skeleton)
      }
      return
    case 47:
      writeHead(writer, message)
      for (const { wants, object } of message.rows) {
        writer.u8(wants ? 1 : 0)
        writer.bytes(object)
      }
      return
    default:
      message satisfies never
  }
}

export function decodeEntropy(type: number, id: number, body: ByteReader): EntropyMessage {
  switch (type) {
    case 40:
      return { type, id, ring: readDigest64(body), chunk: body.u32(), digest: body.raw(DIGEST_BYTES) }
    case 41:
      return { type, id, ...readHead(body), roots: nodes(body) }
    case 42:
      return { type, id, ring: readDigest64(body), places: all(body, PLACE_BYTES, decodePlace) }
    case 43:
      return { type, id, ...readHead(body), nodes: nodes(body) }
    case 44:
      return {
        type,
        id,
        ring: readDigest64(body),
        from: body.raw(body.u16()),
        segments: all(body, SEGMENT_BYTES, (reader) => reader.u32()),
      }
    case 45:
      return keysFound(id, body)
    case 46:
      return segmentRows(id, body)
    case 47:
      return rowsFound(id, body)
    default:
      throw new WireError(`message type ${type} is unknown`)
  }
}

interface Head {
  readonly status: ReplicaStatus
  readonly incomplete: boolean
}

function writeHead(writer: ByteWriter, { status, incomplete }: Head): void {
  writer.u8(status)
  writer.u8(incomplete ? 1 : 0)
}

function readHead(body: ByteReader): Head {
  const status = readStatus(body)
  const incomplete = body.u8()
  if (incomplete > 1) throw new WireError('a flag is 0 or 1')
  return { status, incomplete: incomplete === 1 }
}

function encodePlace(writer: ByteWriter, { partition, level, node }: TreePlace): void {
  writer.u16(partition)
  writer.u8(level)
  writer.u32(node)
}

function decodePlace(body: ByteReader): TreePlace {
  return { partition: body.u16(), level: body.u8(), node: body.u32() }
}

function nodes(body: ByteReader): Buffer {
  if (body.left % DIGEST_BYTES !== 0) throw new WireError('the nodes of a tree have 16 bytes each')
  return body.raw(body.left)
}

/** Items of one size up to the end. */
function all<T>(body: ByteReader, itemBytes: number, read: (body: ByteReader) => T): T[] {
  if (body.left % itemBytes !== 0) throw new WireError('bytes are left over')
  return Array.from({ length: body.left / itemBytes }, () => read(body))
}

function keysFound(id: number, body: ByteReader): SegmentKeysFound {
  const head = readHead(body)
  const next = body.raw(body.u16())
  const keys = []
  while (body.left > 0) keys.push({ rowKey: readRowKey(body, body.u16()), digest: body.raw(DIGEST_BYTES) })
  return { type: 45, id, ...head, next, keys }
}

function segmentRows(id: number, body: ByteReader): SegmentRows {
  const digest = readDigest64(body)
  const keys = []
  while (body.left > 0) keys.push({ rowKey: readRowKey(body, body.u16()), skeleton: body.bytes() })
  return { type: 46, id, ring: digest, keys }
}

function rowsFound(id: number, body: ByteReader): SegmentRowsFound {
  const head = readHead(body)
  const rows = []
  while (body.left > 0) {
    const wants = body.u8()
    if (wants > 1) throw new WireError('a flag is 0 or 1')
    rows.push({ wants: wants === 1, object: body.bytes() })
  }
  return { type: 47, id, ...head, rows }
}
