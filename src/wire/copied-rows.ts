/**
 * Rows on their way between a node and a backup: what GET /v1/cluster/backup answers and POST /v1/cluster/restore takes, and what the blocks of a backup's files hold
 * (docs/storage-format.md). Decoding is total.
 *
 *     rows    each: u16 length, row key, u32 length, object bytes
 *     page    u8 version, u8 flags (1 = what is shown may not be all that there is), 8 bytes of the ring's digest, u16 length, row key to go on at (none: the range is
 *             finished), u8 what each row shows (0 = its object, 1 = the 16-byte digest of it), rows
 */
import { limits } from '../limits.js'
import { type ByteReader, ByteWriter, ByteReader as Reader, WireError } from './bytes.js'

const VERSION = 1
const INCOMPLETE = 1
const RING_BYTES = 8
export const ROW_KEY_BYTES = 3 + limits.bucketBytes + limits.keyBytes

export interface CopiedRow {
  readonly rowKey: Uint8Array
  /** The object, or its digest. */
  readonly object: Uint8Array
}

export interface CopiedPage {
  /** Whoever answered may lack rows of what is shown, or versions of them. */
  readonly incomplete: boolean
  /** 16 hex digits: the ring under which it was read. */
  readonly ring: string
  /** Where to go on; empty: the range is finished. */
  readonly next: Uint8Array
  /** Rows show digests in place of objects. */
  readonly digests: boolean
  /** In order of their keys. */
  readonly rows: readonly CopiedRow[]
}

export function encodePage({ incomplete, ring, next, digests, rows }: CopiedPage): Uint8Array {
  const writer = new ByteWriter(64 + copiedBytes(rows))
  writer.u8(VERSION)
  writer.u8(incomplete ? INCOMPLETE : 0)
  writer.raw(Buffer.from(ring, 'hex'))
  writer.u16(next.length)
  writer.raw(next)
  writer.u8(digests ? 1 : 0)
  writeRows(writer, rows)
  return writer.take()
}

/** Throws WireError. Nothing is copied. */
export function decodePage(bytes: Uint8Array): CopiedPage {
  const reader = new Reader(bytes)
  if (reader.u8() !== VERSION) throw new WireError('the version of a page of copied rows is unknown')
  const incomplete = (reader.u8() & INCOMPLETE) !== 0
  const ring = reader.raw(RING_BYTES).toString('hex')
  const next = reader.raw(reader.u16())
  const digests = reader.u8() === 1
  return { incomplete, ring, next, digests, rows: readRows(reader) }
}

/** Bytes that these rows take. */
export function copiedBytes(rows: readonly CopiedRow[]): number {
  let bytes = 0
  for (const row of rows) bytes += rowBytes(row)
  return bytes
}

export function rowBytes({ rowKey, object }: CopiedRow): number {
  return 6 + rowKey.length + object.length
}

export function encodeRows(rows: readonly CopiedRow[]): Buffer {
  const writer = new ByteWriter(copiedBytes(rows))
  writeRows(writer, rows)
  return writer.take()
}

/** Throws WireError where these are no rows, or keys do not rise. Nothing is copied. */
export function decodeRows(bytes: Uint8Array): CopiedRow[] {
  return readRows(new Reader(bytes))
}

function writeRows(writer: ByteWriter, rows: readonly CopiedRow[]): void {
  for (const { rowKey, object } of rows) {
    writer.u16(rowKey.length)
    writer.raw(rowKey)
    writer.bytes(object)
  }
}

function readRows(reader: ByteReader): CopiedRow[] {
  const rows: CopiedRow[] = []
  let before: Buffer | undefined
  while (reader.left > 0) {
    const length = reader.u16()
    if (length > ROW_KEY_BYTES) throw new WireError('a row key is longer than any can be')
    const rowKey = reader.raw(length)
    if (before !== undefined && Buffer.compare(before, rowKey) >= 0)
      throw new WireError('row keys are out of order')
    before = rowKey
    rows.push({ rowKey, object: reader.bytes() })
  }
  return rows
}
