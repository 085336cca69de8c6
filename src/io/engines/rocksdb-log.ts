import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from '../../kernel/index.js'
import { fileError } from '../file-error.js'

/**
 * Finds holes in RocksDB's write-ahead logs before they are replayed. RocksDB opens over a damaged log without complaint, leaves out the
 * damaged block and goes on behind it; and what it has replayed it removes, evidence included.
 *
 * A log is a row of blocks of 32 KiB; a record is [masked crc32c of all that follows, 4][length, 2][kind, 1][bytes], never across
 * the end of a block; a batch that is longer is split (first, middle, last). The end of the newest log may be torn: it was being
 * written. But where a whole batch or the beginning of one follows something damaged, the damaged part had been there before it, and it
 * was acknowledged.
 */
const BLOCK_BYTES = 32 * 1024
const HEAD_BYTES = 7
const CRC_MASK = 0xa282ead8
const FULL = 1
const FIRST = 2
const LAST_KIND = 4
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
      const chunk = Buffer.allocUnsafe(READ_BLOCKS * BLOCK_BYTES)
      for (let at = 0; !this.hasHole; at += chunk.length) {
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
        for (let block = 0; block < bytesRead; block += BLOCK_BYTES) {
          this.#block(chunk.subarray(block, Math.min(block + BLOCK_BYTES, bytesRead)))
        }
        if (bytesRead < chunk.length) return
      }
    } finally {
      await file.close()
    }
  }

  #block(block: Buffer): void {
    for (let at = 0; at + HEAD_BYTES <= block.length; ) {
      const length = block.readUInt16LE(at + 4)
      const kind = block[at + 6]!
      const end = at + HEAD_BYTES + length
      const sound =
        kind >= FULL && kind <= LAST_KIND && end <= block.length && isSound(block.subarray(at, end))
      if (sound && this.#damaged && (kind === FULL || kind === FIRST)) this.hasHole = true
      if (!sound) this.#damaged = true
      // The length of a damaged record may be what is wrong: look for the next sound one at every byte.
      at = sound ? end : at + 1
    }
  }
}

function isSound(record: Buffer): boolean {
  const rotated = (record.readUInt32LE(0) - CRC_MASK) >>> 0
  const expected = ((rotated >>> 17) | (rotated << 15)) >>> 0
  return crc32c(record.subarray(6)) >>> 0 === expected
}
