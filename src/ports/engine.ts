/** A raw storage engine: an ordered map from bytes to bytes. The guard (src/node/guard) stands above it and trusts it in nothing. */
export type EngineErrorKind =
  /** No room (ENOSPC, EDQUOT). */
  | 'full'
  /** The device failed (EIO and the like). */
  | 'io'
  /** The engine says that its files are damaged. */
  | 'corrupt'
  /** Another process holds the directory, or it may not be opened (EACCES). */
  | 'unavailable'
  | 'closed'
  | 'unknown'

export class EngineError extends Error {
  readonly kind: EngineErrorKind
  constructor(kind: EngineErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EngineError'
    this.kind = kind
  }
}

export type BatchOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

export interface ScanRange {
  /** First key, included. */
  readonly from: Uint8Array
  /** Where to stop, excluded; absent = the end. */
  readonly to?: Uint8Array
  readonly maxRows: number
  /** Stop after the row that reaches this many bytes of keys and values. */
  readonly maxBytes: number
}

export interface ScanRow {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface ScanResult {
  /** In byte order of the keys. */
  readonly rows: readonly ScanRow[]
  /** True when the range holds nothing after the last row given. */
  readonly done: boolean
}

/** What became of tables that were damaged. */
export interface Mended {
  /** Names of the tables that the database does without now. */
  readonly tables: readonly string[]
  readonly rowsKept: number
  /** Older versions of rows whose newest one cannot be read. */
  readonly rowsSetAside: number
  /** Where the tables and these versions are. */
  readonly aside: string
}

export type Completion<T> = (error: EngineError | undefined, result: T) => void

/**
 * Completions are called exactly once, never within the call that asked for them, in no promised order, except that a batch
 * is visible to every getMany and scan issued after its completion. Bytes handed in must not be changed until the completion;
 * bytes handed out belong to the receiver.
 */
export interface Engine {
  readonly name: string
  /**
   * While closed: looks at the files without changing one. True where `open` would leave out writes that lie before others that it keeps, and
   * the evidence with them. Engines that cannot tell leave it out.
   */
  examine?(done: Completion<boolean>): void
  open(done: Completion<void>): void
  /** Opens without writing a byte to the disk, for reading while nothing can be written (full disk). Engines that cannot leave it out. */
  openReadOnly?(done: Completion<void>): void
  /**
   * While closed: takes the damaged tables that scans have met out of the database. What can be read of them stays in it; what cannot is not there afterwards, nor
   * is any older version of it. All that is taken out is kept aside. Changes nothing that can be read where it fails. Engines without such tables leave it out.
   */
  mend?(done: Completion<Mended>): void
  /** Finishes what is under way, then closes. An engine that was closed can be opened again. */
  close(done: Completion<void>): void
  /** One slot for each key, `undefined` where there is no row. */
  getMany(keys: readonly Uint8Array[], done: Completion<readonly (Uint8Array | undefined)[]>): void
  /** Atomic. With `sync` it is on the disk before `done`; without, it has at least left the process (survives a kill). */
  batch(operations: readonly BatchOperation[], sync: boolean, done: Completion<void>): void
  /** One consistent snapshot for each call. */
  scan(range: ScanRange, done: Completion<ScanResult>): void
}
