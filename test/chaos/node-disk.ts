/** The file system that one node's directory is on: an ext4 image of its own where the machine can mount one. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { command } from './command.js'
import type { DiskKind } from './probe.js'

const MiB = 1024 * 1024
/** Sparse: only what is written takes room. */
const IMAGE_BYTES = 4096 * MiB
const TMPFS = 'size=1g'
/** Rows take more than this in a table that is worth damaging. */
const LEAST_DAMAGED_BYTES = 512
/** More than a block holds. */
const BLOCK_BYTES = 5 * 1024
/** What is left for the last, small pieces of ballast. */
const CRUMBS_BYTES = 2 * MiB
const CRUMB = Buffer.alloc(64 * 1024)

export class NodeDisk {
  readonly #kind: DiskKind
  readonly #mountPoint: string
  readonly #images: string
  #generation = 0

  constructor(runDirectory: string, name: string, kind: DiskKind) {
    this.#kind = kind
    this.#mountPoint = join(runDirectory, name)
    this.#images = join(runDirectory, `${name}-disk`)
  }

  /** For the node's data. */
  get directory(): string {
    return join(this.#mountPoint, 'node')
  }

  async prepare(): Promise<void> {
    mkdirSync(this.#mountPoint)
    if (this.#kind === 'tmpfs') await command('mount', '-t', 'tmpfs', '-o', TMPFS, 'tmpfs', this.#mountPoint)
    if (this.#kind !== 'loop') return
    writeFileSync(this.#image, '')
    truncateSync(this.#image, IMAGE_BYTES)
    await command('mkfs.ext4', '-q', '-F', '-m', '0', this.#image)
    await this.#mount()
  }

  /** Leaves so many bytes free. With 0 the next write fails with ENOSPC. */
  async fill(leaveBytes: number): Promise<void> {
    const { bavail, bsize } = statfsSync(this.#mountPoint)
    const bytes = bavail * bsize - Math.max(leaveBytes, CRUMBS_BYTES)
    // The node writes meanwhile: what was free is not always free any more.
    for (const share of bytes > 0 ? [1, 0.9, 0.5] : []) {
      const ballast = join(this.#mountPoint, 'ballast')
      const isThere = await command('fallocate', '-l', `${Math.floor(bytes * share)}`, ballast).then(
        () => true,
        () => false,
      )
      if (isThere) break
    }
    if (leaveBytes < CRUMBS_BYTES) this.#fillCrumbs()
  }

  /** Changes a bit of the largest table, well before what the node knows of itself: without that it would not start, and say so. Says what was done. */
  damageTable(force: number): string {
    const rows = join(this.directory, 'rows')
    const tables = existsSync(rows) ? readdirSync(rows).filter((name) => name.endsWith('.sst')) : []
    const all = tables.map((name) => ({ path: join(rows, name), bytes: readFileSync(join(rows, name)) }))
    const [largest] = all.sort((one, other) => other.bytes.length - one.bytes.length)
    const room = largest === undefined ? 0 : beforeItself(largest.bytes)
    if (largest === undefined || room < LEAST_DAMAGED_BYTES) return 'no table is large enough'
    const at = Math.floor(force * room)
    const file = openSync(largest.path, 'r+')
    try {
      writeSync(file, Buffer.of(largest.bytes[at]! ^ (1 << (at % 8))), 0, 1, at)
    } finally {
      closeSync(file)
    }
    return `byte ${at} of ${largest.bytes.length} of ${largest.path} changed`
  }

  relieve(): void {
    for (const name of ['ballast', 'crumbs']) rmSync(join(this.#mountPoint, name), { force: true })
  }

  /**
   * The power goes: what the file system had not handed to its image is gone. To be called while the node stands still; `killed` must
   * end it before the old file system can be left.
   */
  async cutPower(killed: () => Promise<void>): Promise<void> {
    const before = this.#image
    this.#generation += 1
    await command('cp', '--sparse=always', before, this.#image)
    await killed()
    await command('umount', '-l', this.#mountPoint)
    await this.#mount()
    rmSync(before)
  }

  async end(): Promise<void> {
    if (this.#kind !== 'plain') await command('umount', '-l', this.#mountPoint)
  }

  get #image(): string {
    return `${this.#images}-${this.#generation}.img`
  }

  #mount(): Promise<void> {
    return command('mount', '-o', 'loop,noatime,discard', this.#image, this.#mountPoint)
  }

  #fillCrumbs(): void {
    const file = openSync(join(this.#mountPoint, 'crumbs'), 'w')
    try {
      for (let bytes = 0; bytes < 4 * CRUMBS_BYTES; bytes += CRUMB.length) writeSync(file, CRUMB)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }
}

/** How far the rows of a table reach at least, in bytes. Its end, with the index of its blocks, does not count. */
function beforeItself(table: Buffer): number {
  const found = ['identity', 'membership'].map((name) => table.indexOf(name)).filter((at) => at >= 0)
  return Math.min(0.7 * table.length, ...found.map((at) => at - BLOCK_BYTES))
}
