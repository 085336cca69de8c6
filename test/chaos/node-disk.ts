/** The file system that one node's directory is on: an ext4 image of its own where the machine can mount one. */
import {
  closeSync,
  mkdirSync,
  openSync,
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
