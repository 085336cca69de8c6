import type { Clock } from '../../ports/clock.js'
import type { Engine, EngineErrorKind } from '../../ports/engine.js'
import type { Log } from '../../ports/log.js'
import type { Random } from '../../ports/random.js'
import type { Scheduler } from '../../ports/scheduler.js'
import type { SideFile } from '../../ports/side-file.js'
import type { Space } from '../../ports/space.js'
import type { RecordSpace } from './key-space.js'

/** What the storage guard takes and gives. The rules for its callers are at the head of guard.ts. */

export type GuardState =
  /** Before `open` and after `close`. */
  | 'closed'
  | 'opening'
  | 'open'
  /** A write failed: nothing is written until the engine has been reopened and verified under a new incarnation. */
  | 'fenced'
  | 'closing'
  /** `open` failed. */
  | 'failed'

export interface GuardPorts {
  readonly engine: Engine
  readonly sideFile: SideFile
  readonly space: Space
  readonly clock: Clock
  readonly random: Random
  readonly scheduler: Scheduler
  readonly log: Log
}

/**
 * When a write is acknowledged. `fsync`: it is on the disk. `os`: it has been given to the operating system. `buffered`: rows when they are in memory, if there
 * is room for them; everything else when it is on the disk.
 */
export type Durability = 'fsync' | 'os' | 'buffered'

export interface GuardOptions {
  readonly durability: Durability
  /** With less room than this on the disk, rows are refused before the engine fails. */
  readonly freeSpaceFloorBytes: number
  /** Rows kept in memory, in bytes. */
  readonly cacheBytes: number
}

/** What this directory may have lost since it was last written. */
export type Lost =
  | 'nothing'
  /**
   * Rows that were acknowledged may be missing: the log has a hole, the database is behind its side file, one of the two cannot be trusted, or rows
   * were acknowledged from memory and there was no clean stop.
   */
  | 'tail'
  /** The side file knows of a database, and there is nothing in it. */
  | 'everything'

export interface OpenReport {
  /** Counts the starts of this directory: 1, 2, 3 … */
  readonly boot: number
  /** 16 hex digits. Kept over a clean stop with nothing lost, else new. */
  readonly incarnation: string
  /** The last stop was clean. */
  readonly clean: boolean
  /** There was nothing here: a new directory. */
  readonly fresh: boolean
  /** This directory's node has been a member beside others (`sharedWithOthers` was called in some life of it). */
  readonly shared: boolean
  /** Told again at every start until `lossRecorded`. */
  readonly lost: Lost
  /** Rows have been written here, now or ever. */
  readonly hasRows: boolean
  /** The number of the last batch that the database holds. */
  readonly lastCommit: number
}

export interface ReopenReport {
  readonly boot: number
  /** Always a new one. */
  readonly incarnation: string
  readonly lost: Lost
  /** How much of the batch whose failure was the reason is there now. */
  readonly failedBatch: 'none' | 'whole' | 'absent' | 'partly'
  /** Damaged tables that the database does without now. */
  readonly mended: number
  readonly fencedMs: number
}

export interface GuardListener {
  /** The state has just become `fenced`; every write that waited has been failed. */
  fenced(reason: string): void
  /** The state is `open` again. */
  reopened(report: ReopenReport): void
  /** The engine does not come to the end of its close, and its directory is held by it as long as the process lives. */
  stuck?(reason: string): void
  /** A row was found that cannot be trusted: by a read or by a scan. */
  unreadable?(rowKey: Uint8Array): void
}

/** Why the storage could not be opened; the message is one sentence for the operator. */
export class OpenFailure extends Error {
  readonly kind: EngineErrorKind
  constructor(kind: EngineErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'OpenFailure'
    this.kind = kind
  }
}

export type StorageFaultKind =
  /** Too much waits already. */
  | 'overloaded'
  /** Below the floor of free space. */
  | 'full'
  /** The disk does not move: a batch has been under way for too long. */
  | 'stalled'
  /** Fenced when asked, or still waiting when the fence fell. */
  | 'fenced'
  | 'closed'
  /** It was in the batch that failed: it may or may not be there after the reopen. */
  | 'failed'

/** Why a write was not acknowledged. Unless `indeterminate`, it was never begun. */
export class StorageFault extends Error {
  readonly kind: StorageFaultKind
  constructor(kind: StorageFaultKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StorageFault'
    this.kind = kind
  }

  get indeterminate(): boolean {
    return this.kind === 'failed'
  }
}

/** The row's intact bytes, `undefined` where there certainly is none, `unreadable` where there is or may be one that cannot be trusted. */
export type RowRead = Uint8Array | undefined | 'unreadable'

/** Like a row's, but `damaged` where the record itself was read and is not what was written: it will never be. */
export type RecordRead = RowRead | 'damaged'

export type WriteOperation =
  /** Envelope and object, not yet sealed. `isNew`: this node has no row for the key, so its index row goes into the same batch. */
  | {
      readonly type: 'row'
      readonly rowKey: Uint8Array
      readonly row: Uint8Array
      readonly isNew: boolean
    }
  /** Removes the row and its index row. */
  | { readonly type: 'drop'; readonly rowKey: Uint8Array }
  /** The index row of a key, written anew: it was unreadable. */
  | { readonly type: 'index'; readonly rowKey: Uint8Array }
  /** A fallback's record or a hint; `undefined` removes. */
  | {
      readonly type: 'record'
      readonly space: RecordSpace
      readonly key: Uint8Array
      readonly value: Uint8Array | undefined
    }
  /** The node's own small records, by name (1 to 64 ASCII characters); `undefined` removes. */
  | { readonly type: 'system'; readonly name: string; readonly value: Uint8Array | undefined }

export interface RowRange {
  /** First row key, included. */
  readonly from: Uint8Array
  /** Where to stop, excluded; absent = the end. */
  readonly to?: Uint8Array
  readonly maxRows: number
  readonly maxBytes: number
}

export interface ScannedRow {
  readonly rowKey: Uint8Array
  readonly row: Uint8Array | 'unreadable'
}

interface Page {
  /** Where to go on; `undefined` when the range is finished or the scan failed. */
  readonly next: Uint8Array | undefined
  /** Something in this page cannot be trusted: there may be more rows than are shown. */
  readonly damaged: boolean
  /** The engine could not go on, or may not be asked now. */
  readonly failed: boolean
}

export interface ScanPage extends Page {
  /** In order of the row keys, damaged rows included. */
  readonly rows: readonly ScannedRow[]
}

export interface RecordRange {
  /** First key, included. */
  readonly from: Uint8Array
  /** Where to stop, excluded; absent = the end of the space. */
  readonly to?: Uint8Array
  readonly maxRows: number
}

export interface RecordPage extends Page {
  /** In order of the keys. A record of a batch that has not ended is shown as `unreadable`. */
  readonly records: readonly { readonly key: Uint8Array; readonly value: Uint8Array | 'unreadable' }[]
}

export interface IndexRange {
  readonly bucket: Uint8Array
  readonly prefix: Uint8Array
  /** Keys after this one only. */
  readonly after?: Uint8Array
  readonly maxRows: number
}

export interface IndexPage extends Page {
  /** Keys of the bucket in byte order. The index names keys that have a row, which may be all tombstones. */
  readonly keys: readonly Uint8Array[]
}

/** Counters since the start, and gauges of now. */
export interface GuardStats {
  commits: number
  rowsWritten: number
  bytesWritten: number
  /** Operations in the largest batch so far. */
  largestBatch: number
  rowsRead: number
  cacheHits: number
  rowsDamaged: number
  /** 1 while a table is damaged, which the last scan said: no row can be scanned. */
  tablesDamaged: number
  /** Damaged tables that were taken out of the database. */
  tablesMended: number
  fences: number
  refusedFull: number
  refusedOverloaded: number
  queuedWrites: number
  queuedBytes: number
  /** Of them, those that did not fit into the batch under way: above 0 for long, the disk is slower than what is asked of it. */
  leftWrites: number
  /** Acknowledged from memory. */
  rowsBuffered: number
  /** Of those, the ones that are not on the disk yet. */
  bufferedRows: number
  bufferedBytes: number
  /** Rows of them that the end of the guard took away. */
  bufferLost: number
  /** Keys that wait for a look-up. */
  queuedReads: number
  cacheBytes: number
  /** As last measured; -1 before the first measurement. */
  freeBytes: number
}
