/** Row keys and where they live (crates/kernel/src/key.rs). */
import { binding } from './binding.js'
import { KernelError, wholeNumber } from './codes.js'

const HEAD_BYTES = 3
const MAX_BUCKET_BYTES = 255
const MAX_PARTITION_BITS = 16

/** Fills bytes 0 and 1 of a row key whose rest is set; gives the top 32 bits of the key hash. */
export function sealRowKey(rowKey: Uint8Array): number {
  const top = binding.sealRowKey(rowKey)
  if (top < 0) throw new KernelError('bad-argument', 'A row key is shorter than the bucket that it promises.')
  return top
}

/** `[16 bits of key hash][bucket length u8][bucket][key]`, sealed. */
export function makeRowKey(bucket: Uint8Array, key: Uint8Array): Buffer {
  const rowKey = Buffer.allocUnsafe(HEAD_BYTES + bucket.length + key.length)
  rowKey[2] = wholeNumber('bucket length', bucket.length, 0, MAX_BUCKET_BYTES)
  rowKey.set(bucket, HEAD_BYTES)
  rowKey.set(key, HEAD_BYTES + bucket.length)
  sealRowKey(rowKey)
  return rowKey
}

/** Bucket and key of a row key, not copied. */
export function splitRowKey(rowKey: Uint8Array): { bucket: Uint8Array; key: Uint8Array } {
  const keyAt = HEAD_BYTES + (rowKey[2] ?? Number.POSITIVE_INFINITY)
  if (keyAt > rowKey.length) {
    throw new KernelError('bad-argument', 'A row key is shorter than the bucket that it promises.')
  }
  return { bucket: rowKey.subarray(HEAD_BYTES, keyAt), key: rowKey.subarray(keyAt) }
}

/** All 64 bits of the key hash: the first 8 bytes of MD5 over `[bucket length u8][bucket][key]`. */
export function keyHash(bucket: Uint8Array, key: Uint8Array): bigint {
  wholeNumber('bucket length', bucket.length, 0, MAX_BUCKET_BYTES)
  const out = Buffer.allocUnsafe(8)
  binding.keyHash(bucket, key, out)
  return out.readBigUInt64BE()
}

/** The partition of a row key among 2^partitionBits: its top bits. */
export function partitionOf(rowKey: Uint8Array, partitionBits: number): number {
  wholeNumber('partitionBits', partitionBits, 0, MAX_PARTITION_BITS)
  if (rowKey.length < 2) throw new KernelError('bad-argument', 'A row key has at least two bytes.')
  return ((rowKey[0]! << 8) | rowKey[1]!) >>> (MAX_PARTITION_BITS - partitionBits)
}
