import {
  type BatchOperation,
  type Completion,
  type Engine,
  EngineError,
  type Mended,
  type ScanRange,
  type ScanResult,
  type ScanRow,
} from '../../ports/engine.js'
import { settle } from '../file-error.js'
import { Gate } from './gate.js'
import { loadRocksdb, type RocksDatabase, type RocksIterator } from './rocksdb-binding.js'
import { examineDirectory } from './rocksdb-directory.js'
import { rocksdbError } from './rocksdb-errors.js'
import { logsHaveHole } from './rocksdb-log.js'
import { asked } from './rocksdb-mended-database.js'
import { mendTables } from './rocksdb-mending.js'
import { RocksdbTables } from './rocksdb-tables.js'

/**
 * RocksDB 6.17 through npm `rocksdb`, whose maintainers have stopped: this file alone knows it. What it does to its callers and
 * cannot be told not to (docs/storage.md has the list) is the guard's to bear: it opens a damaged log without half of the rows, and
 * after one failed write acknowledges others that it will lose. What it does to the process is kept away here: no call reaches it
 * before open or after close, and no iterator a damaged table (rocksdb-tables.ts).
 */

const KiB = 1024
const MiB = 1024 * KiB

export interface RocksdbOptions {
  /** Uncompressed blocks of tables kept in memory. Filled by use; empty at the start. */
  readonly blockCacheBytes?: number
  /** Rows held in memory before they are written to a table; up to two of them at a time. Also what a full disk must still take at a reopen. */
  readonly writeBufferBytes?: number
  readonly maxOpenFiles?: number
}

const DEFAULTS: Required<RocksdbOptions> = {
  blockCacheBytes: 64 * MiB,
  writeBufferBytes: 64 * MiB,
  maxOpenFiles: 4096,
}

const NO_ROWS: ScanResult = { rows: [], done: false }

/** How much an iterator reads ahead in one visit to the thread pool. */
const SCAN_AHEAD_BYTES = MiB

export class RocksdbEngine implements Engine {
  readonly name = 'rocksdb'
  readonly #directory: string
  readonly #options: Required<RocksdbOptions>
  readonly #gate = new Gate()
  readonly #tables: RocksdbTables
  #database: RocksDatabase | undefined

  constructor(directory: string, options: RocksdbOptions = {}) {
    this.#directory = directory
    this.#options = { ...DEFAULTS, ...options }
    this.#tables = new RocksdbTables(directory)
  }

  examine(done: Completion<boolean>): void {
    settle(logsHaveHole(this.#directory), done)
  }

  open(done: Completion<void>): void {
    examineDirectory(this.#directory, (error, createIfMissing) => {
      if (error !== undefined) done(error)
      else this.#openChecked(createIfMissing, false, done)
    })
  }

  openReadOnly(done: Completion<void>): void {
    this.#openChecked(false, true, done)
  }

  #openChecked(createIfMissing: boolean, readOnly: boolean, done: Completion<void>): void {
    settle(this.#tables.checkEnds(), (error) => {
      if (error !== undefined) done(error)
      else this.#openDatabase(createIfMissing, readOnly, done)
    })
  }

  #openDatabase(createIfMissing: boolean, readOnly: boolean, done: Completion<void>): void {
    const { blockCacheBytes, writeBufferBytes, maxOpenFiles } = this.#options
    const settings = {
      createIfMissing,
      readOnly,
      cacheSize: blockCacheBytes,
      writeBufferSize: writeBufferBytes,
      maxOpenFiles,
    }
    const database = loaded(this.#directory, done)
    database?.open(settings, (error) => {
      if (!error) {
        this.#database = database
        this.#gate.open()
      }
      done(failure(error))
    })
  }

  /** Its own calls serve it: nobody else is there. */
  mend(done: Completion<Mended>): void {
    const directory = this.#directory
    const aside = `${directory}-damaged`
    // Past the check of the tables: the damaged ones would not pass it.
    const open = () => asked<void>((opened) => this.#openDatabase(false, false, opened))
    settle(mendTables({ directory, aside, tables: this.#tables, engine: this, open }), done)
  }

  close(done: Completion<void>): void {
    const database = this.#database
    this.#database = undefined
    if (database === undefined) refuse(done)
    else this.#gate.shut(() => database.close((error) => done(failure(error))))
  }

  getMany(keys: readonly Uint8Array[], done: Completion<readonly (Uint8Array | undefined)[]>): void {
    const database = this.#enter(done)
    database?.getMany(keys.map(asBuffer), {}, (error, values) => {
      this.#gate.leave()
      const failed = failure(error)
      if (failed?.kind === 'corrupt') this.#tables.doubt()
      done(failed, error ? [] : values)
    })
  }

  batch(operations: readonly BatchOperation[], sync: boolean, done: Completion<void>): void {
    const batch = this.#enter(done)?.batch()
    if (batch === undefined) return
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(asBuffer(operation.key), asBuffer(operation.value))
      else batch.del(asBuffer(operation.key))
    }
    batch.write({ sync }, (error) => {
      this.#gate.leave()
      done(failure(error))
    })
  }

  scan(range: ScanRange, done: Completion<ScanResult>): void {
    const database = this.#enter(done)
    if (database === undefined) return
    const end: Completion<ScanResult> = (error, result) => {
      this.#gate.leave()
      done(error, result)
    }
    settle(this.#tables.checkAll(), (error) => {
      if (error === undefined) iterate(database, range, end)
      else end(error, NO_ROWS)
    })
  }

  /** The open database, counted as in use until `leave`; else refuses. */
  #enter<T>(done: Completion<T>): RocksDatabase | undefined {
    if (this.#gate.enter()) return this.#database
    refuse(done)
    return undefined
  }
}

/** A missing native binding is a reason not to open, not a crash. */
function loaded(directory: string, done: Completion<void>): RocksDatabase | undefined {
  try {
    return loadRocksdb()(directory)
  } catch (cause) {
    const sentence = cause instanceof Error ? cause.message : String(cause)
    setImmediate(() => done(new EngineError('unavailable', sentence, { cause })))
    return undefined
  }
}

function iterate(database: RocksDatabase, range: ScanRange, done: Completion<ScanResult>): void {
  const iterator = database.iterator({
    gte: asBuffer(range.from),
    ...(range.to === undefined ? {} : { lt: asBuffer(range.to) }),
    limit: range.maxRows + 1,
    fillCache: false,
    highWaterMark: Math.min(range.maxBytes, SCAN_AHEAD_BYTES),
  })
  collect(iterator, range, (error, result) => iterator.end(() => done(error, result)))
}

/** Takes rows until one of the range's bounds, and one more to see whether anything follows. */
function collect(iterator: RocksIterator, range: ScanRange, done: Completion<ScanResult>): void {
  const rows: ScanRow[] = []
  let bytes = 0
  const take = (error: Error | null | undefined, key?: Buffer, value?: Buffer): void => {
    const ended = key === undefined || value === undefined
    if (error || ended || rows.length === range.maxRows || bytes >= range.maxBytes) {
      done(failure(error), { rows, done: !error && ended })
    } else {
      rows.push({ key, value })
      bytes += key.length + value.length
      iterator.next(take)
    }
  }
  iterator.next(take)
}

function failure(error: Error | null | undefined): EngineError | undefined {
  return error ? rocksdbError(error) : undefined
}

function refuse<T>(done: Completion<T>): void {
  setImmediate(() => done(new EngineError('closed', 'the database is not open'), undefined as T))
}

/** The binding takes whatever is not a Buffer for text. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
