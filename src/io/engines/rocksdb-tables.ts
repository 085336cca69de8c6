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
  /** Found damaged, and by what. */
  #damaged = new Map<string, string>()
  #checking: Promise<void> | undefined
  /** Nothing but what was found sound was in force when the MANIFEST was read last. */
  #allSound = false
  /** How often the MANIFEST was read, by whomever. */
  #readings = 0

  constructor(directory: string) {
    this.#directory = directory
    this.#manifest = new RocksdbManifest(directory)
  }

  /** Before an opening. Rejects with `corrupt` where a table could not be opened, and forgets what was found sound before. */
  async checkEnds(): Promise<void> {
    this.doubt()
    this.#damaged = new Map()
    for (const name of await this.inForce()) {
      const damage = await this.#verify(name, 'ends')
      if (damage !== undefined) throw isDamaged(name, damage)
    }
  }

  /** A read has met something damaged: what was found sound may not be so any more. */
  doubt(): void {
    this.#sound = new Set()
    this.#allSound = false
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

  /** Damaged tables that the database can be opened with, so that what is sound of them can be read. */
  async mendable(): Promise<string[]> {
    const names = new Set(await this.inForce())
    const mendable: string[] = []
    for (const name of this.#damaged.keys())
      if (names.has(name) && (await this.#verify(name, 'ends')) === undefined) mendable.push(name)
    return mendable
  }

  /** The database is closed, and does without these from now on. */
  async remove(names: readonly string[]): Promise<void> {
    await this.#manifest.remove(names.map(numberOf))
  }

  /** There is an iterator for every few rows while partitions move: most of these look at two files only. */
  async #checkNew(): Promise<void> {
    if (this.#allSound && (await this.#isUnchanged())) return
    const names = await this.inForce()
    const reading = this.#readings
    for (const name of names) {
      if (this.#sound.has(name) || this.#damaged.has(name)) continue
      const damage = await this.#verify(name, 'all')
      if (damage === undefined) this.#sound.add(name)
      else this.#damaged.set(name, damage)
    }
    const damaged = names.find((name) => this.#damaged.has(name))
    if (damaged !== undefined) throw isDamaged(damaged, this.#damaged.get(damaged)!)
    this.#allSound = reading === this.#readings && names.every((name) => this.#sound.has(name))
  }

  async #isUnchanged(): Promise<boolean> {
    try {
      return await this.#manifest.isUnchanged()
    } catch (error) {
      throw fileError(error as NodeJS.ErrnoException)
    }
  }

  /** Those in force; all that are there where that cannot be told. One that is missing is the engine's to notice. */
  async inForce(): Promise<string[]> {
    this.#allSound = false
    this.#readings++
    try {
      const names = (await readdir(this.#directory)).filter((name) => name.endsWith('.sst'))
      const inForce = await this.#manifest.tables()
      return inForce === undefined ? names : names.filter((name) => inForce.has(numberOf(name)))
    } catch (error) {
      throw fileError(error as NodeJS.ErrnoException)
    }
  }

  /** What is wrong. A table that is gone was replaced by a compaction meanwhile. */
  async #verify(name: string, depth: 'ends' | 'all'): Promise<string | undefined> {
    try {
      return await verifyTable(join(this.#directory, name), depth)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw fileError(error as NodeJS.ErrnoException)
    }
  }
}

function isDamaged(name: string, damage: string): EngineError {
  return new EngineError('corrupt', `table ${name} is damaged: ${damage}`)
}

function numberOf(name: string): number {
  return Number.parseInt(name, 10)
}
