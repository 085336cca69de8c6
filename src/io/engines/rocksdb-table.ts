import { type FileHandle, open } from 'node:fs/promises'
import { EngineError } from '../../ports/engine.js'
import { type Block, blockAt, Damage, entries, indexEntries, rowsOf, type TableRow } from './rocksdb-block.js'
import { isMaskedCrc } from './rocksdb-record.js'
import { snappyDecompress } from './snappy.js'

/**
 * Verifies a RocksDB table file (block-based, format version 4, as 6.17 writes it) by its own checksums, block by block:
 *
 *   data blocks … | filter | index | properties | metaindex | footer
 *
 * Each block is followed by its kind of compression (1 byte) and a masked crc32c over both. The footer (53 bytes) says where the
 * metaindex and the index are; these say where all others are.
 */
export type TableDamage = string | undefined

/** Keys between two others; `undefined`: no end on that side. */
export interface Between {
  readonly after: Buffer | undefined
  readonly before: Buffer | undefined
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

/**
 * The rows of a table, a data block after the other in order of the keys; `damaged` in the place of a block that cannot be read. With `between` those blocks
 * that may hold such keys. Throws `corrupt` where the index does not tell which blocks there are.
 */
export async function* rowsOfTable(
  path: string,
  between: Between = { after: undefined, before: undefined },
): AsyncGenerator<readonly TableRow[] | 'damaged'> {
  const file = await open(path, 'r')
  try {
    yield* new Table(file).rows(between)
  } catch (error) {
    throw error instanceof Damage ? new EngineError('corrupt', `${path}: ${error.message}`) : error
  } finally {
    await file.close()
  }
}

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
      if (depth === 'all')
        await this.#dataBlocks(indexEntries(await this.#block(index)).map(({ block }) => block))
      return undefined
    } catch (error) {
      if (error instanceof Damage) return error.message
      throw error
    }
  }

  async *rows(between: Between): AsyncGenerator<readonly TableRow[] | 'damaged'> {
    this.#bytes = (await this.#file.stat()).size
    const { index } = await this.#footer()
    let separator: Buffer | undefined
    for (const { key, block } of indexEntries(await this.#block(index))) {
      if (mayHold(separator, key, between)) yield await this.#rowsOrDamage(block)
      separator = key
    }
  }

  async #rowsOrDamage(block: Block): Promise<readonly TableRow[] | 'damaged'> {
    try {
      return rowsOf(await this.#block(block))
    } catch (error) {
      if (error instanceof Damage) return 'damaged'
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

/**
 * Whether a block whose keys lie behind one separator and up to the next may hold keys in between. A separator is a key, or one with the 8 bytes of
 * its write behind it.
 */
function mayHold(separator: Buffer | undefined, next: Buffer, { after, before }: Between): boolean {
  if (after !== undefined && Buffer.compare(next, after) <= 0) return false
  if (separator === undefined || before === undefined) return true
  return Buffer.compare(separator.subarray(0, Math.max(0, separator.length - 8)), before) < 0
}

/** The block's bytes with its trailer, their checksum verified. */
function checked(bytes: Buffer, block: Block): Buffer {
  if (!isMaskedCrc(bytes.readUInt32LE(block.length + 1), bytes.subarray(0, block.length + 1)))
    throw new Damage(`block at ${block.offset}`)
  return bytes
}
