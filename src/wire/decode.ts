/** Bytes → messages. Total: any input gives messages or a WireError. Byte fields are subarrays of the frame. */
import { limits } from '../limits.js'
import { ByteReader, WireError } from './bytes.js'
import { decodeEntropy } from './entropy.js'
import { readDigest64, readRowKey, readStatus } from './fields.js'
import type {
  ForwardRead,
  ForwardReadDone,
  ForwardWrite,
  ForwardWriteDone,
  HintedWrite,
  JoinAnswer,
  JoinRequest,
  KeyPage,
  Message,
  Place,
  RangeRows,
  RemoteFailure,
  ReplicaRow,
} from './messages.js'
import { decodeReaping } from './reaping.js'

const NOTHING = Buffer.alloc(0)
const TEXT_BYTES = 1024
const PREPARED = ['ready', 'busy', 'data', 'stale'] as const

/** Reads the whole batch of one frame, giving each message to `take`; stops with a WireError at the first malformed one. */
export function decodeBatch(frame: Uint8Array, take: (message: Message) => void): void {
  const reader = new ByteReader(frame)
  while (reader.left > 0) {
    const type = reader.u8()
    const id = reader.u32()
    const end = reader.enter(reader.u32())
    const message = decodeBody(type, id, reader)
    reader.leave(end)
    take(message)
  }
}

function decodeBody(type: number, id: number, body: ByteReader): Message {
  switch (type) {
    case 1:
      return {
        type,
        id,
        durable: flag(body.u8()),
        leftMs: body.u32(),
        ring: readDigest64(body),
        rowKey: readRowKey(body, body.u16()),
        object: rest(body),
      }
    case 2:
      return { type, id, status: readStatus(body), state: rest(body) }
    case 3:
      return {
        type,
        id,
        leftMs: body.u32(),
        ring: readDigest64(body),
        rowKey: readRowKey(body, body.u16()),
        digest: readDigest(body),
      }
    case 4:
      return replicaRow(id, body)
    case 5:
      return forwardRead(id, body)
    case 6:
      return forwardReadDone(id, body)
    case 7:
      return forwardWrite(id, body)
    case 8:
      return forwardWriteDone(id, body)
    case 9:
      return rangeRead(id, body)
    case 10:
      return rangeRows(id, body)
    case 11:
      return {
        type,
        id,
        ring: readDigest64(body),
        limit: body.u32(),
        bucket: bounded(body.bytes(), limits.bucketBytes),
        prefix: bounded(body.bytes(), limits.keyBytes),
        after: bounded(body.bytes(), limits.keyBytes),
      }
    case 12:
      return keyPage(id, body)
    case 13:
    case 14:
    case 15:
    case 16:
      return { type, id }
    case 17:
      return hintedWrite(id, body)
    case 20:
      return { type, id, digest: body.raw(16) }
    case 21:
      return { type, id, final: flag(body.u8()), state: rest(body) }
    case 22:
      return joinRequest(id, body)
    case 23:
      return joinAnswer(id, body)
    case 24:
      return { type, id, nodeId: body.text(64), ring: readDigest64(body) }
    case 25:
      return { type, id, verdict: choice(body, PREPARED), state: rest(body) }
    case 26:
    case 27:
    case 28:
      return membership(type, id, body)
    default:
      return type < 48 ? decodeEntropy(type, id, body) : decodeReaping(type, id, body)
  }
}

function membership(type: 26 | 27 | 28, id: number, body: ByteReader): Message {
  if (type === 26) return { type, id, nodeId: body.text(64) }
  if (type === 27) return { type, id, summary: rest(body) }
  return { type, id, summary: body.bytes(), news: rest(body) }
}

function forwardRead(id: number, body: ByteReader): ForwardRead {
  const leftMs = body.u32()
  const r = body.u8()
  const strict = flag(body.u8())
  return { type: 5, id, leftMs, r, strict, rowKey: readRowKey(body, body.left) }
}

function hintedWrite(id: number, body: ByteReader): HintedWrite {
  const leftMs = body.u32()
  const ring = readDigest64(body)
  const target = body.text(64)
  return { type: 17, id, leftMs, ring, target, rowKey: readRowKey(body, body.u16()), object: rest(body) }
}

function forwardReadDone(id: number, body: ByteReader): ForwardReadDone {
  const known = body.u8()
  if (known === 255) return { type: 6, id, outcome: failure(body) }
  const fastest = body.text(64)
  return { type: 6, id, outcome: { status: 'ok', known: flag(known), fastest, object: rest(body) } }
}

function forwardWriteDone(id: number, body: ByteReader): ForwardWriteDone {
  const known = body.u8()
  if (known === 255) return { type: 8, id, outcome: failure(body) }
  const fastest = body.text(64)
  const context = body.bytes()
  return { type: 8, id, outcome: { status: 'ok', known: flag(known), fastest, context, object: rest(body) } }
}

function rest(body: ByteReader): Buffer {
  return body.raw(body.left)
}

function readDigest(body: ByteReader): Buffer {
  const digest = rest(body)
  if (digest.length !== 0 && digest.length !== 16) throw new WireError('a digest has 16 bytes')
  return digest
}

function bounded(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length > maxBytes) throw new WireError('a field is longer than allowed')
  return bytes
}

function flag(value: number): boolean {
  if (value > 1) throw new WireError('a flag is 0 or 1')
  return value === 1
}

function choice<const Names extends readonly string[]>(body: ByteReader, names: Names): Names[number] {
  const name = names[body.u8()]
  if (name === undefined) throw new WireError('a choice is out of range')
  return name
}

function replicaRow(id: number, body: ByteReader): ReplicaRow {
  const code = readStatus(body)
  const incomplete = flag(body.u8())
  const bytes = rest(body)
  return {
    type: 4,
    id,
    status: code,
    incomplete,
    object: code === 4 ? NOTHING : bytes,
    state: code === 4 ? bytes : NOTHING,
  }
}

function failure(body: ByteReader): RemoteFailure {
  const begun = flag(body.u8())
  const code = body.text(64)
  const message = body.text(TEXT_BYTES)
  const numbers: [string, number][] = []
  for (let left = body.u8(); left > 0; left--) numbers.push([body.text(64), body.f64()])
  return { status: 'error', begun, code, message, numbers }
}

function forwardWrite(id: number, body: ByteReader): ForwardWrite {
  const leftMs = body.u32()
  const w = body.u8()
  const flags = body.u8()
  if (flags > 15) throw new WireError('an unknown flag is set')
  return {
    type: 7,
    id,
    leftMs,
    w,
    tombstone: (flags & 1) !== 0,
    blind: (flags & 2) !== 0,
    returnObject: (flags & 4) !== 0,
    strict: (flags & 8) !== 0,
    wallMs: body.u53(),
    rowKey: readRowKey(body, body.u16()),
    operation: bounded(body.raw(body.u8()), limits.operationBytes),
    context: body.bytes(),
    attributes: bounded(body.bytes(), limits.attributesBytes),
    value: bounded(rest(body), limits.valueBytesCeiling),
  }
}

function rangeRead(id: number, body: ByteReader): Message {
  const ring = readDigest64(body)
  return { type: 9, id, ring, maxRows: body.u32(), maxBytes: body.u32(), from: rest(body) }
}

function rangeRows(id: number, body: ByteReader): RangeRows {
  const code = readStatus(body)
  const incomplete = flag(body.u8())
  const next = body.raw(body.u16())
  const rows = []
  for (let left = body.count(9); left > 0; left--)
    rows.push({ rowKey: readRowKey(body, body.u16()), object: body.bytes() })
  return { type: 10, id, status: code, incomplete, next, rows }
}

function keyPage(id: number, body: ByteReader): KeyPage {
  const code = readStatus(body)
  const flags = body.u8()
  if (flags > 3) throw new WireError('an unknown flag is set')
  const state = body.bytes()
  const keys = []
  for (let left = body.count(4); left > 0; left--) {
    const key = bounded(body.raw(body.u16()), limits.keyBytes)
    const bits = body.u8()
    keys.push({ key, live: (bits & 1) !== 0, digest: body.raw((bits & 2) !== 0 ? 16 : 0) })
  }
  return { type: 12, id, status: code, incomplete: (flags & 1) !== 0, state, keys, done: (flags & 2) !== 0 }
}

function joinRequest(id: number, body: ByteReader): JoinRequest {
  return {
    type: 22,
    id,
    nodeId: body.text(64),
    name: body.text(TEXT_BYTES),
    address: body.text(TEXT_BYTES),
    peerAddress: body.text(TEXT_BYTES),
    zone: body.text(TEXT_BYTES),
    weight: body.f64(),
    boot: body.u53(),
    incarnation: body.text(64),
    ...(body.left > 0 ? { place: place(body) } : {}),
  }
}

function place(body: ByteReader): Place {
  const of = body.text(TEXT_BYTES)
  const bits = body.u8()
  if (bits > 3) throw new WireError('a place has weight and zone, and nothing else')
  return { of, weight: (bits & 1) !== 0, zone: (bits & 2) !== 0 }
}

function joinAnswer(id: number, body: ByteReader): JoinAnswer {
  return {
    type: 23,
    id,
    verdict: choice(body, ['accepted', 'later', 'refused'] as const),
    reason: body.text(TEXT_BYTES),
    nodeId: body.text(64),
    bootBase: body.u53(),
    state: rest(body),
  }
}
