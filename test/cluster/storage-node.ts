import { join } from 'node:path'
import { machineClock } from '../../src/io/clock.js'
import { RocksdbEngine } from '../../src/io/engines/rocksdb.js'
import { systemRandom } from '../../src/io/random.js'
import { eventLoopScheduler } from '../../src/io/scheduler.js'
import { DiskSideFile } from '../../src/io/side-file.js'
import { DiskSpace } from '../../src/io/space.js'
import { decodeObject, makeRowKey, rowObject } from '../../src/kernel/index.js'
import {
  type GuardListener,
  type GuardOptions,
  type OpenFailure,
  type OpenReport,
  type ReopenReport,
  type RowRead,
  type StorageFault,
  StorageGuard,
} from '../../src/node/guard/index.js'
import { makeRow } from '../unit/storage-world.js'

/** A storage guard over a real RocksDB in a real directory, as a node has it, with promises in front. */
export interface StorageSettings extends Partial<GuardOptions> {
  readonly reserveBytes?: number
  readonly writeBufferBytes?: number
}

const MiB = 1024 * 1024
const DEFAULTS = {
  durability: 'fsync',
  freeSpaceFloorBytes: 0,
  cacheBytes: MiB,
  reserveBytes: 0,
  writeBufferBytes: MiB,
} as const

export class StorageNode {
  readonly fences: string[] = []
  readonly reopens: ReopenReport[] = []
  readonly guard: StorageGuard
  #onReopen: (() => void)[] = []

  constructor(directory: string, settings: StorageSettings = {}, listener: Partial<GuardListener> = {}) {
    const { reserveBytes, writeBufferBytes, ...options } = { ...DEFAULTS, ...settings }
    const quiet = () => {}
    const ports = {
      engine: new RocksdbEngine(join(directory, 'db'), { writeBufferBytes, blockCacheBytes: MiB }),
      sideFile: new DiskSideFile(join(directory, 'boots')),
      space: new DiskSpace(join(directory, 'reserve'), reserveBytes),
      clock: machineClock,
      random: systemRandom,
      scheduler: eventLoopScheduler,
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    }
    this.guard = new StorageGuard(ports, options, {
      ...listener,
      fenced: (reason) => {
        this.fences.push(reason)
        listener.fenced?.(reason)
      },
      reopened: (report) => {
        this.reopens.push(report)
        listener.reopened?.(report)
        for (const done of this.#onReopen.splice(0)) done()
      },
    })
  }

  /** Resolves to the report, or throws the OpenFailure. */
  open(): Promise<OpenReport> {
    return new Promise((resolve, reject) => {
      this.guard.open((failure: OpenFailure | undefined, report) =>
        report === undefined ? reject(failure) : resolve(report),
      )
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.guard.close(resolve))
  }

  put(key: string, value: string): Promise<StorageFault | undefined> {
    const row = makeRow(this.guard.incarnation, value)
    return new Promise((resolve) =>
      this.guard.write([{ type: 'row', rowKey: rowKeyOf(key), row, isNew: true }], resolve),
    )
  }

  read(keys: readonly string[]): Promise<readonly RowRead[]> {
    return new Promise((resolve) => this.guard.read(keys.map(rowKeyOf), resolve))
  }

  /** Every row by scanning, under its key's name, and whether anything was damaged. */
  async scan(): Promise<{ rows: Map<string, RowRead>; damaged: boolean }> {
    const rows = new Map<string, RowRead>()
    let damaged = false
    for (let from: Uint8Array | undefined = new Uint8Array(0); from !== undefined; ) {
      const start: Uint8Array = from
      const page = await new Promise<Parameters<Parameters<StorageGuard['scan']>[1]>[0]>((resolve) =>
        this.guard.scan({ from: start, maxRows: 500, maxBytes: MiB }, resolve),
      )
      for (const { rowKey, row } of page.rows)
        rows.set(Buffer.from(rowKey.subarray(3 + BUCKET.length)).toString(), row)
      damaged ||= page.damaged
      from = page.next
    }
    return { rows, damaged }
  }

  /** When the fence that has fallen, or will, has been lifted. */
  reopened(): Promise<void> {
    return new Promise((resolve) => this.#onReopen.push(resolve))
  }
}

const BUCKET = Buffer.from('bucket')

export function rowKeyOf(key: string): Uint8Array {
  return makeRowKey(BUCKET, Buffer.from(key))
}

/** What a row says: its value, `missing` or `unreadable`. */
export function saying(row: RowRead): string {
  if (row === undefined) return 'missing'
  if (row === 'unreadable') return 'unreadable'
  return Buffer.from(decodeObject(rowObject(row)).siblings[0]!.value).toString()
}
