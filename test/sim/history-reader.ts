/** Reads a member's history of reaping as it lies on its disk, from the documents and not from the code (docs/storage-format.md). */
import { UnreadableBytes } from './object-reader.js'

/** The database key of the record. */
export const HISTORY_KEY = 'sreaped'
/** Seal (version, checksum) and commit number, as in every record. */
const HEAD_BYTES = 5 + 8
const NAME_AT = HEAD_BYTES + 2
const ROUNDS_AT = NAME_AT + 8 + 8
const RANGES_AT = ROUNDS_AT + 8
const RANGE_BYTES = 2 + 8

export interface ReadHistory {
  readonly name: string
  readonly fromFoundation: boolean
  /** The last round in which something of the range of this row key was vouched for; 0: in none. */
  lastRoundOf(rowKey: Uint8Array): number
}

export function readHistory(bytes: Uint8Array): ReadHistory {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isWhole = record.length >= RANGES_AT && (record.length - RANGES_AT) % RANGE_BYTES === 0
  if (!isWhole || record[HEAD_BYTES] !== 1) throw new UnreadableBytes('not a history of reaping')
  const rounds = new Map<number, number>()
  for (let at = RANGES_AT; at < record.length; at += RANGE_BYTES)
    rounds.set(record.readUInt16LE(at), Number(record.readBigUInt64LE(at + 2)))
  return {
    name: record.toString('hex', NAME_AT, NAME_AT + 8),
    fromFoundation: (record[HEAD_BYTES + 1]! & 1) !== 0,
    // A range is what begins with the same twelve bits.
    lastRoundOf: (rowKey) => rounds.get((rowKey[0]! * 256 + rowKey[1]!) >> 4) ?? 0,
  }
}
