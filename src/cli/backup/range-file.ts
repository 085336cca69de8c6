/**
 * A file of a backup: the rows of one 256th of the hashes, those whose row keys begin with the same byte. It can be read without anything else.
 *
 *     magic (8 bytes)
 *     head    u32 length, u32 CRC-32C of what follows | u8 version, text backup, text cluster, u8 range
 *     blocks  u8 1, u32 number, u32 rows, u32 length, u32 CRC-32C of the rows, u32 CRC-32C of the fields before | rows (src/wire/copied-rows.ts)
 *     end     u8 2, u53 rows, u53 bytes of rows, 32 bytes SHA-256 of all rows, 32 bytes SHA-256 of the file up to here
 *
 * Integers are little endian. CRCs of blocks go on from the head's, so that a block of another file is none of this one. The hash of the rows says nothing of blocks: two
 * backups of the same rows have the same.
 */
import { crc32c } from '../../kernel/index.js'
import { ByteReader, ByteWriter, WireError } from '../../wire/bytes.js'

export const RANGES = 256
const MAGIC = Buffer.from('RTNDBKUP')
const VERSION = 1
const BLOCK = 1
const END = 2
export const PREFIX_BYTES = MAGIC.length + 8
export const BLOCK_HEAD_BYTES = 21
export const END_BYTES = 1 + 8 + 8 + 32 + 32
const TEXT_BYTES = 64
/** The longest head; the most that a block may hold: one object of the largest kind goes alone. */
const MOST_HEAD_BYTES = 1024
const MOST_BLOCK_BYTES = 64 * 1024 * 1024

export interface RangeHead {
  /** Names of the backup and of the cluster, 32 hex digits each. */
  readonly backup: string
  readonly cluster: string
  /** The first byte of its row keys. */
  readonly range: number
}

export interface BlockHead {
  readonly number: number
  readonly rows: number
  readonly length: number
  readonly checksum: number
}

export interface RangeEnd {
  readonly rows: number
  readonly bytes: number
  /** SHA-256 in hex: of all rows, and of the file before it. */
  readonly content: string
  readonly file: string
}

/** `7f.rows` */
export function rangeName(range: number): string {
  return `${range.toString(16).padStart(2, '0')}.rows`
}

/** The bytes, and the CRC from which those of blocks go on. */
export function encodeHead({ backup, cluster, range }: RangeHead): {
  readonly bytes: Buffer
  readonly seed: number
} {
  const writer = new ByteWriter(128)
  writer.u8(VERSION)
  writer.text(backup)
  writer.text(cluster)
  writer.u8(range)
  const head = writer.take()
  const seed = crc32c(head)
  const prefix = new ByteWriter(PREFIX_BYTES)
  prefix.raw(MAGIC)
  prefix.u32(head.length)
  prefix.u32(seed)
  return { bytes: Buffer.concat([prefix.take(), head]), seed }
}

/** Of the first PREFIX_BYTES: how long the head is, and its CRC. Throws WireError, as the others do. */
export function decodePrefix(bytes: Uint8Array): { readonly length: number; readonly seed: number } {
  const reader = new ByteReader(bytes)
  if (!reader.raw(MAGIC.length).equals(MAGIC)) throw new WireError('it does not begin as one')
  const found = { length: reader.u32(), seed: reader.u32() }
  if (found.length > MOST_HEAD_BYTES) throw new WireError('its head is damaged')
  return found
}

export function decodeHead(bytes: Uint8Array, seed: number): RangeHead {
  if (crc32c(bytes) !== seed) throw new WireError('its head is damaged')
  const reader = new ByteReader(bytes)
  if (reader.u8() !== VERSION) throw new WireError('its version is unknown')
  const head = { backup: reader.text(TEXT_BYTES), cluster: reader.text(TEXT_BYTES), range: reader.u8() }
  reader.end()
  return head
}

export function encodeBlockHead({ number, rows, length, checksum }: BlockHead, seed: number): Buffer {
  const writer = new ByteWriter(BLOCK_HEAD_BYTES)
  writer.u8(BLOCK)
  writer.u32(number)
  writer.u32(rows)
  writer.u32(length)
  writer.u32(checksum)
  writer.u32(crc32c(writer.written(), seed))
  return writer.take()
}

/** What follows: a block of these, or the end. Looks at the first byte, and for a block at all of its head. */
export function decodeBlockHead(bytes: Uint8Array, seed: number): BlockHead | 'end' {
  const reader = new ByteReader(bytes)
  const kind = reader.u8()
  if (kind === END) return 'end'
  if (kind !== BLOCK || bytes.length < BLOCK_HEAD_BYTES) throw new WireError('the head of a block is damaged')
  const head = { number: reader.u32(), rows: reader.u32(), length: reader.u32(), checksum: reader.u32() }
  if (
    reader.u32() !== crc32c(bytes.subarray(0, BLOCK_HEAD_BYTES - 4), seed) ||
    head.length > MOST_BLOCK_BYTES
  )
    throw new WireError('the head of a block is damaged')
  return head
}

export function blockChecksum(rows: Uint8Array, seed: number): number {
  return crc32c(rows, seed)
}

/** All but the hash of the file, which goes over these bytes too. */
export function encodeEnd({ rows, bytes, content }: Omit<RangeEnd, 'file'>): Buffer {
  const writer = new ByteWriter(END_BYTES)
  writer.u8(END)
  writer.u53(rows)
  writer.u53(bytes)
  writer.raw(Buffer.from(content, 'hex'))
  return writer.take()
}

export function decodeEnd(bytes: Uint8Array): RangeEnd {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== END) throw new WireError('its end is damaged')
  const [rows, length] = [reader.u53(), reader.u53()]
  const [content, file] = [reader.raw(32).toString('hex'), reader.raw(32).toString('hex')]
  reader.end()
  return { rows, bytes: length, content, file }
}
