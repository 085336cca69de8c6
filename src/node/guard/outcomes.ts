import { limits } from '../../limits.js'
import type { Clock } from '../../ports/clock.js'
import type { Engine, EngineError } from '../../ports/engine.js'
import type { Log } from '../../ports/log.js'
import { type GuardListener, type GuardStats, StorageFault, type StorageFaultKind } from './face.js'

/** What the guard tells of what happened: faults to the callers, damage to the log, counters to whoever looks. */

const SENTENCES: Readonly<Record<StorageFaultKind, string>> = {
  overloaded: 'too many writes wait for the disk',
  full: 'the disk has less room left than the floor',
  stalled: 'the disk does not move',
  fenced: 'the storage is fenced after a failed write',
  closed: 'the storage is closed',
  failed: 'the write failed on the disk',
}

export function fault(kind: StorageFaultKind, cause?: EngineError): StorageFault {
  const sentence = cause === undefined ? SENTENCES[kind] : `${SENTENCES[kind]}: ${cause.message}`
  return new StorageFault(kind, sentence, { cause })
}

/** A write was refused before anything had begun. */
export function countRefusal(stats: GuardStats, kind: StorageFaultKind | undefined): void {
  if (kind === 'overloaded') stats.refusedOverloaded++
  else if (kind === 'full') stats.refusedFull++
}

/** The database was opened again without so many damaged tables. Where one is left, the next scan says so. */
export function countMended(stats: GuardStats, tables: number): void {
  stats.tablesMended += tables
  if (tables > 0) stats.tablesDamaged = 0
}

export function newStats(): GuardStats {
  return {
    commits: 0,
    rowsWritten: 0,
    bytesWritten: 0,
    largestBatch: 0,
    rowsRead: 0,
    cacheHits: 0,
    rowsDamaged: 0,
    tablesDamaged: 0,
    tablesMended: 0,
    fences: 0,
    refusedFull: 0,
    refusedOverloaded: 0,
    queuedWrites: 0,
    queuedBytes: 0,
    leftWrites: 0,
    rowsBuffered: 0,
    bufferedRows: 0,
    bufferedBytes: 0,
    bufferLost: 0,
    queuedReads: 0,
    cacheBytes: 0,
    freeBytes: -1,
  }
}

/** An engine does not come to the end of its close. All goes on as it is: fenced, or never closed. */
export function tellStuck({ name }: Engine, log: Log, listener: GuardListener): void {
  const seconds = limits.storageCloseMs / 1_000
  const reason = `The storage engine ${name} does not come to the end of its close, which it began ${seconds} seconds ago, and holds the data directory until this process ends. Everything that was acknowledged as durable is on the disk: start the node again.`
  log.error('storage-not-closed', { reason })
  listener.stuck?.(reason)
}

const DAMAGE_LOG_MS = 1_000

/** What cannot be trusted any more: counted, logged (one line a second at most: a damaged table has many rows; never a key), and told. */
export class DamageLog {
  readonly #clock: Clock
  readonly #log: Log
  readonly #stats: GuardStats
  readonly #listener: GuardListener
  #loggedMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, log: Log, stats: GuardStats, listener: GuardListener) {
    this.#clock = clock
    this.#log = log
    this.#stats = stats
    this.#listener = listener
  }

  /** A row of which the bytes, or the block that they lie in, are not what was written. */
  row(rowKey: Uint8Array, reason: string): void {
    this.#found(rowKey, reason)
    this.#listener.unreadable?.(rowKey)
  }

  /** An index row, which is written anew. */
  indexRow(rowKey: Uint8Array): void {
    this.#found(rowKey, 'its index row')
  }

  /** A scan, which came out well or not; where a table is damaged none does. */
  scan(error: EngineError | undefined, from: Uint8Array): void {
    if (error === undefined) this.#stats.tablesDamaged = 0
    else if (error.kind === 'corrupt') this.#stats.tablesDamaged = 1
    if (error !== undefined && error.kind !== 'closed') this.#found(from, error.message)
  }

  #found(rowKey: Uint8Array, reason: string): void {
    this.#stats.rowsDamaged++
    const now = this.#clock.monotonicMs()
    if (now - this.#loggedMs < DAMAGE_LOG_MS) return
    this.#loggedMs = now
    const hashBits = Buffer.from(rowKey.subarray(0, 2)).toString('hex')
    this.#log.error('storage-row-unreadable', { hashBits, reason, total: this.#stats.rowsDamaged })
  }
}
