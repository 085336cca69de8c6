import {
  type BatchOperation,
  type Completion,
  type Engine,
  EngineError,
  type ScanRange,
  type ScanResult,
  type ScanRow,
} from '../../ports/engine.js'
import type { SideFile } from '../../ports/side-file.js'
import type { Space } from '../../ports/space.js'
import { Gate } from './gate.js'
import { SortedKeys } from './sorted-keys.js'

/**
 * Rows in this process's memory: gone with the process, and durable only in so far as other nodes hold them too. It keeps its rows
 * over a close and a reopen within the process. `maxBytes` bounds it; beyond that it is `full`, like a disk.
 */
const ROW_OVERHEAD_BYTES = 200

export class MemoryEngine implements Engine, Space {
  readonly name = 'memory'
  readonly #maxBytes: number
  readonly #gate = new Gate()
  readonly #rows = new Map<string, Uint8Array>()
  readonly #keys = new SortedKeys()
  #bytes = 0
  #due: (() => void)[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  open(done: Completion<void>): void {
    this.#later(() => {
      this.#gate.open()
      done(undefined)
    })
  }

  close(done: Completion<void>): void {
    if (this.#gate.isOpen) this.#gate.shut(() => this.#later(() => done(undefined)))
    else this.#refuse(done)
  }

  getMany(keys: readonly Uint8Array[], done: Completion<readonly (Uint8Array | undefined)[]>): void {
    this.#run(done, () => keys.map((key) => copyOf(this.#rows.get(textOf(key)))))
  }

  batch(operations: readonly BatchOperation[], _sync: boolean, done: Completion<void>): void {
    this.#run(done, () => {
      if (this.#bytes + growth(operations) > this.#maxBytes) {
        throw new EngineError('full', `the memory engine is full (${this.#maxBytes} bytes)`)
      }
      for (const operation of operations) {
        if (operation.type === 'put') this.#put(textOf(operation.key), Uint8Array.from(operation.value))
        else this.#delete(textOf(operation.key))
      }
    })
  }

  scan(range: ScanRange, done: Completion<ScanResult>): void {
    this.#run(done, () => this.#collect(range))
  }

  measure(done: Completion<number>): void {
    this.#later(() => done(undefined, Math.max(0, this.#maxBytes - this.#bytes)))
  }

  holdReserve(done: Completion<void>): void {
    this.#later(() => done(undefined))
  }

  releaseReserve(done: Completion<void>): void {
    this.#later(() => done(undefined))
  }

  #put(key: string, value: Uint8Array): void {
    const before = this.#rows.get(key)
    if (before === undefined) this.#keys.add(key)
    this.#rows.set(key, value)
    this.#bytes += value.length - (before === undefined ? -key.length - ROW_OVERHEAD_BYTES : before.length)
  }

  #delete(key: string): void {
    const before = this.#rows.get(key)
    if (before === undefined) return
    this.#rows.delete(key)
    this.#keys.delete(key)
    this.#bytes -= key.length + before.length + ROW_OVERHEAD_BYTES
  }

  #collect(range: ScanRange): ScanResult {
    const rows: ScanRow[] = []
    const end = range.to === undefined ? undefined : textOf(range.to)
    let bytes = 0
    for (const key of this.#keys.from(textOf(range.from))) {
      if (end !== undefined && key >= end) break
      if (rows.length === range.maxRows || bytes >= range.maxBytes) return { rows, done: false }
      const value = Uint8Array.from(this.#rows.get(key)!)
      rows.push({ key: Buffer.from(key, 'latin1'), value })
      bytes += key.length + value.length
    }
    return { rows, done: true }
  }

  #run<T>(done: Completion<T>, call: () => T): void {
    if (!this.#gate.enter()) {
      this.#refuse(done)
      return
    }
    this.#later(() => {
      let result: T | undefined
      let failure: EngineError | undefined
      try {
        result = call()
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        failure = error
      }
      this.#gate.leave()
      done(failure, result as T)
    })
  }

  #refuse<T>(done: Completion<T>): void {
    this.#later(() => done(new EngineError('closed', 'the memory engine is not open'), undefined as T))
  }

  /** All calls of one turn run together, in order, after it. */
  #later(run: () => void): void {
    if (this.#due.push(run) > 1) return
    setImmediate(() => {
      const due = this.#due
      this.#due = []
      for (const next of due) next()
    })
  }
}

/** The side file of a memory engine: it lives and dies with it. */
export class MemorySideFile implements SideFile {
  readonly #slots: [Uint8Array | undefined, Uint8Array | undefined] = [undefined, undefined]

  read(done: Completion<readonly [Uint8Array | undefined, Uint8Array | undefined]>): void {
    setImmediate(() => done(undefined, [copyOf(this.#slots[0]), copyOf(this.#slots[1])]))
  }

  write(slot: 0 | 1, bytes: Uint8Array, done: Completion<void>): void {
    this.#slots[slot] = Uint8Array.from(bytes)
    setImmediate(() => done(undefined))
  }
}

/** The most that a batch can add. */
function growth(operations: readonly BatchOperation[]): number {
  let bytes = 0
  for (const operation of operations) {
    if (operation.type === 'put') bytes += operation.key.length + operation.value.length + ROW_OVERHEAD_BYTES
  }
  return bytes
}

function copyOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : Uint8Array.from(bytes)
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
