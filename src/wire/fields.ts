/** Fields that many messages have. Reading is total, as everywhere. */
import { limits } from '../limits.js'
import { type ByteReader, type ByteWriter, WireError } from './bytes.js'
import { type Digest64, ReplicaStatus } from './messages.js'

const LAST_STATUS = ReplicaStatus.skeleton

export function writeDigest64(writer: ByteWriter, digest: Digest64): void {
  writer.u32(digest.high)
  writer.u32(digest.low)
}

export function readDigest64(body: ByteReader): Digest64 {
  return { high: body.u32(), low: body.u32() }
}

/** Row keys are at most 1,282 bytes. */
export function writeShortBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u16(bytes.length)
  writer.raw(bytes)
}

/** [2 bytes of hash][bucket length][bucket][key], each within its limits. */
export function readRowKey(body: ByteReader, length: number): Buffer {
  const bytes = body.raw(length)
  const bucketBytes = bytes[2] ?? 0
  const keyBytes = length - 3 - bucketBytes
  if (bucketBytes < 1 || keyBytes < 1 || keyBytes > limits.keyBytes)
    throw new WireError('a row key is malformed')
  return bytes
}

export function readStatus(body: ByteReader): ReplicaStatus {
  const value = body.u8()
  if (value > LAST_STATUS) throw new WireError(`replica status ${value} is unknown`)
  return value as ReplicaStatus
}
