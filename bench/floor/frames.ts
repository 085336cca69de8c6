/**
 * The floor's peer protocol: a frame is a row of messages, each kind (1 byte), id (4), key length (2), value length (4), key, value.
 * No version, no checksum, no deadline: what a replicated store costs before it does anything right.
 */
export const kinds = { write: 1, written: 2, digest: 3, digestIs: 4, read: 5, valueIs: 6 } as const

export interface Message {
  readonly kind: number
  readonly id: number
  readonly key: Buffer
  readonly value: Buffer
}

const HEAD_BYTES = 11

export function encodeFrame(messages: readonly Message[]): Buffer {
  let length = 0
  for (const { key, value } of messages) length += HEAD_BYTES + key.length + value.length
  const frame = Buffer.allocUnsafe(length)
  let at = 0
  for (const { kind, id, key, value } of messages) {
    frame[at] = kind
    frame.writeUInt32LE(id, at + 1)
    frame.writeUInt16LE(key.length, at + 5)
    frame.writeUInt32LE(value.length, at + 7)
    frame.set(key, at + HEAD_BYTES)
    frame.set(value, at + HEAD_BYTES + key.length)
    at += HEAD_BYTES + key.length + value.length
  }
  return frame
}

/** Calls `take` for each message; key and value are parts of the frame. */
export function decodeFrame(frame: Buffer, take: (message: Message) => void): void {
  let at = 0
  while (at + HEAD_BYTES <= frame.length) {
    const keyAt = at + HEAD_BYTES
    const valueAt = keyAt + frame.readUInt16LE(at + 5)
    const end = valueAt + frame.readUInt32LE(at + 7)
    if (end > frame.length) throw new Error('a message longer than its frame')
    const kind = frame[at]!
    take({
      kind,
      id: frame.readUInt32LE(at + 1),
      key: frame.subarray(keyAt, valueAt),
      value: frame.subarray(valueAt, end),
    })
    at = end
  }
}
