import { copyFile, link, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type BatchOperation, type Engine, EngineError, type Mended } from '../../ports/engine.js'
import { makeDirectory } from '../make-directory.js'
import type { TableRow } from './rocksdb-block.js'
import { MendedDatabase } from './rocksdb-mended-database.js'
import { type Between, rowsOfTable } from './rocksdb-table.js'
import type { RocksdbTables } from './rocksdb-tables.js'

/**
 * Takes damaged tables out of a database that is closed to everybody else. RocksDB cannot: a compaction reads what it replaces, and fails on the
 * damaged block, for ever.
 *
 *     damaged table   [ block ][ block ][#######][ block ]          rows of its sound blocks are written anew as they are in force,
 *     other tables        older and newer versions of them          so nothing rests on the table any more
 *                                        ^^^^^^^
 *                      here the table may hide what came before it: where the newest version of a row cannot be read, older
 *                      ones must not come to light, for it may have been deleted since. They are kept aside, and removed.
 *
 * Then the MANIFEST is told to do without the table. Its file stays, in a directory beside the database, with the older versions next to it. Killed at
 * any point before the MANIFEST is told, all that could be read is as it was; what could not may be missing already, and whoever asked for this has recorded
 * before that rows are lost.
 */
export interface MendingPorts {
  /** Of the database. */
  readonly directory: string
  /** For what is kept. */
  readonly aside: string
  readonly tables: RocksdbTables
  readonly engine: Engine
  /** Opens it for this work alone. */
  open(): Promise<void>
}

/** Rows of one look-up and one batch. */
const ROWS_AT_ONCE = 512
const BYTES_AT_ONCE = 1024 * 1024

export async function mendTables(ports: MendingPorts): Promise<Mended> {
  const names = await ports.tables.mendable()
  if (names.length === 0) throw new EngineError('corrupt', 'no damaged table can be read in part')
  makeDirectory(ports.aside)
  const mending = new Mending(ports, names)
  await ports.open()
  const database = new MendedDatabase(ports.engine)
  try {
    await mending.rewrite(database)
  } finally {
    await database.close()
  }
  for (const name of names) await keep(join(ports.directory, name), join(ports.aside, name))
  await syncDirectory(ports.aside)
  await ports.tables.remove(names)
  return { tables: names, rowsKept: mending.rowsKept, rowsSetAside: mending.rowsSetAside, aside: ports.aside }
}

class Mending {
  rowsKept = 0
  rowsSetAside = 0
  readonly #ports: MendingPorts
  readonly #names: readonly string[]

  constructor(ports: MendingPorts, names: readonly string[]) {
    this.#ports = ports
    this.#names = names
  }

  async rewrite(database: MendedDatabase): Promise<void> {
    const hidden: Between[] = []
    for (const name of this.#names) hidden.push(...(await this.#soundRows(name, database)))
    for (const name of await this.#ports.tables.inForce()) {
      if (this.#names.includes(name)) continue
      for (const between of hidden) await this.#olderRows(name, between, database)
    }
  }

  /** Writes what is in force of the rows that the table still shows, and gives where it shows nothing. */
  async #soundRows(name: string, database: MendedDatabase): Promise<Between[]> {
    const hidden: Between[] = []
    let [last, isHidden]: [Buffer | undefined, boolean] = [undefined, false]
    let rows: TableRow[] = []
    let bytes = 0
    for await (const block of rowsOfTable(join(this.#ports.directory, name))) {
      if (block === 'damaged') {
        isHidden = true
        continue
      }
      if (isHidden) hidden.push({ after: last, before: block[0]?.key })
      isHidden = false
      last = block.at(-1)?.key ?? last
      rows.push(...block)
      for (const { key, value } of block) bytes += key.length + (value?.length ?? 0)
      if (rows.length < ROWS_AT_ONCE && bytes < BYTES_AT_ONCE) continue
      await this.#settle(rows, true, database)
      ;[rows, bytes] = [[], 0]
    }
    await this.#settle(rows, true, database)
    return isHidden ? [...hidden, { after: last, before: undefined }] : hidden
  }

  /** Of another table, what lies where a damaged one shows nothing. */
  async #olderRows(name: string, between: Between, database: MendedDatabase): Promise<void> {
    for await (const block of rowsOfTable(join(this.#ports.directory, name), between)) {
      // Damaged, too, though it was sound just now: it will be found again.
      if (block === 'damaged') continue
      const rows = block.filter(({ key }) => isBetween(key, between))
      await this.#settle(rows, false, database)
    }
  }

  /** `anew`: what is in force is written once more. What is in force and cannot be read is removed, and the version at hand kept aside. */
  async #settle(rows: readonly TableRow[], anew: boolean, database: MendedDatabase): Promise<void> {
    if (rows.length === 0) return
    const found = await database.getMany(rows.map(({ key }) => key))
    const operations: BatchOperation[] = []
    const older: TableRow[] = []
    rows.forEach((row, index) => {
      const value = found[index]
      const { key } = row
      if (value === 'damaged') {
        older.push(row)
        operations.push({ type: 'del', key })
      } else if (anew)
        operations.push(value === undefined ? { type: 'del', key } : { type: 'put', key, value })
    })
    await this.#setAside(older)
    if (operations.length > 0) await database.batch(operations)
    if (anew) this.rowsKept += rows.length - older.length
  }

  async #setAside(rows: readonly TableRow[]): Promise<void> {
    const lines = rows.flatMap(({ key, value }) =>
      value === undefined ? [] : [`${key.toString('hex')} ${value.toString('base64')}\n`],
    )
    this.rowsSetAside += lines.length
    if (lines.length === 0) return
    const file = await open(join(this.#ports.aside, `${this.#names[0]}.older`), 'a', 0o600)
    try {
      await file.appendFile(lines.join(''))
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

function isBetween(key: Buffer, { after, before }: Between): boolean {
  if (after !== undefined && Buffer.compare(key, after) <= 0) return false
  return before === undefined || Buffer.compare(key, before) < 0
}

/** A second name for the file, or a copy where a file can have only one. */
async function keep(path: string, wanted: string): Promise<void> {
  for (let copies = 1; ; copies++) {
    const target = copies === 1 ? wanted : `${wanted}.${copies}`
    try {
      await link(path, target)
      return
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') continue
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'EMLINK') throw error
      await copyFile(path, target)
      await syncFile(target)
      return
    }
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Some systems (Windows) open no directories. */
async function syncDirectory(path: string): Promise<void> {
  const file = await open(path, 'r').catch(() => undefined)
  try {
    await file?.sync()
  } finally {
    await file?.close()
  }
}
