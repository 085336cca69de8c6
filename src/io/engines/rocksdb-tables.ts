import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../ports/engine.js'
import { fileError } from '../file-error.js'
import { RocksdbManifest } from './rocksdb-manifest.js'
import { verifyTable } from './rocksdb-table.js'

/**
 * Knows which tables of a database are sound. RocksDB verifies a block that it reads for one key, but not those that an iterator reads: from
 * a damaged one it hands out other bytes, leaves rows out without a word, or ends the process by a failed assertion; and a
 * damaged end of a table can end it at the opening. So the ends of all tables are verified before an opening, and every table once,
 * whole, before the first iterator that may read it. Tables are never changed once written, and their names never used again.
 *
 * Only tables that the MANIFEST names count: beside them there may be one that is just being written, or what a process that was killed has left of one.
 */
export class RocksdbTables {
  readonly #directory: string
  readonly #manifest: RocksdbManifest
  #sound = new Set<string>()
  #checking: Promise<void> | undefined

  constructor(directory: string) {
    this.#directory = directory
    this.#manifest = new RocksdbManifest(directory)
  }

  /** Before an opening. Rejects with `corrupt` where a table could not be opened, and forgets what was found sound before. */
  async checkEnds(): Promise<void> {
    this.#sound = new Set()
    for (const name of await this.#names()) await this.#verify(name, 'ends')
  }

  /** Before an iterator. Rejects with `corrupt` while any table is damaged. One check at a time: later callers wait for it and look again. */
  async checkAll(): Promise<void> {
    while (this.#checking !== undefined) await this.#checking.catch(() => {})
    this.#checking = this.#checkNew()
    try {
      await this.#checking
    } finally {
      this.#checking = undefined
    }
  }

  async #checkNew(): Promise<void> {
    for (const name of await this.#names()) {
      if (this.#sound.has(name)) continue
      await this.#verify(name, 'all')
      this.#sound.add(name)
    }
  }

  /** Those in force; all that are there where that cannot be told. One that is missing is the engine's to notice. */
  async #names(): Promise<string[]> {
    try {
      const names = (await readdir(this.#directory)).filter((name) => name.endsWith('.sst'))
      const inForce = await this.#manifest.tables()
      return inForce === undefined ? names : names.filter((name) => inForce.has(Number.parseInt(name, 10)))
    } catch (error) {
      throw fileError(error as NodeJS.ErrnoException)
    }
  }

  /** A table that is gone was replaced by a compaction meanwhile. */
  async #verify(name: string, depth: 'ends' | 'all'): Promise<void> {
    let damage: string | undefined
    try {
      damage = await verifyTable(join(this.#directory, name), depth)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw fileError(error as NodeJS.ErrnoException)
    }
    if (damage !== undefined) throw new EngineError('corrupt', `table ${name} is damaged: ${damage}`)
  }
}
