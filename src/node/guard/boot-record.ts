import type { Lost } from './face.js'
import { openRecord, sealNamed, sealRecord } from './small-record.js'

/**
 * What a directory knows of its own history, in two places that fail apart.
 *
 * In the database, as a system record in every batch: the *mark*. It says how far the database has come, and under which start.
 * In the side file: the *watermark*. It follows the database and never leads it, so a database behind its watermark has lost
 * its tail, whatever it says itself. The two slots are written in turn; the one with the higher sequence number counts.
 */
export interface Position {
  readonly commit: number
  readonly boot: number
  /** 16 hex digits. */
  readonly incarnation: string
}

export interface Mark extends Position {
  /** Rows have been written here. */
  readonly hasRows: boolean
}

export interface Watermark extends Position {
  /** Counts the writes of the side file. Even ones are in slot 0. */
  readonly sequence: number
  /** Written last of all at a clean stop. */
  readonly clean: boolean
  /** Written first of all in a new directory: nothing was ever acknowledged here. */
  readonly creating: boolean
  /** This directory's node has been a member beside others. */
  readonly shared: boolean
  /** Under this start rows are acknowledged before they are on the disk: without a clean stop some of them are missing. */
  readonly buffered: boolean
  /** What was lost here and has not been recorded by the node yet. Kept until it has. */
  readonly lost: Lost
}

const POSITION_BYTES = 24
const MARK_BYTES = POSITION_BYTES + 1
const WATERMARK_BYTES = POSITION_BYTES + 9
const HAS_ROWS = 1
const CLEAN = 1
const CREATING = 2
const LOST_TAIL = 4
const LOST_EVERYTHING = 8
const SHARED = 16
const BUFFERED = 32
const SLOT_NAME = Buffer.from('rotunda side file')

/** `nameSum`: the CRC-32C of its name. */
export function encodeMark(nameSum: number, mark: Mark): Buffer {
  const payload = writePosition(Buffer.allocUnsafe(MARK_BYTES), mark)
  payload[POSITION_BYTES] = mark.hasRows ? HAS_ROWS : 0
  return sealNamed(nameSum, payload)
}

export function decodeMark(name: Uint8Array, record: Uint8Array): Mark | 'damaged' {
  const payload = openRecord(name, record)
  if (payload === 'damaged' || payload.length !== MARK_BYTES) return 'damaged'
  return { ...readPosition(payload), hasRows: (payload[POSITION_BYTES]! & HAS_ROWS) !== 0 }
}

export function encodeWatermark(watermark: Watermark): Buffer {
  const payload = writePosition(Buffer.allocUnsafe(WATERMARK_BYTES), watermark)
  payload.writeBigUInt64LE(BigInt(watermark.sequence), POSITION_BYTES)
  payload[WATERMARK_BYTES - 1] = flagsOf(watermark)
  return sealRecord(SLOT_NAME, payload)
}

export function decodeWatermark(record: Uint8Array): Watermark | 'damaged' {
  const payload = openRecord(SLOT_NAME, record)
  if (payload === 'damaged' || payload.length !== WATERMARK_BYTES) return 'damaged'
  const flags = payload[WATERMARK_BYTES - 1]!
  return {
    ...readPosition(payload),
    sequence: Number(payload.readBigUInt64LE(POSITION_BYTES)),
    clean: (flags & CLEAN) !== 0,
    creating: (flags & CREATING) !== 0,
    shared: (flags & SHARED) !== 0,
    buffered: (flags & BUFFERED) !== 0,
    lost: lostFrom(flags),
  }
}

function flagsOf({ clean, creating, shared, buffered, lost }: Watermark): number {
  const loss = lost === 'nothing' ? 0 : lost === 'tail' ? LOST_TAIL : LOST_EVERYTHING
  return (
    (clean ? CLEAN : 0) | (creating ? CREATING : 0) | (shared ? SHARED : 0) | (buffered ? BUFFERED : 0) | loss
  )
}

function lostFrom(flags: number): Lost {
  if ((flags & LOST_EVERYTHING) !== 0) return 'everything'
  return (flags & LOST_TAIL) !== 0 ? 'tail' : 'nothing'
}

function writePosition(payload: Buffer, position: Position): Buffer {
  writeU53(payload, position.commit, 0)
  writeU53(payload, position.boot, 8)
  payload.write(position.incarnation, 16, 'hex')
  return payload
}

/** As u64 LE; without a BigInt, as one of these goes with every batch. */
function writeU53(payload: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  payload.writeUInt32LE(value - high * 0x1_0000_0000, at)
  payload.writeUInt32LE(high, at + 4)
}

function readPosition(payload: Buffer): Position {
  return {
    commit: Number(payload.readBigUInt64LE(0)),
    boot: Number(payload.readBigUInt64LE(8)),
    incarnation: payload.toString('hex', 16, POSITION_BYTES),
  }
}
