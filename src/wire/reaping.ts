/** The messages of reaping ↔ bytes. Decoding is total, as everywhere. */
import { type ByteReader, type ByteWriter, WireError } from './bytes.js'
import { readRowKey, readStatus, writeShortBytes } from './fields.js'
import type { Message, ReapKey, ReapMessage } from './messages.js'

const FIRST_TYPE = 48
const DIGEST_BYTES = 16

export function isReaping(message: Message): message is ReapMessage {
  return message.type >= FIRST_TYPE
}

export function encodeReaping(writer: ByteWriter, message: ReapMessage): void {
  switch (message.type) {
    case 48:
      writer.raw(message.state)
      for (const { rowKey, digest } of message.keys) {
        writeShortBytes(writer, rowKey)
        writer.raw(digest)
      }
      return
    case 49:
    case 52:
      writer.u8(message.status)
      writer.raw(message.clean)
      return
    case 50:
    case 51:
      writer.raw(message.clean)
      return
    case 53:
    case 54:
      return
    default:
      message satisfies never
  }
}

export function decodeReaping(type: number, id: number, body: ByteReader): ReapMessage {
  switch (type) {
    case 48:
      return { type, id, state: body.raw(DIGEST_BYTES), keys: keys(body) }
    case 49:
    case 52:
      return { type, id, status: readStatus(body), clean: body.raw(body.left) }
    case 50:
    case 51:
      return { type, id, clean: body.raw(body.left) }
    case 53:
    case 54:
      return { type, id }
    default:
      throw new WireError(`message type ${type} is unknown`)
  }
}

function keys(body: ByteReader): ReapKey[] {
  const found = []
  while (body.left > 0) found.push({ rowKey: readRowKey(body, body.u16()), digest: body.raw(DIGEST_BYTES) })
  return found
}
