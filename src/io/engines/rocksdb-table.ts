import { type FileHandle, open } from 'node:fs/promises'
import { isMaskedCrc } from './rocksdb-record.js'
import { snappyDecompress, varint } from './snappy.js'

/**
 * Verifies a RocksDB table file (block-based, format version 4, as 6.17 writes it) by its own checksums, block by block:
 *
 *   data blocks … | filter | index | properties | metaindex | footer
 *
 * Each block is followed by its kind of compression (1 byte) and a masked crc32c over both. The footer (53 bytes) says where the
 * metaindex and the index are; these say where all others are.
 */
export type TableDamage = string | undefined

interface Block {
  readonly offset: number
  readonly length: number
}

const FOOTER_BYTES = 53
const TRAILER_BYTES = 5
const MAGIC = 0x88e241b785f4cff7n
const FORMAT_VERSION = 4
const CHECKSUM_CRC32C = 1
const SNAPPY = 1
/** An index beyond this is taken for damage: it would be that of a table of many GiB. */
const MAX_INDEX_BYTES = 256 * 1024 * 1024
/** Blocks read at a time. */
const READ_BYTES = 1024 * 1024

/**
 * `undefined` if all blocks are sound, else what is wrong. `depth` `ends`: only what RocksDB reads when it opens a table, apart from filter
 * and index. Throws where the file cannot be read.
 */
export async function verifyTable(path: string, depth: 'ends' | 'all'): Promise<TableDamage> {
  const file = await open(path, 'r')
  try {
    return await new Table(file).verify(depth)
  } finally {
    await file.close()
  }
}

class Damage extends Error {}

class Table {
  readonly #file: FileHandle
  #bytes = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  async verify(depth: 'ends' | 'all'): Promise<TableDamage> {
    try {
      this.#bytes = (await this.#file.stat()).size
      const { metaindex, index } = await this.#footer()
      const meta = await this.#metaBlocks(metaindex)
      for (const { name, block } of meta)
        if (depth === 'all' || name === 'rocksdb.properties') await this.#block(block)
      if (depth === 'all') await this.#dataBlocks(indexEntries(await this.#block(index)))
      return undefined
    } catch (error) {
      if (error instanceof Damage) return error.message
      throw error
    }
  }

  async #footer(): Promise<{ metaindex: Block; index: Block }> {
    if (this.#bytes < FOOTER_BYTES) throw new Damage('too short')
    const footer = await this.#read(this.#bytes - FOOTER_BYTES, FOOTER_BYTES)
    const known = footer.readBigUInt64LE(45) === MAGIC && footer.readUInt32LE(41) === FORMAT_VERSION
    if (!known || footer[0] !== CHECKSUM_CRC32C) throw new Damage('footer')
    const metaindex = blockAt(footer, 1)
    const index = blockAt(footer, metaindex.next)
    if (footer.subarray(index.next, 41).some((byte) => byte !== 0)) throw new Damage('footer')
    return { metaindex: metaindex.block, index: index.block }
  }

  async #metaBlocks(metaindex: Block): Promise<{ name: string; block: Block }[]> {
    return [...entries(await this.#block(metaindex), true)].map(({ key, value }) => ({
      name: key.toString('latin1'),
      block: blockAt(value, 0).block,
    }))
  }

  /** Reads runs of neighbouring blocks at once. */
  async #dataBlocks(blocks: readonly Block[]): Promise<void> {
    for (let first = 0; first < blocks.length; ) {
      const { offset } = blocks[first]!
      let last = first
      while (last + 1 < blocks.length && blocks[last + 1]!.offset - offset < READ_BYTES) last++
      const end = blocks[last]!.offset + blocks[last]!.length + TRAILER_BYTES
      const run = await this.#read(offset, end - offset)
      for (const block of blocks.slice(first, last + 1)) {
        if (block.offset < offset || block.offset + block.length + TRAILER_BYTES > end)
          throw new Damage('index')
        checked(run.subarray(block.offset - offset), block)
      }
      first = last + 1
    }
  }

  /** A verified block's contents, decompressed. */
  async #block(block: Block): Promise<Buffer> {
    const raw = checked(await this.#read(block.offset, block.length + TRAILER_BYTES), block)
    const kind = raw[block.length]!
    const contents = raw.subarray(0, block.length)
    const plain = kind === SNAPPY ? snappyDecompress(contents, MAX_INDEX_BYTES) : contents
    if (plain === undefined || kind > SNAPPY) throw new Damage(`block at ${block.offset}`)
    return plain
  }

  async #read(offset: number, length: number): Promise<Buffer> {
    if (offset < 0 || offset + length > this.#bytes) throw new Damage('a block beyond the end')
    const bytes = Buffer.allocUnsafe(length)
    const { bytesRead } = await this.#file.read(bytes, 0, length, offset)
    if (bytesRead !== length) throw new Damage('too short')
    return bytes
  }
}

/** The block's bytes with its trailer, their checksum verified. */
function checked(bytes: Buffer, block: Block): Buffer {
  if (!isMaskedCrc(bytes.readUInt32LE(block.length + 1), bytes.subarray(0, block.length + 1)))
    throw new Damage(`block at ${block.offset}`)
  return bytes
}

/** Where the data blocks are, by an index block. */
function indexEntries(index: Buffer): Block[] {
  return [...entries(index, false)].map(({ value }) => blockAt(value, 0).block)
}

interface Entry {
  readonly key: Buffer
  /** To the end of the entry, or of all entries where the length is not stored. */
  readonly value: Buffer
}

/**
 * The entries of a metaindex or index block: shared key bytes, further key bytes, length of the value (not stored in an index,
 * whose values are block handles), key, value. Both store every key in full. The restart points follow, and their number.
 */
function* entries(block: Buffer, hasLength: boolean): Generator<Entry> {
  if (block.length < 4) throw new Damage('index')
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4)
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

function blockAt(bytes: Buffer, at: number): { block: Block; next: number } {
  const offset = number(bytes, at)
  const length = number(bytes, offset.next)
  return { block: { offset: offset.value, length: length.value }, next: length.next }
}

function number(bytes: Buffer, at: number): { value: number; next: number } {
  const read = varint(bytes, at)
  if (read === undefined) throw new Damage('index')
  return read
}
