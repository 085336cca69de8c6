/**
 * This node's own copy of the data: lanes above the guard. Reads show durable rows; writes go through the key's lane and are
 * committed together at the end of the turn.
 */
import {
  liveCount,
  mergeObjects,
  mergeObjectsBound,
  ROW_FLAGS,
  rowFlags,
  rowObject,
} from '../kernel/index.js'
import type { Log } from '../ports/log.js'
import type { Scheduler } from '../ports/scheduler.js'
import type { LocalFault } from '../protocol/effects.js'
import type { Trees } from '../protocol/entropy/trees.js'
import type { HintEffect } from '../protocol/hints/hint-lanes.js'
import { ReapMarks } from '../protocol/reaping/marks.js'
import type { ActorSource } from '../protocol/replica/actor.js'
import type { LaneCommit, LaneEffect, LaneOperation } from '../protocol/replica/lanes.js'
import { Lanes } from '../protocol/replica/lanes.js'
import { empty } from './empty.js'
import type { Lost, RecordRead, RowRead, StorageFault, StorageGuard } from './guard/index.js'
import { Hints } from './hints.js'
import { Tombstones } from './tombstones.js'

/** A row as it may be shown: `known` is false where there may be one that cannot be trusted. */
export interface LocalRow {
  readonly object: Uint8Array | undefined
  readonly known: boolean
  readonly incomplete: boolean
}

export interface ReplicaParts {
  readonly guard: StorageGuard
  readonly scheduler: Scheduler
  readonly log: Log
  /** Bytes that may be kept for owners that are away. */
  readonly hintBytes: number
  /** Entries of a clock that are left alone, although nothing is left of their actors. */
  readonly spareEntries: number
  /** What the storage has lost of what it held. */
  readonly lost: Lost
}

export interface ReplicaListener {
  hintEffect(effect: Exclude<HintEffect, { kind: 'read-record' }>): void
  laneEffect(effect: Exclude<LaneEffect, { kind: 'read-row' }>): void
  /** Something is to be flushed at the end of this turn. */
  wake(): void
}

/** Rows that share one write of the guard, and so one fate. */
const COMMITS_OF_A_WRITE = 32

const MISSING: LocalRow = { object: undefined, known: true, incomplete: false }
const UNKNOWN: LocalRow = { object: undefined, known: false, incomplete: false }

export class Replica {
  /** What is kept here for others. */
  readonly hints: Hints
  /** Keys that rounds of reaping watch over. */
  readonly marks = new ReapMarks()
  readonly tombstones: Tombstones
  /** A row is on the disk, or may be, where there was none that could be read; the trees have heard of it. */
  onAppeared: (rowKey: Uint8Array) => void = () => {}
  readonly #guard: StorageGuard
  readonly #lanes: Lanes
  readonly #trees: Trees
  #actors: ActorSource
  readonly #listener: ReplicaListener
  readonly #cached: (rowKey: Uint8Array) => Uint8Array | undefined
  readonly #effects: LaneEffect[] = []
  #draining = false
  #isRetired = false
  #hasRows: boolean
  /** Operations that are done when the disk has them, where rows are acknowledged from memory. */
  readonly #lasting = new Set<LaneOperation>()

  constructor(
    parts: ReplicaParts,
    actors: ActorSource,
    hasRows: boolean,
    trees: Trees,
    listener: ReplicaListener,
  ) {
    const { guard } = parts
    const { marks } = this
    this.hints = new Hints({ ...parts, touched: (rowKey) => marks.touched(rowKey) }, actors, listener)
    this.tombstones = new Tombstones(guard, parts.spareEntries)
    this.#guard = guard
    this.#trees = trees
    this.#actors = actors
    this.#lanes = new Lanes(actors, guard.rowMemory, (rowKey, object) => marks.isReaped(rowKey, object))
    this.#listener = listener
    this.#hasRows = hasRows
    this.#cached = (rowKey) => guard.readCached(rowKey)
  }

  /** No row is here, and none on its way. */
  get isEmpty(): boolean {
    return !this.#hasRows && this.isIdle && this.hints.count.hints === 0
  }

  get isIdle(): boolean {
    return this.#lanes.size === 0 && this.hints.isIdle
  }

  /** Operations waiting for the disk or for their row. */
  get operations(): number {
    return this.#lanes.operations
  }

  /** A source like the one in use goes on counting: after a fence, a node that its peers then confirm is still the one that reopened. */
  renew(actors: ActorSource): void {
    if (actors.repeats(this.#actors)) return
    this.#actors = actors
    this.#lanes.renew(actors)
    this.hints.renew(actors)
  }

  /** True, in a later turn, from when everything that was asked of this replica until now has been given to the disk. */
  landing(): () => boolean {
    return this.#lanes.allRead()
  }

  /** Shows a durable row, with what is kept here for others; `done` is called at once when it is in memory. */
  read(rowKey: Uint8Array, done: (row: LocalRow) => void): void {
    if (!this.hints.mayHold(rowKey)) this.readOwn(rowKey, done)
    else
      this.hints.readObject(rowKey, (kept) => {
        this.readOwn(rowKey, (row) => done(merged(row, kept)))
      })
  }

  /** The row alone. */
  readOwn(rowKey: Uint8Array, done: (row: LocalRow) => void): void {
    const cached = this.#guard.readCached(rowKey)
    if (cached !== undefined) done(localRow(cached))
    else this.#guard.read([rowKey], ([row]) => done(localRow(row)))
  }

  readMany(rowKeys: readonly Uint8Array[], done: (rows: readonly LocalRow[]) => void): void {
    if (rowKeys.length === 0) done([])
    else this.#guard.read(rowKeys, (rows) => done(rows.map(localRow)))
  }

  /** From now on nothing is taken: this node is about to leave, and nobody would ever get it. */
  retire(): void {
    this.#isRetired = true
    this.hints.retire()
  }

  /** What a write would be refused with now. Asked before a dot is minted: afterwards a refusal would free that dot for another value. */
  refusal(): LocalFault | undefined {
    return this.#isRetired ? 'unavailable' : localFault(this.#guard.refusal())
  }

  /** The same, asked by somebody who may yet have it written elsewhere: it counts as no refusal. */
  get wouldRefuse(): LocalFault | undefined {
    return this.#isRetired ? 'unavailable' : localFault(this.#guard.refusal(false))
  }

  /** Something of this key is being written, here or for others. */
  isBusy(rowKey: Uint8Array): boolean {
    return this.#lanes.has(rowKey) || this.hints.isBusy(rowKey)
  }

  /** Rows are acknowledged from memory here: an operation is settled before the disk has it, unless it is to be durable. */
  get isBuffered(): boolean {
    return this.#guard.isBuffered
  }

  /** The disk has this row as it is shown. */
  isDurable(rowKey: Uint8Array): boolean {
    return this.#guard.isDurable(rowKey)
  }

  submit(rowKey: Uint8Array, operation: LaneOperation): void {
    this.marks.touched(rowKey)
    if (this.isBuffered && isLasting(operation)) this.#lasting.add(operation)
    this.#lanes.submit(rowKey, operation, this.#cached, this.#effects)
    this.#drain()
  }

  /** Hands everything applied in this turn to the guard: a few large writes, which share what each of them costs. */
  flush(): void {
    this.#trees.settle()
    this.#flushRows()
    // After the rows: a hint that says "give them my row" must not be durable before that row is.
    this.hints.flush()
  }

  #flushRows(): void {
    const commits = this.#lanes.flush()
    if (commits.length > 0 && commits.length <= COMMITS_OF_A_WRITE) {
      this.#write(commits)
      return
    }
    for (let from = 0; from < commits.length; from += COMMITS_OF_A_WRITE) {
      this.#write(commits.slice(from, from + COMMITS_OF_A_WRITE))
    }
  }

  #write(commits: readonly LaneCommit[]): void {
    this.#hasRows = true
    this.#guard.write(commits, (fault) => this.#committed(commits, fault), true)
  }

  #committed(commits: readonly LaneCommit[], fault: StorageFault | undefined): void {
    const reason = fault === undefined ? undefined : (localFault(fault.kind) ?? 'unavailable')
    if (fault === undefined)
      for (const { rowKey, before, row } of commits) {
        this.#trees.committed(rowKey, before, row)
        this.tombstones.committed(rowKey, row)
      }
    else if (fault.indeterminate) for (const { rowKey } of commits) this.#trees.doubt(rowKey)
    if (fault === undefined || fault.indeterminate)
      for (const commit of commits) if (commit.type === 'row' && commit.isNew) this.onAppeared(commit.rowKey)
    for (const commit of commits) this.#lanes.committed(commit, reason, this.#effects)
    this.#drain()
  }

  #drain(): void {
    this.#listener.wake()
    if (this.#draining) return
    this.#draining = true
    for (let i = 0; i < this.#effects.length; i++) {
      const effect = this.#effects[i]!
      if (effect.kind === 'read-row') this.#readRow(effect)
      else if (effect.kind === 'settled' && this.#isLasting(effect.operation)) this.#settle(effect)
      else this.#listener.laneEffect(effect)
    }
    empty(this.#effects)
    this.#draining = false
  }

  /** Once for each. */
  #isLasting(operation: LaneOperation): boolean {
    return this.#lasting.size > 0 && this.#lasting.delete(operation)
  }

  /** What it rests on is acknowledged, and perhaps nowhere but in memory. */
  #settle(effect: LaneEffect & { kind: 'settled' }): void {
    if (effect.fault !== undefined) this.#listener.laneEffect(effect)
    else
      this.#guard.whenDurable((durable) => {
        this.#listener.laneEffect(durable ? effect : { ...effect, fault: 'unavailable' })
        this.#listener.wake()
      })
  }

  #readRow({ rowKey, lane }: LaneEffect & { kind: 'read-row' }): void {
    this.#guard.read([rowKey], ([row]) => {
      this.#lanes.rowRead(lane, row, this.#effects)
      this.#drain()
    })
  }
}

/** Done only when the disk has it. Of a row that was let go of by agreement nobody else may know any more: it must not come back from here. */
export function isLasting(operation: LaneOperation): boolean {
  return operation.kind === 'drop' || (operation.kind === 'merge' && operation.durable === true)
}

function localRow(row: RowRead): LocalRow {
  if (row === undefined) return MISSING
  if (row === 'unreadable') return UNKNOWN
  return { object: rowObject(row), known: true, incomplete: (rowFlags(row) & ROW_FLAGS.INCOMPLETE) !== 0 }
}

/** What is kept for others joins the row. If it cannot be read, there may be more than the row shows. */
function merged(row: LocalRow, kept: RecordRead): LocalRow {
  if (kept === undefined) return row
  if (kept === 'unreadable' || kept === 'damaged') return { ...row, known: false }
  if (row.object === undefined) return { ...row, object: kept }
  const bytes = Buffer.allocUnsafe(mergeObjectsBound(row.object, kept))
  const length = mergeObjects(row.object, kept, bytes)
  return length > 0 ? { ...row, object: bytes.subarray(0, length) } : row
}

export function localFault(kind: StorageFault['kind'] | undefined): LocalFault | undefined {
  if (kind === undefined) return undefined
  return kind === 'full' || kind === 'overloaded' ? kind : 'unavailable'
}

export function isLive(object: Uint8Array | undefined): boolean {
  return object !== undefined && liveCount(object) > 0
}
