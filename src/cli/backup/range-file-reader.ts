/** Reads a file of a backup, block by block, and says of each whether it is what was written. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { WireError } from '../../wire/bytes.js'
import {
  BLOCK_HEAD_BYTES,
  blockChecksum,
  decodeBlockHead,
  decodeEnd,
  decodeHead,
  decodePrefix,
  END_BYTES,
  PREFIX_BYTES,
  type RangeEnd,
  type RangeHead,
} from './range-file.js'

export interface Block {
  readonly count: number
  /** As src/wire/copied-rows.ts has them. */
  readonly rows: Buffer
}

export interface Verdict {
  readonly head: RangeHead | undefined
  /** Undefined where the file is damaged. */
  readonly end: RangeEnd | undefined
  /** What is wrong, in words; empty = nothing. */
  readonly damage: readonly string[]
  /** Rows in blocks that are whole. */
  readonly intact: number
}

const SHOWN_DAMAGE = 5
const FILE_HASH_BYTES = 32

/** Reads all of it. `each` gets every block that is whole, in order; it is waited for. */
export async function readRangeFile(
  path: string,
  each: (block: Block) => Promise<void> | void = () => {},
): Promise<Verdict> {
  const damage: string[] = []
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    return { head: undefined, end: undefined, damage: [(error as Error).message], intact: 0 }
  }
  const reading = new Reading(handle, damage, each)
  try {
    await reading.run()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    damage.push(error.message)
  } finally {
    await handle.close()
  }
  const { head, end, intact } = reading
  return { head, intact, end: damage.length === 0 ? end : undefined, damage: damage.slice(0, SHOWN_DAMAGE) }
}

class Reading {
  head: RangeHead | undefined
  end: RangeEnd | undefined
  intact = 0
  readonly #handle: FileHandle
  readonly #damage: string[]
  readonly #each: (block: Block) => Promise<void> | void
  readonly #file = createHash('sha256')
  readonly #content = createHash('sha256')
  #at = 0
  #blocks = 0

  constructor(handle: FileHandle, damage: string[], each: (block: Block) => Promise<void> | void) {
    this.#handle = handle
    this.#damage = damage
    this.#each = each
  }

  /** Throws WireError where nothing after it can be found. */
  async run(): Promise<void> {
    const { length, seed } = decodePrefix(await this.#take(PREFIX_BYTES))
    this.head = decodeHead(await this.#take(length), seed)
    for (;;) {
      const start = await this.#peek(BLOCK_HEAD_BYTES)
      const block = decodeBlockHead(start, seed)
      if (block === 'end') break
      await this.#take(BLOCK_HEAD_BYTES)
      const rows = await this.#take(block.length)
      if (block.number !== this.#blocks++)
        throw new WireError(`block ${this.#blocks - 1} is not where it belongs`)
      if (blockChecksum(rows, seed) !== block.checksum) this.#damage.push(`block ${block.number} is damaged`)
      else {
        this.#content.update(rows)
        this.intact += block.rows
        await this.#each({ count: block.rows, rows })
      }
    }
    await this.#finish()
  }

  async #finish(): Promise<void> {
    const hashed = await this.#take(END_BYTES - FILE_HASH_BYTES)
    const file = this.#file.copy().digest('hex')
    const end = decodeEnd(Buffer.concat([hashed, await this.#take(FILE_HASH_BYTES)]))
    if ((await this.#peek(1)).length > 0) this.#damage.push('something follows its end')
    if (end.file !== file) this.#damage.push('the checksum of the file is not that of its bytes')
    if (end.rows !== this.intact || end.content !== this.#content.digest('hex'))
      this.#damage.push('its rows are not those that its end tells of')
    this.end = end
  }

  /** The next bytes, or as many of them as there are. */
  async #peek(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length)
    let got = 0
    while (got < length) {
      const { bytesRead } = await this.#handle.read(bytes, got, length - got, this.#at + got)
      if (bytesRead === 0) break
      got += bytesRead
    }
    return bytes.subarray(0, got)
  }

  async #take(length: number): Promise<Buffer> {
    const bytes = await this.#peek(length)
    if (bytes.length < length) throw new WireError('it ends too early')
    this.#at += length
    this.#file.update(bytes)
    return bytes
  }
}
