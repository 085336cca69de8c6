/** RocksDB with group commit: what waits while one batch is synced goes into the next; reads of one turn are one getMany. */
import { loadRocksdb } from '#native'

type Callback<T> = (error: Error | null | undefined, result: T) => void

interface RocksDb {
  open(options: object, callback: Callback<void>): void
  close(callback: Callback<void>): void
  batch(operations: readonly Put[], options: { sync: boolean }, callback: Callback<void>): void
  getMany(keys: readonly Buffer[], options: object, callback: Callback<(Buffer | undefined)[]>): void
}

interface Put {
  readonly type: 'put'
  readonly key: Buffer
  readonly value: Buffer
}

const OPEN_OPTIONS = {
  cacheSize: 64 * 1024 * 1024,
  writeBufferSize: 64 * 1024 * 1024,
  maxOpenFiles: 4096,
}

export class FloorStore {
  readonly #db: RocksDb
  #puts: Put[] = []
  #putsDone: (() => void)[] = []
  #keys: Buffer[] = []
  #keysDone: ((value: Buffer | undefined) => void)[] = []
  #writing = false
  #turnEnds = false

  constructor(directory: string) {
    this.#db = (loadRocksdb() as (location: string) => RocksDb)(directory)
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#db.open(OPEN_OPTIONS, (error) => (error ? reject(error) : resolve()))
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#db.close(() => resolve()))
  }

  /** `done` once it is on the disk. */
  put(key: Buffer, value: Buffer, done: () => void): void {
    this.#puts.push({ type: 'put', key, value })
    this.#putsDone.push(done)
    this.#atEndOfTurn()
  }

  get(key: Buffer, done: (value: Buffer | undefined) => void): void {
    this.#keys.push(key)
    this.#keysDone.push(done)
    this.#atEndOfTurn()
  }

  #atEndOfTurn(): void {
    if (this.#turnEnds) return
    this.#turnEnds = true
    setImmediate(() => {
      this.#turnEnds = false
      this.#commit()
      this.#read()
    })
  }

  #commit(): void {
    if (this.#writing || this.#puts.length === 0) return
    const done = this.#putsDone
    this.#writing = true
    this.#db.batch(this.#puts, { sync: true }, (error) => {
      if (error) throw error
      this.#writing = false
      for (const one of done) one()
      this.#commit()
    })
    this.#puts = []
    this.#putsDone = []
  }

  #read(): void {
    if (this.#keys.length === 0) return
    const done = this.#keysDone
    this.#db.getMany(this.#keys, { asBuffer: true }, (error, values) => {
      if (error) throw error
      for (let i = 0; i < done.length; i++) done[i]!(values[i])
    })
    this.#keys = []
    this.#keysDone = []
  }
}
