import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileError } from '../file-error.js'
import { endOfRecord, LOG_BLOCK_BYTES, RECORD_HEAD_BYTES, RECORD_KIND } from './rocksdb-record.js'

/**
 * Finds holes in RocksDB's write-ahead logs before they are replayed. RocksDB opens over a damaged log without complaint, leaves out the
 * damaged block and goes on behind it; and what it has replayed it removes, evidence included.
 *
 * A batch is one record, or several where it is longer than a block (rocksdb-record.ts). The end of the newest log may be torn: it was being
 * written. But where a whole batch or the beginning of one follows something damaged, the damaged part had been there before it, and it
 * was acknowledged.
 */
/** Blocks read at a time. */
const READ_BLOCKS = 32

/** True where a replay would leave out writes from the middle. Rejects with an EngineError where a log cannot be read. */
export async function logsHaveHole(directory: string): Promise<boolean> {
  try {
    const reader = new LogReader()
    for (const name of await logNames(directory)) {
      await reader.read(join(directory, name))
      if (reader.hasHole) return true
    }
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw fileError(error as NodeJS.ErrnoException)
  }
}

/** Oldest first. */
async function logNames(directory: string): Promise<string[]> {
  const names = await readdir(directory)
  return names
    .filter((name) => /^\d+\.log$/.test(name))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
}

/** Goes through all logs, one after the other. */
class LogReader {
  #damaged = false
  hasHole = false

  async read(path: string): Promise<void> {
    const file = await open(path, 'r')
    try {
      const chunk = Buffer.allocUnsafe(READ_BLOCKS * LOG_BLOCK_BYTES)
      for (let at = 0; !this.hasHole; at += chunk.length) {
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
        for (let block = 0; block < bytesRead; block += LOG_BLOCK_BYTES) {
          this.#block(chunk.subarray(block, Math.min(block + LOG_BLOCK_BYTES, bytesRead)))
        }
        if (bytesRead < chunk.length) return
      }
    } finally {
      await file.close()
    }
  }

  #block(block: Buffer): void {
    for (let at = 0; at + RECORD_HEAD_BYTES <= block.length; ) {
      const end = endOfRecord(block, at)
      const kind = block[at + 6]
      const begins = kind === RECORD_KIND.full || kind === RECORD_KIND.first
      if (end !== undefined && this.#damaged && begins) this.hasHole = true
      if (end === undefined) this.#damaged = true
      // The length of a damaged record may be what is wrong: look for the next sound one at every byte.
      at = end ?? at + 1
    }
  }
}
