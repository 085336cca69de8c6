import { varint } from './snappy.js'

/** What is in the blocks of a RocksDB table, once they are verified and decompressed: a row of entries, then the restart points and their number. */
export interface Block {
  readonly offset: number
  readonly length: number
}

export interface Entry {
  readonly key: Buffer
  /** To the end of the entry, or of all entries where the length is not stored. */
  readonly value: Buffer
}

/** A row as a table holds it: one version of it, which need not be the one in force. */
export interface TableRow {
  readonly key: Buffer
  /** `undefined`: here the row was deleted. */
  readonly value: Buffer | undefined
}

/** Something is not as it was written. */
export class Damage extends Error {}

/** After each key follow the number of its write (7 bytes) and what it did (the lowest byte). */
const TRAILER_BYTES = 8
const PUT = 1
const DELETIONS: readonly number[] = [0, 7]

/** Where the data blocks are, by an index block. */
export function indexEntries(index: Buffer): { readonly key: Buffer; readonly block: Block }[] {
  return [...entries(index, false)].map(({ key, value }) => ({ key, block: blockAt(value, 0).block }))
}

/**
 * The entries of a metaindex or index block: shared key bytes, further key bytes, length of the value (not stored in an index,
 * whose values are block handles), key, value. Both store every key in full.
 */
export function* entries(block: Buffer, hasLength: boolean): Generator<Entry> {
  const end = endOfEntries(block)
  for (let at = 0; at < end; ) {
    const shared = number(block, at)
    const unshared = number(block, shared.next)
    const length = hasLength ? number(block, unshared.next) : undefined
    const keyAt = length?.next ?? unshared.next
    const valueAt = keyAt + unshared.value
    if (shared.value !== 0 || valueAt >= end) throw new Damage('index')
    const key = block.subarray(keyAt, valueAt)
    const value = block.subarray(valueAt, length === undefined ? end : valueAt + length.value)
    yield { key, value }
    at = length === undefined ? valueAt + blockAt(value, 0).next : valueAt + length.value
  }
}

/** The rows of a data block, whose keys are stored as far as they differ from the one before. */
export function rowsOf(block: Buffer): TableRow[] {
  const rows: TableRow[] = []
  const end = endOfEntries(block)
  let before: Buffer = Buffer.alloc(0)
  for (let at = 0; at < end; ) {
    const shared = number(block, at)
    const unshared = number(block, shared.next)
    const length = number(block, unshared.next)
    const valueAt = length.next + unshared.value
    const next = valueAt + length.value
    if (shared.value > before.length || next > end) throw new Damage('entry')
    before = Buffer.concat([before.subarray(0, shared.value), block.subarray(length.next, valueAt)])
    rows.push(rowOf(before, block.subarray(valueAt, next)))
    at = next
  }
  return rows
}

function rowOf(internalKey: Buffer, value: Buffer): TableRow {
  const end = internalKey.length - TRAILER_BYTES
  const kind = internalKey[end]
  if (kind === undefined || (kind !== PUT && !DELETIONS.includes(kind))) throw new Damage('entry')
  return { key: internalKey.subarray(0, end), value: kind === PUT ? value : undefined }
}

function endOfEntries(block: Buffer): number {
  if (block.length < 4) throw new Damage('index')
  return block.length - 4 - 4 * block.readUInt32LE(block.length - 4)
}

export function blockAt(bytes: Buffer, at: number): { block: Block; next: number } {
  const offset = number(bytes, at)
  const length = number(bytes, offset.next)
  return { block: { offset: offset.value, length: length.value }, next: length.next }
}

function number(bytes: Buffer, at: number): { value: number; next: number } {
  const read = varint(bytes, at)
  if (read === undefined) throw new Damage('index')
  return read
}
