/** The raw engine port over a simulated disk, with the manners of the real one: slow, out of order, and deadly after close. */
import {
  type BatchOperation,
  type Completion,
  type Engine,
  EngineError,
  type ScanRange,
  type ScanResult,
  type ScanRow,
} from '../../src/ports/engine.js'
import type { Change, SimDisk } from './disk.js'
import type { Prng } from './prng.js'
import type { SimProcess } from './process.js'

/** What a checker wants to know of a disk. */
export interface DiskWatcher {
  /** A batch became visible. `before` is what could be read under each key until now. */
  written(changes: readonly Change[], before: readonly (Uint8Array | undefined)[]): void
}

interface Pending {
  readonly changes: readonly Change[]
  readonly operations: readonly BatchOperation[]
  applied: boolean
}

const READ_MS = 0.15
const WRITE_MS = 0.05
const SYNC_MS = 0.6
const MAX_UNDER_WAY = 10_000

export class SimEngine implements Engine {
  readonly name = 'sim'
  readonly #process: SimProcess
  readonly #disk: SimDisk
  readonly #prng: Prng
  readonly #watcher: DiskWatcher
  #open = false
  #closing: (() => void) | undefined
  #underWay = 0
  #abandoned = false
  readonly #pending = new Set<Pending>()
  #lastWriteMs = 0
  #readOnly = false

  constructor(process: SimProcess, disk: SimDisk, prng: Prng, watcher: DiskWatcher) {
    this.#process = process
    this.#disk = disk
    this.#prng = prng
    this.#watcher = watcher
  }

  open(done: Completion<void>): void {
    this.#openAs(false, done)
  }

  openReadOnly(done: Completion<void>): void {
    this.#openAs(true, done)
  }

  close(done: Completion<void>): void {
    if (!this.#usable('close')) return
    this.#open = false
    const finish = (): void => this.#later(SYNC_MS, 'close', () => done(undefined))
    if (this.#underWay === 0) finish()
    else this.#closing = finish
  }

  getMany(keys: readonly Uint8Array[], done: Completion<readonly (Uint8Array | undefined)[]>): void {
    if (!this.#usable('getMany')) return
    const names = keys.map(nameOf)
    this.#begin()
    this.#later(READ_MS, 'get', () => {
      const failure = names.some((name) => this.#disk.damaged.get(name) === 'checksum')
      const rows = failure ? [] : names.map((name) => this.#read(name))
      this.#toldLate('get', () => {
        this.#end()
        if (failure) done(new EngineError('corrupt', 'block checksum mismatch'), [])
        else done(undefined, rows)
      })
    })
  }

  batch(operations: readonly BatchOperation[], sync: boolean, done: Completion<void>): void {
    if (!this.#usable('batch')) return
    const changes = operations.map(changeOf)
    const pending: Pending = { changes, operations, applied: false }
    this.#pending.add(pending)
    this.#begin()
    this.#inOrder(() => {
      if (this.#abandoned) return
      this.#unchanged(pending)
      const failure = this.#write(pending)
      if (failure !== undefined || !sync) this.#finish(pending, failure, done)
      else this.#at(this.#syncMs(), 'sync', () => this.#finish(pending, this.#sync(), done))
    })
  }

  scan(range: ScanRange, done: Completion<ScanResult>): void {
    if (!this.#usable('scan')) return
    const from = nameOf(range.from)
    const to = range.to === undefined ? undefined : nameOf(range.to)
    this.#begin()
    this.#later(READ_MS, 'scan', () => {
      const result = this.#collect(from, to, range.maxRows, range.maxBytes)
      // An iterator shows the database as it was when it was made; what is written while it is read comes too late.
      this.#later(READ_MS * 2, 'scan', () => {
        this.#toldLate('scan', () => {
          this.#end()
          done(undefined, result)
        })
      })
    })
  }

  /** The process is gone. What it had asked for and not been told of may have happened, in order. */
  abandon(): void {
    this.#abandoned = true
    this.#open = false
    for (const pending of this.#pending) {
      if (pending.applied) continue
      if (!this.#prng.chance(0.5)) break
      this.#apply(pending)
    }
    this.#pending.clear()
  }

  /** Opening writes: on a full disk it fails, but for the mode that writes nothing. */
  #openAs(readOnly: boolean, done: Completion<void>): void {
    if (this.#open) {
      this.#process.segmentationFault('the engine was opened twice')
      return
    }
    this.#later(READ_MS * 10, 'open', () => {
      const failure = this.#openFailure(readOnly)
      if (failure === undefined) {
        this.#disk.reopen()
        this.#open = true
        this.#readOnly = readOnly
      }
      done(failure)
    })
  }

  #openFailure(readOnly: boolean): EngineError | undefined {
    if (this.#disk.unopenable) return new EngineError('corrupt', 'the manifest is damaged')
    const full = !readOnly && this.#disk.full && this.#prng.chance(0.7)
    return full ? new EngineError('full', 'no space left on device') : undefined
  }

  #usable(call: string): boolean {
    if (this.#open) return true
    this.#process.segmentationFault(`${call} was called on a closed engine: the real one ends the process`)
    return false
  }

  #begin(): void {
    this.#underWay += 1
    if (this.#underWay > MAX_UNDER_WAY)
      throw new Error(`${this.#process.name} has ${this.#underWay} engine calls under way`)
  }

  #end(): void {
    this.#underWay -= 1
    if (this.#underWay > 0 || this.#closing === undefined) return
    const closing = this.#closing
    this.#closing = undefined
    closing()
  }

  #finish(pending: Pending, failure: EngineError | undefined, done: Completion<void>): void {
    if (this.#abandoned) return
    this.#unchanged(pending)
    this.#pending.delete(pending)
    this.#end()
    done(failure)
  }

  #write(pending: Pending): EngineError | undefined {
    if (this.#readOnly) return new EngineError('unknown', 'not supported in read only mode')
    if (this.#disk.full && this.#prng.chance(0.9)) {
      if (this.#prng.chance(0.3)) this.#apply(pending)
      this.#disk.tearLog()
      return new EngineError('full', 'no space left on device')
    }
    this.#apply(pending)
    return undefined
  }

  #apply(pending: Pending): void {
    const before = pending.changes.map(({ key }) =>
      this.#disk.damaged.has(key) ? undefined : this.#disk.get(key),
    )
    pending.applied = true
    this.#disk.write(pending.changes)
    this.#watcher.written(pending.changes, before)
  }

  #sync(): EngineError | undefined {
    if (this.#abandoned) return undefined
    if (this.#disk.ioErrors > 0) {
      this.#disk.ioErrors -= 1
      this.#disk.failSync()
      return new EngineError('io', 'input/output error')
    }
    this.#disk.sync()
    return undefined
  }

  /** The port says that bytes handed in are not changed until the completion; a node that reuses a buffer too early is caught. */
  #unchanged(pending: Pending): void {
    pending.operations.forEach((operation, index) => {
      const change = pending.changes[index] as Change
      const same =
        nameOf(operation.key) === change.key &&
        (operation.type === 'del' || Buffer.compare(operation.value, change.value as Uint8Array) === 0)
      if (!same) throw new Error(`${this.#process.name} changed bytes of a batch before its completion`)
    })
  }

  #read(name: string): Uint8Array | undefined {
    const row = this.#disk.get(name)
    if (row === undefined) return undefined
    const damage = this.#disk.damaged.get(name)
    return damage === undefined ? Buffer.from(row) : this.#spoiled(name, row, damage === 'misdirected')
  }

  #spoiled(name: string, row: Uint8Array, misdirected: boolean): Uint8Array {
    const other = this.#disk.keys().find((key) => key !== name && this.#disk.get(key)?.length !== 0)
    if (misdirected && other !== undefined) return Buffer.from(this.#disk.get(other) as Uint8Array)
    const spoiled = Buffer.from(row)
    const at = spoiled.length === 0 ? 0 : fingerprint(name) % spoiled.length
    spoiled[at] = (spoiled[at] ?? 0) ^ 0x10
    return spoiled
  }

  #collect(from: string, to: string | undefined, maxRows: number, maxBytes: number): ScanResult {
    const rows: ScanRow[] = []
    const keys = this.#disk.keys()
    let bytes = 0
    for (let index = lowerBound(keys, from); index < keys.length; index += 1) {
      const key = keys[index] as string
      if (to !== undefined && key >= to) break
      if (rows.length >= maxRows || bytes >= maxBytes) return { rows, done: false }
      const value = this.#read(key) as Uint8Array
      rows.push({ key: Buffer.from(key, 'latin1'), value })
      bytes += key.length + value.length
    }
    return { rows, done: true }
  }

  /** Batches reach the log in the order of the calls. */
  #inOrder(run: () => void): void {
    const now = this.#process.timeline.nowMs
    const dueMs = now + 0.01 + this.#prng.exponential(WRITE_MS) + this.#disk.slowMs
    this.#lastWriteMs = Math.max(this.#lastWriteMs + 1e-6, dueMs)
    this.#at(this.#lastWriteMs - now, 'write', run)
  }

  /** A thread of the pool was held up between its read and its word of it. */
  #toldLate(kind: string, run: () => void): void {
    const { lateReadMs } = this.#disk
    if (lateReadMs === 0 || this.#prng.chance(0.5)) run()
    else this.#at(this.#prng.between(0, lateReadMs), kind, run)
  }

  #syncMs(): number {
    return 0.01 + this.#prng.exponential(SYNC_MS) + this.#disk.slowMs + this.#disk.slowSyncMs
  }

  #later(meanMs: number, kind: string, run: () => void): void {
    this.#at(0.01 + this.#prng.exponential(meanMs) + this.#disk.slowMs, kind, run)
  }

  #at(delayMs: number, kind: string, run: () => void): void {
    const label = `${this.#process.name} disk ${kind}`
    this.#process.timeline.after(delayMs, label, () => {
      if (!this.#abandoned) this.#process.enter(label, run)
    })
  }
}

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function changeOf(operation: BatchOperation): Change {
  const key = nameOf(operation.key)
  return { key, value: operation.type === 'put' ? Buffer.from(operation.value) : undefined }
}

function lowerBound(keys: readonly string[], from: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as string) < from) low = middle + 1
    else high = middle
  }
  return low
}

function fingerprint(text: string): number {
  let hash = 7
  for (let index = 0; index < text.length; index += 1) hash = (hash * 31 + text.charCodeAt(index)) >>> 0
  return hash
}
