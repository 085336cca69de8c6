import { randomFillSync } from 'node:crypto'
import { type FileHandle, open, rm, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Completion } from '../ports/engine.js'
import type { Space } from '../ports/space.js'
import { settle } from './file-error.js'

/**
 * The room on the disk under a data directory, and the reserve: a file of random bytes (a file system that compresses or leaves
 * holes would set nothing aside for zeros).
 */
const CHUNK_BYTES = 1024 * 1024

export class DiskSpace implements Space {
  readonly #path: string
  readonly #reserveBytes: number

  /** `reservePath` names the reserve file; the room is measured in its directory, which must exist by then. */
  constructor(reservePath: string, reserveBytes: number) {
    this.#path = reservePath
    this.#reserveBytes = reserveBytes
  }

  measure(done: Completion<number>): void {
    const room = statfs(dirname(this.#path)).then(({ bavail, bsize }) => bavail * bsize)
    settle(room, done)
  }

  holdReserve(done: Completion<void>): void {
    settle(this.#reserveBytes > 0 ? this.#fill() : Promise.resolve(), done)
  }

  releaseReserve(done: Completion<void>): void {
    settle(rm(this.#path, { force: true }), done)
  }

  /** Goes on where an earlier filling was cut off; a reserve that does not fit is taken away again. */
  async #fill(): Promise<void> {
    const file = await open(this.#path, 'a')
    try {
      const { size } = await file.stat()
      if (size < this.#reserveBytes) await append(file, this.#reserveBytes - size)
    } catch (error) {
      await rm(this.#path, { force: true })
      throw error
    } finally {
      await file.close()
    }
  }
}

async function append(file: FileHandle, bytes: number): Promise<void> {
  const chunk = randomFillSync(Buffer.allocUnsafe(Math.min(CHUNK_BYTES, bytes)))
  for (let left = bytes; left > 0; left -= chunk.length) {
    await file.appendFile(left < chunk.length ? chunk.subarray(0, left) : chunk)
    // Piece by piece: a sync of the whole at once would hold up the database's own.
    await file.datasync()
  }
}
