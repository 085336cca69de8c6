import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Completion } from '../ports/engine.js'
import type { SideFile } from '../ports/side-file.js'
import { settle } from './file-error.js'

/**
 * The side file on a disk: two slots, each in a block of its own so that a torn write of one cannot touch the other. A slot is
 * [content length, u16 little endian][content]; length 0 means never written. The file is allocated at its full length at first,
 * beside its final name, so that a later full disk cannot keep a slot from being overwritten.
 */
const BLOCK_BYTES = 4096
const HEAD_BYTES = 2
const MAX_CONTENT_BYTES = 512

type Slots = readonly [Uint8Array | undefined, Uint8Array | undefined]

export class DiskSideFile implements SideFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  read(done: Completion<Slots>): void {
    settle(this.#read(), done)
  }

  write(slot: 0 | 1, bytes: Uint8Array, done: Completion<void>): void {
    settle(this.#write(slot, bytes), done)
  }

  async #read(): Promise<Slots> {
    let file: FileHandle
    try {
      file = await open(this.#path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [undefined, undefined]
      throw error
    }
    try {
      return [await readSlot(file, 0), await readSlot(file, 1)]
    } finally {
      await file.close()
    }
  }

  async #write(slot: 0 | 1, bytes: Uint8Array): Promise<void> {
    if (bytes.length > MAX_CONTENT_BYTES)
      throw new RangeError(`a slot holds at most ${MAX_CONTENT_BYTES} bytes`)
    const block = Buffer.alloc(HEAD_BYTES + bytes.length)
    block.writeUInt16LE(bytes.length)
    block.set(bytes, HEAD_BYTES)
    const file = await this.#openForWriting()
    try {
      await file.write(block, 0, block.length, slot * BLOCK_BYTES)
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  async #openForWriting(): Promise<FileHandle> {
    try {
      return await open(this.#path, 'r+')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    await this.#create()
    return open(this.#path, 'r+')
  }

  async #create(): Promise<void> {
    const beside = `${this.#path}.new`
    const file = await open(beside, 'w')
    try {
      await file.write(Buffer.alloc(2 * BLOCK_BYTES))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, this.#path)
    await syncDirectory(dirname(this.#path))
  }
}

/** A length that cannot be gives whatever is there: the guard tells a damaged slot from one never written by its checksum. */
async function readSlot(file: FileHandle, slot: 0 | 1): Promise<Uint8Array | undefined> {
  const block = Buffer.alloc(HEAD_BYTES + MAX_CONTENT_BYTES)
  const { bytesRead } = await file.read(block, 0, block.length, slot * BLOCK_BYTES)
  if (bytesRead < HEAD_BYTES) return undefined
  const length = block.readUInt16LE()
  return length === 0 ? undefined : block.subarray(HEAD_BYTES, Math.min(HEAD_BYTES + length, bytesRead))
}

/** Makes a new name in a directory durable. Windows cannot open directories and does not need it. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const file = await open(directory, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
