import { crc32c } from '../../kernel/index.js'

/**
 * The envelope of whatever the guard stores that is not a row: system records, index rows, the slots of the side file.
 *
 *   u8 version = 1 | crc32c, u32 LE, over the name of the record and then the payload | payload
 *
 * The name (for a row in the database its whole key) is in the checksum, so that a record found in another's place is damaged.
 */
const VERSION = 1
const HEAD_BYTES = 5

export function sealRecord(name: Uint8Array, payload: Uint8Array): Buffer {
  return sealNamed(crc32c(name), payload)
}

/** The same where the name is always one: `nameSum` is its CRC-32C. */
export function sealNamed(nameSum: number, payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(HEAD_BYTES + payload.length)
  record[0] = VERSION
  record.writeUInt32LE(crc32c(payload, nameSum), 1)
  record.set(payload, HEAD_BYTES)
  return record
}

/** The payload, or `damaged` for anything that `sealRecord` did not make for this name. */
export function openRecord(name: Uint8Array, record: Uint8Array): Buffer | 'damaged' {
  if (record.length < HEAD_BYTES || record[0] !== VERSION) return 'damaged'
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
  const payload = bytes.subarray(HEAD_BYTES)
  return bytes.readUInt32LE(1) === crc32c(payload, crc32c(name)) >>> 0 ? payload : 'damaged'
}
