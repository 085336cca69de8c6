import type { EngineError } from '../../ports/engine.js'
import type { RowMemory } from '../../protocol/replica/row-memory.js'
import { Slices } from '../slices.js'
import { holdsData } from './batch.js'
import { closeStorage } from './closing.js'
import { CommitQueue, type Flight } from './commit-queue.js'
import type {
  GuardListener,
  GuardOptions,
  GuardPorts,
  GuardState,
  GuardStats,
  IndexPage,
  IndexRange,
  Lost,
  OpenFailure,
  OpenReport,
  RecordPage,
  RecordRange,
  RecordRead,
  ReopenReport,
  RowRange,
  RowRead,
  ScanPage,
  StorageFault,
  StorageFaultKind,
  WriteOperation,
} from './face.js'
import { mayRead, writeGate } from './gates.js'
import { rowKeysOf } from './inspection.js'
import { type RecordSpace, recordKey, systemKey } from './key-space.js'
import { openStorage } from './opening.js'
import { countMended, countRefusal, DamageLog, fault, newStats, tellStuck } from './outcomes.js'
import { OwnedEngine } from './owned-engine.js'
import { ReadQueue } from './read-queue.js'
import { RecordReads } from './records.js'
import { MENDING, Recovery, type Standing } from './recovery.js'
import { Room } from './room.js'
import { RowCache } from './row-cache.js'
import { ScanQueue } from './scan-queue.js'
import { Turn } from './turn.js'
import { type RecordedPosition, WatermarkWriter } from './watermark.js'
import { WriteBuffer } from './write-buffer.js'

/** Those who wrote it have their answer. */
const HELD = () => {}

/**
 * The storage guard: one node's only way to its storage. It trusts the engine below it in nothing and promises upwards:
 *
 * - A write is acknowledged when it is durable in the mode in force, and no read shows it before. (`buffered`: a row when it is in memory.)
 * - A row that is shown is the row that was written; one that cannot be trusted is `unreadable`, never missing.
 * - After any failed write it writes nothing more until the engine has been reopened and checked, under a new incarnation.
 * - A directory that has lost what it had acknowledged says so at its start.
 *
 * For callers: no completion is called within the call that asked for it. Writes take effect in the order of the calls; a
 * read asked after a write's completion sees it. A row handed to `write` belongs to the guard, which seals its envelope in
 * place (commit number and checksum; nothing else changes); rows handed out are shared with the cache. Neither is ever changed
 * again by anyone, and neither should be a sliver of a large buffer, which the cache would keep alive.
 */
export class StorageGuard {
  readonly stats: GuardStats = newStats()
  /** Of this node's work in the background, scans here among it. */
  readonly slices: Slices
  readonly #ports: GuardPorts
  readonly #listener: GuardListener
  readonly #turn: Turn
  readonly #engine: OwnedEngine
  readonly #cache: RowCache
  /** In the mode `buffered` only. */
  readonly #buffer: WriteBuffer | undefined
  readonly #commits: CommitQueue
  readonly #reads: ReadQueue
  readonly #scans: ScanQueue
  readonly #records: RecordReads
  readonly #watermark: WatermarkWriter
  readonly #room: Room
  readonly #recovery: Recovery
  #state: GuardState = 'closed'
  #story = { boot: 0, incarnation: '', lost: 'nothing' as Lost }
  #failedFlight: Flight | undefined
  #whenClosed: (() => void)[] = []

  constructor(ports: GuardPorts, options: GuardOptions, listener: GuardListener) {
    const { scheduler, sideFile, space, log, random, clock } = ports
    const stats = this.stats
    this.#ports = ports
    this.#listener = listener
    const turn = new Turn(scheduler)
    const slices = new Slices(clock, scheduler)
    const stuck = () => tellStuck(ports.engine, log, listener)
    const engine = new OwnedEngine({ engine: ports.engine, turn, scheduler, stuck })
    const cache = new RowCache(options.cacheBytes)
    const buffer = options.durability === 'buffered' ? new WriteBuffer(stats) : undefined
    const mayReadNow = () => mayRead(this.#state, this.#recovery.reading)
    const mayWrite = () => this.#state === 'open'
    const damage = new DamageLog(clock, log, stats, listener)
    const commits = new CommitQueue({
      ...{ engine, turn, stats, clock, scheduler },
      sync: options.durability !== 'os',
      committed: (flight) => this.#committed(flight),
      failed: (error, flight) => this.#failed(error, flight),
    })
    this.slices = slices
    this.#turn = turn
    this.#engine = engine
    this.#cache = cache
    this.#buffer = buffer
    this.#commits = commits
    this.#reads = new ReadQueue({ engine, turn, cache, buffer, commits, stats, mayRead: mayReadNow, damage })
    this.#scans = new ScanQueue({ engine, turn, slices, commits, mayRead: mayReadNow, mayWrite, damage })
    this.#records = new RecordReads({ engine, turn, commits, mayRead: mayReadNow })
    this.#watermark = new WatermarkWriter({
      sideFile,
      scheduler,
      position: () => this.#position(),
      failed: (error) => this.#fence(error),
    })
    this.#room = new Room({ space, scheduler, log, stats, floorBytes: options.freeSpaceFloorBytes })
    this.#recovery = new Recovery({
      ...{ engine, random, scheduler, clock, log },
      watermark: this.#watermark,
      room: this.#room,
      standing: () => this.#standing(),
      reopened: (report, lastCommit) => this.#reopened(report, lastCommit),
    })
  }

  get state(): GuardState {
    return this.#state
  }

  /** Rows to be written are best made here. */
  get rowMemory(): RowMemory {
    return this.#cache
  }

  /** 16 hex digits; valid once `open` has reported. */
  get incarnation(): string {
    return this.#story.incarnation
  }

  get boot(): number {
    return this.#story.boot
  }

  /** Opens the directory and judges it. Only on a guard that is `closed`. */
  open(done: (failure: OpenFailure | undefined, report: OpenReport | undefined) => void): void {
    if (this.#state !== 'closed') throw new Error(`the storage is ${this.#state}`)
    this.#state = 'opening'
    const { sideFile, random } = this.#ports
    const parts = { engine: this.#engine, sideFile, watermark: this.#watermark, room: this.#room, random }
    openStorage({ ...parts, buffered: this.isBuffered }, (failure, report) => {
      if (report === undefined) this.#notOpened(() => done(failure, undefined))
      else this.#room.start(() => this.#opened(report, done))
    })
  }

  /** It is a member beside others. Kept in the side file: a database that has lost its tail may not know that there are others to ask. */
  sharedWithOthers(): void {
    if (this.#state === 'open') this.#watermark.share()
  }

  /** The node has recorded, durably, what was lost here: later starts need not tell it again. */
  lossRecorded(): void {
    this.#story = { ...this.#story, lost: 'nothing' }
    if (this.#state === 'open') this.#watermark.follow()
  }

  /** Takes damaged tables out of the database. It is fenced meanwhile, and what it cannot read any more is lost here; the report of the reopening says so. */
  mend(): void {
    if (this.#state === 'open' && this.#engine.canMend) this.#fence(MENDING)
  }

  /** Writes out what waits, then closes, with a clean mark if nothing failed. `done` once closed; may be called in any state. */
  close(done: () => void): void {
    this.#whenClosed.push(done)
    if (this.#whenClosed.length > 1 || this.#state === 'opening') return
    this.#beginClose()
  }

  /** The last row that was acknowledged if it is at hand, else `undefined`: ask `read`. */
  readCached(rowKey: Uint8Array): Uint8Array | undefined {
    const held = this.#buffer?.get(rowKey)
    const row = held === undefined ? this.#cache.get(rowKey) : held === 'dropped' ? undefined : held
    if (row !== undefined) this.stats.cacheHits++
    return row
  }

  /** One slot for each key. All that is asked within a turn is one look-up in the engine. */
  read(rowKeys: readonly Uint8Array[], done: (rows: readonly RowRead[]) => void): void {
    this.#reads.read(rowKeys, done)
  }

  /** One of the node's own records; with `unreadable` comes why. */
  readSystem(name: string, done: (value: RowRead, why?: string) => void): void {
    this.#records.read(systemKey(name), (value, why) => done(value === 'damaged' ? 'unreadable' : value, why))
  }

  /** A fallback's record, a hint, a page of the hash trees. */
  readRecord(space: RecordSpace, key: Uint8Array, done: (value: RecordRead) => void): void {
    this.#records.read(recordKey(space, key), done)
  }

  /** How long the disk has been standing still, in ms; 0 while it moves. */
  get stalledMs(): number {
    return this.#commits.stalledMs
  }

  /** The number of the last batch that is durable. */
  get lastCommit(): number {
    return this.#commits.lastCommit
  }

  /**
   * What a row offered now would be refused with, or `undefined`. Asked before a dot is minted, whose write is then `admitted`: a refusal
   * after the minting would leave the dot free for another value. `counts`: what it would be refused with, it is.
   */
  refusal(counts = true): StorageFaultKind | undefined {
    const kind = this.#refusal(true)
    if (counts) countRefusal(this.stats, kind)
    return kind
  }

  /**
   * All of `operations` in one batch or none. `done` without a fault: durable in the mode in force. With `admitted` (`refusal` was
   * asked in this turn) neither a full disk nor a full queue refuses it any more, only a fence or the end.
   */
  write(
    operations: readonly WriteOperation[],
    done: (fault: StorageFault | undefined) => void,
    admitted = false,
  ): void {
    const refusal = admitted ? writeGate(this.#state) : this.#refusal(operations.some(holdsData))
    countRefusal(this.stats, refusal)
    if (refusal !== undefined) this.#turn.after(() => done(fault(refusal)))
    else if (this.#buffer?.take(operations) !== true) this.#commits.add(operations, done)
    else {
      this.#commits.add(operations, HELD, true)
      this.#turn.after(() => done(undefined))
    }
  }

  /** The mode is `buffered`: a row that `write` has acknowledged, and that reads show, need not be on the disk yet. */
  get isBuffered(): boolean {
    return this.#buffer !== undefined
  }

  /** This key's row is on the disk as it was last acknowledged; also where there is none. */
  isDurable(rowKey: Uint8Array): boolean {
    return this.#buffer?.has(rowKey) !== true
  }

  /** Everything acknowledged so far is on the disk: `done(true)`, at once if nothing waits for it. `false`: a fence fell first. */
  whenDurable(done: (durable: boolean) => void): void {
    if (this.#buffer === undefined || this.#buffer.isEmpty) done(true)
    else if (this.#state === 'fenced') done(false)
    else this.#commits.whenLanded(done)
  }

  /** A page of rows in order of their keys. */
  scan(range: RowRange, done: (page: ScanPage) => void): void {
    this.whenDurable((durable) => this.#scans.rows(range, done, durable))
  }

  /** A page of the keys of a bucket, in byte order. */
  scanIndex(range: IndexRange, done: (page: IndexPage) => void): void {
    this.whenDurable((durable) => this.#scans.index(range, done, durable))
  }

  /** A page of records in order of their keys. */
  scanRecords(space: RecordSpace, range: RecordRange, done: (page: RecordPage) => void): void {
    this.#scans.records(space, range, done)
  }

  #refusal(holdsRow: boolean): StorageFaultKind | undefined {
    const gate = writeGate(this.#state)
    if (gate !== undefined) return gate
    if (holdsRow && this.#commits.stalledMs > 0) return 'stalled'
    if (!this.#commits.hasRoom) return 'overloaded'
    return this.#room.low && holdsRow ? 'full' : undefined
  }

  #opened(report: OpenReport, done: (failure: undefined, report: OpenReport) => void): void {
    const { boot, incarnation, lost } = report
    this.#story = { boot, incarnation, lost }
    this.#commits.resume(report.lastCommit, this.#story, report.hasRows)
    this.#cache.begin(Number.parseInt(incarnation.slice(0, 8), 16))
    this.#state = 'open'
    this.#watermark.follow()
    if (report.lost !== 'nothing') this.#ports.log.error('storage-lost-rows', { ...report })
    done(undefined, report)
    if (this.#whenClosed.length > 0) this.#beginClose()
  }

  #notOpened(report: () => void): void {
    this.#state = 'failed'
    report()
    if (this.#whenClosed.length > 0) this.#beginClose()
  }

  #committed({ writes }: Flight): void {
    const { stats } = this
    stats.commits++
    let bytes = 0
    for (const write of writes) {
      bytes += write.bytes
      for (const operation of write.operations) this.#applyToCache(operation)
      this.#buffer?.landed(write)
    }
    stats.bytesWritten += bytes
    stats.cacheBytes = this.#cache.bytes
    this.#room.wrote(bytes)
    // While a recovery or a clean stop is writing the side file, nobody else does.
    if (this.#state === 'open') this.#watermark.follow()
  }

  #applyToCache(operation: WriteOperation): void {
    if (operation.type !== 'row' && operation.type !== 'drop') return
    this.#reads.overtake(operation.rowKey)
    if (operation.type === 'drop') this.#cache.delete(operation.rowKey)
    else {
      this.#cache.set(operation.rowKey, operation.row)
      this.stats.rowsWritten++
    }
  }

  #failed(error: EngineError, flight: Flight): void {
    this.#failedFlight = flight
    for (const rowKey of rowKeysOf(flight)) this.#cache.delete(rowKey)
    const alreadyFenced = this.#state === 'fenced'
    if (this.#state === 'open') this.#state = 'fenced'
    const failed = fault('failed', error)
    for (const write of this.#buffer?.keep(flight.writes, true) ?? flight.writes) write.done(failed)
    if (!alreadyFenced) this.#fence(error)
  }

  /** Also while closing: then nothing is reopened, and the stop is not a clean one. */
  #fence(error: EngineError): void {
    const closing = this.#state === 'closing'
    if (!closing) this.#state = 'fenced'
    this.stats.fences++
    this.#ports.log.error('storage-fenced', { kind: error.kind, reason: error.message })
    if (error.kind === 'full') this.#room.ranOut()
    const halted = this.#commits.halt()
    const waiting = this.#buffer?.keep(halted, false) ?? halted
    const refused = fault(closing ? 'closed' : 'fenced', error)
    for (const write of waiting) write.done(refused)
    if (closing) return
    this.#listener.fenced(error.message)
    this.#recovery.begin(error)
  }

  #reopened(report: ReopenReport, lastCommit: number): void {
    const { boot, incarnation, lost } = report
    countMended(this.stats, report.mended)
    this.#story = { boot, incarnation, lost }
    this.#failedFlight = undefined
    this.#cache.clear()
    this.#commits.resume(lastCommit, this.#story)
    this.#state = 'open'
    this.#commits.restore(this.#buffer?.takeKept() ?? [])
    this.#watermark.follow()
    this.#room.look()
    this.#ports.log.warn('storage-reopened', { ...report })
    this.#listener.reopened(report)
  }

  #standing(): Standing {
    const { lastCommit, hasRows } = this.#commits
    return { ...this.#story, lastCommit, hasRows, flight: this.#failedFlight }
  }

  #beginClose(): void {
    const before = this.#state
    this.#room.stop()
    if (before === 'closed' || before === 'failed') return this.#turn.after(() => this.#closed(before))
    this.#state = 'closing'
    const closed = () => this.#closed('closed')
    const { stats } = this
    const [commits, engine, turn, watermark] = [this.#commits, this.#engine, this.#turn, this.#watermark]
    if (before === 'fenced') this.#recovery.stop(closed)
    else closeStorage({ commits, engine, turn, stats, watermark, position: () => this.#position() }, closed)
  }

  #position(): RecordedPosition {
    return { ...this.#story, commit: this.#commits.lastCommit }
  }

  #closed(state: GuardState): void {
    this.#state = state
    const rows = this.#buffer?.abandon() ?? 0
    if (rows > 0) this.#ports.log.error('storage-buffer-lost', { rows })
    this.#cache.clear()
    for (const done of this.#whenClosed.splice(0)) done()
  }
}
