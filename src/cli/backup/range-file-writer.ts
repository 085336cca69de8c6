/** Writes a file of a backup: under a temporary name, synced, and only then under its own. What has its name is whole. */
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CopiedRow, encodeRows, rowBytes } from '../../wire/copied-rows.js'
import {
  blockChecksum,
  encodeBlockHead,
  encodeEnd,
  encodeHead,
  type RangeEnd,
  type RangeHead,
  rangeName,
} from './range-file.js'

export const PARTIAL = '.partial'
/** A block is sent to a node as it is, which looks at all of its rows in one turn. */
const BLOCK_ROWS = 1024
const BLOCK_BYTES = 512 * 1024

export class RangeFileWriter {
  readonly #handle: FileHandle
  readonly #path: string
  readonly #partial: string
  readonly #seed: number
  readonly #file = createHash('sha256')
  readonly #content = createHash('sha256')
  #waiting: CopiedRow[] = []
  #waitingBytes = 0
  #blocks = 0
  #rows = 0
  #bytes = 0

  private constructor(handle: FileHandle, path: string, partial: string, seed: number) {
    this.#handle = handle
    this.#path = path
    this.#partial = partial
    this.#seed = seed
  }

  static async create(directory: string, head: RangeHead): Promise<RangeFileWriter> {
    const path = join(directory, rangeName(head.range))
    const partial = `${path}.${randomBytes(4).toString('hex')}${PARTIAL}`
    const { bytes, seed } = encodeHead(head)
    const writer = new RangeFileWriter(await open(partial, 'wx', 0o600), path, partial, seed)
    await writer.#put(bytes)
    return writer
  }

  /** In order of their keys. */
  async add(rows: readonly CopiedRow[]): Promise<void> {
    for (const row of rows) {
      const bytes = rowBytes(row)
      const isFull = this.#waiting.length >= BLOCK_ROWS || this.#waitingBytes + bytes > BLOCK_BYTES
      if (isFull && this.#waiting.length > 0) await this.#putBlock()
      this.#waiting.push(row)
      this.#waitingBytes += bytes
    }
  }

  /** On the disk under its own name, once the directory is synced. */
  async finish(): Promise<RangeEnd> {
    if (this.#waiting.length > 0) await this.#putBlock()
    const found = { rows: this.#rows, bytes: this.#bytes, content: this.#content.digest('hex') }
    await this.#put(encodeEnd(found))
    const file = this.#file.digest('hex')
    await this.#handle.writeFile(Buffer.from(file, 'hex'))
    await this.#handle.sync()
    await this.#handle.close()
    await rename(this.#partial, this.#path)
    return { ...found, file }
  }

  /** Nothing of it stays. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {})
    await rm(this.#partial, { force: true })
  }

  async #putBlock(): Promise<void> {
    const rows = encodeRows(this.#waiting)
    const head = {
      number: this.#blocks++,
      rows: this.#waiting.length,
      length: rows.length,
      checksum: blockChecksum(rows, this.#seed),
    }
    this.#rows += head.rows
    this.#bytes += rows.length
    this.#waiting = []
    this.#waitingBytes = 0
    this.#content.update(rows)
    await this.#put(Buffer.concat([encodeBlockHead(head, this.#seed), rows]))
  }

  async #put(bytes: Buffer): Promise<void> {
    this.#file.update(bytes)
    await this.#handle.writeFile(bytes)
  }
}
