import { loadRocksdb as loadPackage } from '#native'

/** The part of npm `rocksdb` (abstract-leveldown 7) that we call. Only src/io/engines/rocksdb.ts does. */

type Callback<T> = (error: Error | null | undefined, result: T) => void

export interface RocksIterator {
  next(callback: (error: Error | null | undefined, key?: Buffer, value?: Buffer) => void): void
  end(callback: Callback<void>): void
}

export interface RocksBatch {
  put(key: Buffer, value: Buffer): void
  del(key: Buffer): void
  write(options: { sync: boolean }, callback: Callback<void>): void
}

export interface RocksOpenOptions {
  readonly createIfMissing: boolean
  readonly readOnly?: boolean
  readonly cacheSize: number
  readonly writeBufferSize: number
  readonly maxOpenFiles: number
  readonly compression?: boolean
}

export interface RocksIteratorOptions {
  readonly gte?: Buffer
  readonly lt?: Buffer
  readonly limit: number
  readonly fillCache: boolean
  readonly highWaterMark: number
}

export interface RocksDatabase {
  open(options: RocksOpenOptions, callback: Callback<void>): void
  close(callback: Callback<void>): void
  getMany(keys: readonly Buffer[], options: object, callback: Callback<(Buffer | undefined)[]>): void
  batch(): RocksBatch
  iterator(options: RocksIteratorOptions): RocksIterator
}

/** Loads the native module, once. Throws one clear sentence where it cannot run on this Node.js. */
export function loadRocksdb(): (directory: string) => RocksDatabase {
  return loadPackage() as (directory: string) => RocksDatabase
}
