import { crc32c } from '../../kernel/index.js'

/**
 * What RocksDB's files share. A log (write-ahead or MANIFEST) is a row of blocks of 32 KiB; a record is [masked crc32c of all that follows its length,
 * 4][length, 2][kind, 1][bytes], never across the end of a block; one that is longer is split (first, middle, last).
 */
export const LOG_BLOCK_BYTES = 32 * 1024
export const RECORD_HEAD_BYTES = 7
export const RECORD_KIND = { full: 1, first: 2, middle: 3, last: 4 } as const

const CRC_MASK = 0xa282ead8

/** Is this the checksum of the bytes, as RocksDB stores it: crc32c, turned and shifted, so that the checksum of a checksum is no weak one? */
export function isMaskedCrc(masked: number, bytes: Uint8Array): boolean {
  const rotated = (masked - CRC_MASK) >>> 0
  const expected = ((rotated >>> 17) | (rotated << 15)) >>> 0
  return crc32c(bytes) >>> 0 === expected
}

/** Where the record that begins at `at` ends; undefined where none is there that is whole and sound. */
export function endOfRecord(bytes: Buffer, at: number): number | undefined {
  if (at + RECORD_HEAD_BYTES > bytes.length) return undefined
  const end = at + RECORD_HEAD_BYTES + bytes.readUInt16LE(at + 4)
  const kind = bytes[at + 6]!
  if (kind < RECORD_KIND.full || kind > RECORD_KIND.last || end > bytes.length) return undefined
  return isMaskedCrc(bytes.readUInt32LE(at), bytes.subarray(at + 6, end)) ? end : undefined
}
