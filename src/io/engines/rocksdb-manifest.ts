import { type BigIntStats, stat } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endOfRecord, LOG_BLOCK_BYTES, RECORD_HEAD_BYTES, RECORD_KIND, recordsOf } from './rocksdb-record.js'
import { varint } from './snappy.js'

/**
 * Which tables a RocksDB database consists of now, by its MANIFEST. The directory does not say it: a process that is killed while it writes a
 * table leaves a part of it behind, and one that lives is writing the next. Only what the MANIFEST names will be read.
 *
 * The MANIFEST is a log in the format of the write-ahead logs (rocksdb-record.ts): each record is one change of the set, a row of fields
 * (varint tag, contents by tag). CURRENT names the MANIFEST in force. It only grows while it is in force, so each look reads what is new.
 */
/** A MANIFEST that grew by more than this since the last look is not read in one piece. */
const MAX_BYTES = 256 * 1024 * 1024

/** What follows a tag: v = a varint, s = a varint length and so many bytes. */
const FIELDS: ReadonlyMap<number, string> = new Map([
  [1, 's'], // comparator
  [2, 'v'], // number of the oldest log
  [3, 'v'], // next file number
  [4, 'v'], // last sequence
  [5, 'vs'], // compaction pointer: level, key
  [9, 'v'], // number of the log before
  [10, 'v'], // oldest log with prepared transactions
  [200, 'v'], // column family
  [201, 's'], // … added
  [202, ''], // … dropped
  [203, 'v'], // the highest one
  [300, 'v'], // part of an atomic group
])
/** level, number */
const DELETED = 6
/** level, number, what else is known of the table. */
const ADDED: ReadonlyMap<number, string> = new Map([
  [7, 'vvvss'],
  [100, 'vvvssvv'],
  [102, 'vvvvssvv'],
  [103, 'vvvssvv'],
])
/** After an addition of this kind follow fields of its own: tag and contents, up to a tag that ends them. */
const WITH_FIELDS = 103
const END_OF_FIELDS = 1
/** Tags with this bit hold contents that may be passed over. */
const MAY_BE_IGNORED = 1 << 13

class NotUnderstood extends Error {}

export class RocksdbManifest {
  readonly #directory: string
  #name = ''
  /** Where the first record begins that has not been read whole. */
  #at = 0
  #tables = new Map<number, number>()
  /** CURRENT as it was just before it was read. */
  #current: BigIntStats | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * The numbers of the tables, each with its level; undefined where there is no database, or where it is not said in a way that is understood here. What comes after
   * a damaged record is not read: the engine refuses such a MANIFEST when it opens it. Rejects where a file cannot be read.
   */
  async tables(): Promise<ReadonlyMap<number, number> | undefined> {
    try {
      const current = await statOf(join(this.#directory, 'CURRENT'))
      const name = (await readFile(join(this.#directory, 'CURRENT'), 'latin1')).trimEnd()
      if (!/^MANIFEST-\d+$/.test(name)) return undefined
      if (name !== this.#name) this.#begin(name)
      await this.#readOn()
      this.#current = current
      return this.#tables
    } catch (error) {
      this.#begin('')
      if (error instanceof NotUnderstood || (error as NodeJS.ErrnoException).code === 'ENOENT')
        return undefined
      throw error
    }
  }

  /** The database has the same tables as when `tables` was asked last. Two looks at the disk in the place of eight; false where anything is uncertain. */
  async isUnchanged(): Promise<boolean> {
    if (this.#name === '' || this.#current === undefined) return false
    const [current, manifest] = await Promise.all([
      statOf(join(this.#directory, 'CURRENT')),
      statOf(join(this.#directory, this.#name)),
    ])
    if (current === undefined || manifest === undefined) return false
    return isSame(current, this.#current) && manifest.size === BigInt(this.#at)
  }

  /** Says in the MANIFEST that the database does without these tables; only while it is closed, after an opening that left no torn record behind. */
  async remove(numbers: readonly number[]): Promise<void> {
    const inForce = await this.tables()
    const levels = numbers.map((number) => inForce?.get(number))
    if (levels.includes(undefined)) throw new NotUnderstood('a table is not in force')
    const change = numbers.flatMap((number, index) => [
      DELETED,
      ...bytesOf(levels[index]!),
      ...bytesOf(number),
    ])
    const records = recordsOf(Buffer.from(change), this.#at)
    const file = await open(join(this.#directory, this.#name), 'r+')
    try {
      if ((await file.stat()).size !== this.#at) throw new NotUnderstood('something follows its last record')
      await file.write(records, 0, records.length, this.#at)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  #begin(name: string): void {
    this.#name = name
    this.#current = undefined
    this.#at = 0
    this.#tables = new Map()
  }

  async #readOn(): Promise<void> {
    const file = await open(join(this.#directory, this.#name), 'r')
    try {
      const from = this.#at - (this.#at % LOG_BLOCK_BYTES)
      const { size } = await file.stat()
      if (size - from > MAX_BYTES) throw new NotUnderstood('too much of it is new')
      const bytes = Buffer.allocUnsafe(Math.max(0, size - from))
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
      this.#at = from + this.#records(bytes.subarray(0, bytesRead), this.#at - from)
    } finally {
      await file.close()
    }
  }

  /** Reads whole records from `at` on; where the first one begins that is not. `bytes` begins where a block does. */
  #records(bytes: Buffer, at: number): number {
    let parts: Buffer[] = []
    let whole = at
    for (;;) {
      const left = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES)
      if (left < RECORD_HEAD_BYTES) at += left
      const end = endOfRecord(bytes, at)
      if (end === undefined) return whole
      const kind = bytes[at + 6]
      if (kind === RECORD_KIND.full || kind === RECORD_KIND.first) parts = []
      parts.push(bytes.subarray(at + RECORD_HEAD_BYTES, end))
      at = end
      if (kind !== RECORD_KIND.full && kind !== RECORD_KIND.last) continue
      this.#apply(Buffer.concat(parts))
      whole = at
    }
  }

  #apply(change: Buffer): void {
    const reader = new Fields(change)
    while (!reader.atEnd) {
      const tag = reader.varint()
      const added = ADDED.get(tag)
      const fields = FIELDS.get(tag)
      if (tag === DELETED) this.#tables.delete(reader.levelAndNumber().number)
      else if (added !== undefined) this.#add(tag, added, reader)
      else if (fields !== undefined) reader.skip(fields)
      else if ((tag & MAY_BE_IGNORED) !== 0) reader.skip('s')
      else throw new NotUnderstood(`tag ${tag}`)
    }
  }

  #add(tag: number, fields: string, reader: Fields): void {
    const { level, number } = reader.levelAndNumber()
    this.#tables.set(number, level)
    reader.skip(fields.slice(2))
    if (tag === WITH_FIELDS) while (reader.varint() !== END_OF_FIELDS) reader.skip('s')
  }
}

class Fields {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  varint(): number {
    const read = varint(this.#bytes, this.#at)
    if (read === undefined) throw new NotUnderstood('a number without an end')
    this.#at = read.next
    return read.value
  }

  levelAndNumber(): { level: number; number: number } {
    return { level: this.varint(), number: this.varint() }
  }

  /** Sequence numbers have 56 bits: what is only passed over may be longer than what can be read. */
  skip(fields: string): void {
    for (const field of fields) {
      if (field === 's') {
        const length = this.varint()
        this.#at += length
      } else while ((this.#bytes[this.#at++] ?? 0) >= 0x80);
      if (this.#at > this.#bytes.length) throw new NotUnderstood('a field beyond the end')
    }
  }
}

/** A number as a varint. */
function bytesOf(value: number): number[] {
  const bytes: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80)
  return [...bytes, value]
}

/** Undefined where there is none. */
function statOf(path: string): Promise<BigIntStats | undefined> {
  return new Promise((resolve, reject) => {
    stat(path, { bigint: true }, (error, stats) => {
      if (error === null) resolve(stats)
      else if (error.code === 'ENOENT') resolve(undefined)
      else reject(error)
    })
  })
}

/** It was not replaced: the engine renames another file to it. */
function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.mtimeNs === other.mtimeNs && one.size === other.size
}
