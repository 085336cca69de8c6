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
  return maskedCrc(bytes) === masked
}

function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes) >>> 0
  return (((crc >>> 15) | (crc << 17)) + CRC_MASK) >>> 0
}

/** Where the record that begins at `at` ends; undefined where none is there that is whole and sound. */
export function endOfRecord(bytes: Buffer, at: number): number | undefined {
  if (at + RECORD_HEAD_BYTES > bytes.length) return undefined
  const end = at + RECORD_HEAD_BYTES + bytes.readUInt16LE(at + 4)
  const kind = bytes[at + 6]!
  if (kind < RECORD_KIND.full || kind > RECORD_KIND.last || end > bytes.length) return undefined
  return isMaskedCrc(bytes.readUInt32LE(at), bytes.subarray(at + 6, end)) ? end : undefined
}

/** What is to be written at `at` of a log so that it says `contents` there: one record, or as many as the blocks ask for. */
export function recordsOf(contents: Buffer, at: number): Buffer {
  const pieces: Buffer[] = []
  const { full, first, middle, last } = RECORD_KIND
  let from = 0
  for (let isFirst = true; isFirst || from < contents.length; ) {
    const left = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES)
    if (left < RECORD_HEAD_BYTES) {
      pieces.push(Buffer.alloc(left))
      at += left
      continue
    }
    // Where just a head fits, it is written with nothing behind it.
    const part = contents.subarray(from, from + left - RECORD_HEAD_BYTES)
    from += part.length
    at += RECORD_HEAD_BYTES + part.length
    const isLast = from === contents.length
    pieces.push(recordOf(part, isFirst ? (isLast ? full : first) : isLast ? last : middle))
    isFirst = false
  }
  return Buffer.concat(pieces)
}

function recordOf(part: Buffer, kind: number): Buffer {
  const record = Buffer.alloc(RECORD_HEAD_BYTES + part.length)
  record.writeUInt16LE(part.length, 4)
  record[6] = kind
  record.set(part, RECORD_HEAD_BYTES)
  record.writeUInt32LE(maskedCrc(record.subarray(6)), 0)
  return record
}
