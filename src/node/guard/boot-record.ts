import { openRecord, sealRecord } from './small-record.js'

/**
 * What a directory knows of its own history, in two places that fail apart.
 *
 * In the database, as a system record in every batch: the *mark*. It says how far the database has come, and under which start.
 * In the side file: the *watermark*. It follows the database and never leads it, so a database behind its watermark has lost
 * its tail, whatever it says itself. The two slots are written in turn; the one with the higher sequence number counts.
 */
export interface Mark {
  readonly commit: number
  readonly boot: number
  /** 16 hex digits. */
  readonly incarnation: string
}

export interface Watermark extends Mark {
  /** Counts the writes of the side file. Even ones are in slot 0. */
  readonly sequence: number
  /** Written last of all at a clean stop. */
  readonly clean: boolean
  /** Written first of all in a new directory: nothing was ever acknowledged here. */
  readonly creating: boolean
}

const MARK_BYTES = 24
const WATERMARK_BYTES = 33
const CLEAN = 1
const CREATING = 2
const SLOT_NAME = Buffer.from('rotunda side file')

export function encodeMark(name: Uint8Array, mark: Mark): Buffer {
  return sealRecord(name, writeMark(Buffer.allocUnsafe(MARK_BYTES), mark))
}

export function decodeMark(name: Uint8Array, record: Uint8Array): Mark | 'damaged' {
  const payload = openRecord(name, record)
  return payload === 'damaged' || payload.length !== MARK_BYTES ? 'damaged' : readMark(payload)
}

export function encodeWatermark(watermark: Watermark): Buffer {
  const payload = writeMark(Buffer.allocUnsafe(WATERMARK_BYTES), watermark)
  payload.writeBigUInt64LE(BigInt(watermark.sequence), MARK_BYTES)
  payload[WATERMARK_BYTES - 1] = (watermark.clean ? CLEAN : 0) | (watermark.creating ? CREATING : 0)
  return sealRecord(SLOT_NAME, payload)
}

export function decodeWatermark(record: Uint8Array): Watermark | 'damaged' {
  const payload = openRecord(SLOT_NAME, record)
  if (payload === 'damaged' || payload.length !== WATERMARK_BYTES) return 'damaged'
  const flags = payload[WATERMARK_BYTES - 1]!
  return {
    ...readMark(payload),
    sequence: Number(payload.readBigUInt64LE(MARK_BYTES)),
    clean: (flags & CLEAN) !== 0,
    creating: (flags & CREATING) !== 0,
  }
}

function writeMark(payload: Buffer, mark: Mark): Buffer {
  payload.writeBigUInt64LE(BigInt(mark.commit), 0)
  payload.writeBigUInt64LE(BigInt(mark.boot), 8)
  payload.write(mark.incarnation, 16, 'hex')
  return payload
}

function readMark(payload: Buffer): Mark {
  return {
    commit: Number(payload.readBigUInt64LE(0)),
    boot: Number(payload.readBigUInt64LE(8)),
    incarnation: payload.toString('hex', 16, MARK_BYTES),
  }
}
