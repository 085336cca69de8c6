/** Messages → bytes. Everything is written into one buffer for each peer and turn: one copy, no intermediate objects. */
import type { ByteWriter } from './bytes.js'
import { encodeEntropy } from './entropy.js'
import { writeDigest64, writeShortBytes } from './fields.js'
import type {
  ForwardReadDone,
  ForwardWrite,
  ForwardWriteDone,
  GossipNews,
  GossipSummary,
  HintedWrite,
  JoinAbort,
  JoinAnswer,
  JoinPrepare,
  JoinPrepared,
  JoinRequest,
  KeyPage,
  ListKeys,
  Message,
  RangeRows,
  RemoteFailure,
  ReplicaRead,
  ReplicaRow,
  ReplicaWrite,
} from './messages.js'
import { encodeReaping, isReaping } from './reaping.js'

const NOTHING = new Uint8Array(0)

/** Appends one message with its head. */
export function encodeMessage(writer: ByteWriter, message: Message): void {
  writer.u8(message.type)
  writer.u32(message.id)
  const lengthAt = writer.length
  writer.u32(0)
  encodeBody(writer, message)
  writer.patchU32(lengthAt, writer.length - lengthAt - 4)
}

function encodeBody(writer: ByteWriter, message: Message): void {
  switch (message.type) {
    case 1:
      return replicaWrite(writer, message)
    case 2:
      writer.u8(message.status)
      writer.raw(message.state)
      return
    case 3:
      return replicaRead(writer, message)
    case 4:
      return replicaRow(writer, message)
    case 5:
      writer.u32(message.leftMs)
      writer.u8(message.r)
      writer.u8(message.strict ? 1 : 0)
      writer.raw(message.rowKey)
      return
    case 6:
      return forwardReadDone(writer, message)
    case 7:
      return forwardWrite(writer, message)
    case 8:
      return forwardWriteDone(writer, message)
    case 9:
      writeDigest64(writer, message.ring)
      writer.u32(message.maxRows)
      writer.u32(message.maxBytes)
      writer.raw(message.from)
      return
    case 10:
      return rangeRows(writer, message)
    case 11:
      return listKeys(writer, message)
    case 12:
      return keyPage(writer, message)
    case 13:
    case 14:
    case 15:
    case 16:
      return
    case 17:
      return hintedWrite(writer, message)
    case 20:
      writer.raw(message.digest)
      return
    case 21:
      writer.u8(message.final ? 1 : 0)
      writer.raw(message.state)
      return
    case 22:
      return joinRequest(writer, message)
    case 23:
      return joinAnswer(writer, message)
    case 24:
    case 25:
    case 26:
    case 27:
    case 28:
      return membership(writer, message)
    default:
      if (isReaping(message)) encodeReaping(writer, message)
      else encodeEntropy(writer, message)
  }
}

function membership(
  writer: ByteWriter,
  message: JoinPrepare | JoinPrepared | JoinAbort | GossipSummary | GossipNews,
): void {
  switch (message.type) {
    case 24:
      writer.text(message.nodeId)
      writeDigest64(writer, message.ring)
      return
    case 25:
      writer.u8(['ready', 'busy', 'data', 'stale'].indexOf(message.verdict))
      writer.raw(message.state)
      return
    case 26:
      writer.text(message.nodeId)
      return
    case 27:
      writer.raw(message.summary)
      return
    case 28:
      writer.bytes(message.summary)
      writer.raw(message.news)
      return
    default:
      message satisfies never
  }
}

function replicaWrite(writer: ByteWriter, message: ReplicaWrite): void {
  writer.u8(message.durable ? 1 : 0)
  writer.u32(message.leftMs)
  writeDigest64(writer, message.ring)
  writeShortBytes(writer, message.rowKey)
  writer.raw(message.object)
}

function hintedWrite(writer: ByteWriter, message: HintedWrite): void {
  writer.u32(message.leftMs)
  writeDigest64(writer, message.ring)
  writer.text(message.target)
  writeShortBytes(writer, message.rowKey)
  writer.raw(message.object)
}

function replicaRead(writer: ByteWriter, message: ReplicaRead): void {
  writer.u32(message.leftMs)
  writeDigest64(writer, message.ring)
  writeShortBytes(writer, message.rowKey)
  writer.raw(message.digest)
}

function replicaRow(writer: ByteWriter, message: ReplicaRow): void {
  writer.u8(message.status)
  writer.u8(message.incomplete ? 1 : 0)
  writer.raw(message.state.length > 0 ? message.state : message.object)
}

function failure(writer: ByteWriter, outcome: RemoteFailure): void {
  writer.u8(255)
  writer.u8(outcome.begun ? 1 : 0)
  writer.text(outcome.code)
  writer.text(outcome.message)
  writer.u8(outcome.numbers.length)
  for (const [name, value] of outcome.numbers) {
    writer.text(name)
    writer.f64(value)
  }
}

function forwardReadDone(writer: ByteWriter, { outcome }: ForwardReadDone): void {
  if (outcome.status === 'error') return failure(writer, outcome)
  writer.u8(outcome.known ? 1 : 0)
  writer.text(outcome.fastest)
  writer.raw(outcome.object)
}

function forwardWriteDone(writer: ByteWriter, { outcome }: ForwardWriteDone): void {
  if (outcome.status === 'error') return failure(writer, outcome)
  writer.u8(outcome.known ? 1 : 0)
  writer.text(outcome.fastest)
  writer.bytes(outcome.context)
  writer.raw(outcome.object)
}

function forwardWrite(writer: ByteWriter, message: ForwardWrite): void {
  writer.u32(message.leftMs)
  writer.u8(message.w)
  writer.u8(
    (message.tombstone ? 1 : 0) |
      (message.blind ? 2 : 0) |
      (message.returnObject ? 4 : 0) |
      (message.strict ? 8 : 0),
  )
  writer.u53(message.wallMs)
  writeShortBytes(writer, message.rowKey)
  writer.u8(message.operation.length)
  writer.raw(message.operation)
  writer.bytes(message.context)
  writer.bytes(message.attributes)
  writer.raw(message.value)
}

function rangeRows(writer: ByteWriter, message: RangeRows): void {
  writer.u8(message.status)
  writer.u8(message.incomplete ? 1 : 0)
  writeShortBytes(writer, message.next)
  writer.u32(message.rows.length)
  for (const row of message.rows) {
    writeShortBytes(writer, row.rowKey)
    writer.bytes(row.object)
  }
}

function listKeys(writer: ByteWriter, message: ListKeys): void {
  writeDigest64(writer, message.ring)
  writer.u32(message.limit)
  writer.bytes(message.bucket)
  writer.bytes(message.prefix)
  writer.bytes(message.after)
}

function keyPage(writer: ByteWriter, message: KeyPage): void {
  writer.u8(message.status)
  writer.u8((message.incomplete ? 1 : 0) | (message.done ? 2 : 0))
  writer.bytes(message.state)
  writer.u32(message.keys.length)
  for (const entry of message.keys) {
    writeShortBytes(writer, entry.key)
    writer.u8((entry.live ? 1 : 0) | (entry.digest.length === 16 ? 2 : 0))
    writer.raw(entry.digest.length === 16 ? entry.digest : NOTHING)
  }
}

function joinRequest(writer: ByteWriter, message: JoinRequest): void {
  writer.text(message.nodeId)
  writer.text(message.name)
  writer.text(message.address)
  writer.text(message.peerAddress)
  writer.text(message.zone)
  writer.f64(message.weight)
  writer.u53(message.boot)
  writer.text(message.incarnation)
  const { place } = message
  if (place === undefined) return
  writer.text(place.of)
  writer.u8((place.weight ? 1 : 0) | (place.zone ? 2 : 0))
}

function joinAnswer(writer: ByteWriter, message: JoinAnswer): void {
  writer.u8(['accepted', 'later', 'refused'].indexOf(message.verdict))
  writer.text(message.reason)
  writer.text(message.nodeId)
  writer.u53(message.bootBase)
  writer.raw(message.state)
}
