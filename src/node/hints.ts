/**
 * What this node keeps for owners that are away, and for whom: lanes above the guard, like the replica's. Everything about hints that
 * is in memory is counted from what is on the disk: how many for which target, their bytes, and a small map of where a
 * look-up may find anything, so that a node without hints pays nothing for them when it reads.
 */
import { rowObject } from '../kernel/index.js'
import type { Log } from '../ports/log.js'
import type { Scheduler } from '../ports/scheduler.js'
import type { LocalFault } from '../protocol/effects.js'
import type { HintAt } from '../protocol/hints/handoff.js'
import type { HintCommit, HintEffect, HintOperation } from '../protocol/hints/hint-lanes.js'
import { HintLanes } from '../protocol/hints/hint-lanes.js'
import type { FallbackRecord } from '../protocol/hints/record.js'
import {
  decodeFallback,
  decodeHint,
  encodeFallback,
  encodeHint,
  hintKey,
  hintsOf,
  splitHintKey,
} from '../protocol/hints/record.js'
import type { ActorSource } from '../protocol/replica/actor.js'
import { WireError } from '../wire/bytes.js'
import type {
  Lost,
  RecordPage,
  RecordRead,
  StorageFault,
  StorageGuard,
  WriteOperation,
} from './guard/index.js'
import { afterPrefix } from './guard/key-space.js'
import { HintCount } from './hint-count.js'
import { RECORDS } from './records.js'
import { localFault } from './replica.js'

const PAGE_ROWS = 512
const LOAD_AGAIN_MS = 500
const START = new Uint8Array(0)
const MARK = Uint8Array.of(1)

/** The record of a key, as it can be read now. */
export type KeptRead = FallbackRecord | undefined | 'unreadable' | 'damaged'

export interface HintsParts {
  readonly guard: StorageGuard
  readonly scheduler: Scheduler
  readonly log: Log
  /** That may be kept. */
  readonly hintBytes: number
  /** What the storage has lost of what it held. */
  readonly lost: Lost
  /** What is kept of this key is about to change. */
  readonly touched?: (rowKey: Uint8Array) => void
}

export interface HintsListener {
  hintEffect(effect: Exclude<HintEffect, { kind: 'read-record' }>): void
  /** Something is to be flushed at the end of this turn. */
  wake(): void
}

export class Hints {
  readonly count = new HintCount()
  readonly #parts: HintsParts
  readonly #listener: HintsListener
  readonly #lanes: HintLanes
  readonly #effects: HintEffect[] = []
  /** What is on the disk has not been counted yet: nothing is taken, and every look-up looks. */
  #loading = true
  #isRetired = false
  #draining = false
  #life = 0
  /** The node's own record says that there are hints: a start without it need not look for any. */
  #marked = false

  constructor(parts: HintsParts, actors: ActorSource, listener: HintsListener) {
    this.#parts = parts
    this.#listener = listener
    this.#lanes = new HintLanes(actors)
    this.#begin(parts.lost)
  }

  get isIdle(): boolean {
    return this.#lanes.size === 0
  }

  /** From now on none is taken. */
  retire(): void {
    this.#isRetired = true
  }

  renew(actors: ActorSource): void {
    this.#lanes.renew(actors)
  }

  /** The storage was opened again: what it holds is counted anew. */
  reopened(lost: Lost): void {
    this.#life++
    this.#loading = true
    this.#marked = false
    this.count.clear()
    this.#begin(lost)
  }

  /** Certainly nothing is kept for anybody, and nothing is about to be. */
  get isEmpty(): boolean {
    return !this.#loading && this.count.hints === 0 && this.isIdle
  }

  /** May there be a row here that was kept for others? */
  mayHold(rowKey: Uint8Array): boolean {
    return this.#loading || this.count.mayHold(rowKey)
  }

  /**
   * What a hint of so many bytes would be refused with now. `spare`: it will count for nothing, and must leave room for those that do.
   * Asked before a dot is minted and before anything is promised: later, nothing is refused, and nothing is ever dropped.
   */
  refusal(bytes: number, spare: boolean): LocalFault | undefined {
    const capBytes = spare ? this.#parts.hintBytes / 2 : this.#parts.hintBytes
    const isOver = this.count.bytes + bytes > capBytes
    const isShut = this.#loading || this.#isRetired
    const fault = isShut ? 'unavailable' : isOver ? 'full' : localFault(this.#parts.guard.refusal())
    if (fault !== undefined) this.count.refused++
    return fault
  }

  /** What is kept of this key is being changed. */
  isBusy(rowKey: Uint8Array): boolean {
    return this.#lanes.has(rowKey)
  }

  /** Is anything of this key kept, or may it be? `done` at once where there are no hints at all. */
  holds(rowKey: Uint8Array, done: (holds: boolean) => void): void {
    if (this.#loading) done(true)
    else if (this.count.hints === 0) done(false)
    else this.read(rowKey, (record) => done(record !== undefined))
  }

  submit(rowKey: Uint8Array, operation: HintOperation): void {
    this.#parts.touched?.(rowKey)
    this.#lanes.submit(rowKey, operation, this.#effects)
    this.#drain()
  }

  /** The durable record of a key. */
  read(rowKey: Uint8Array, done: (record: KeptRead) => void): void {
    this.#parts.guard.readRecord('fallback', rowKey, (bytes) => {
      const record = decoded(bytes)
      if (typeof record === 'object') this.#lanes.met(record.number)
      done(record)
    })
  }

  /** The object kept here for others, as a replica's row would be shown. */
  readObject(rowKey: Uint8Array, done: (object: RecordRead) => void): void {
    this.read(rowKey, (record) => {
      if (record === undefined || record === 'unreadable' || record === 'damaged') done(record)
      else done(record.row.length === 0 ? undefined : rowObject(record.row))
    })
  }

  /** A page of the hints of one target. */
  scan(
    target: string,
    from: Uint8Array | undefined,
    done: (hints: readonly HintAt[], next: Uint8Array | undefined, failed: boolean) => void,
  ): void {
    const start = hintsOf(target)
    const to = afterPrefix(start)
    const range = { from: from ?? start, maxRows: PAGE_ROWS, ...(to === undefined ? {} : { to }) }
    this.#parts.guard.scanRecords('hint', range, (page) => {
      done(
        entries(page).map(({ rowKey, bytes }) => ({ rowKey, bytes })),
        page.next,
        page.failed,
      )
    })
  }

  /** Hands everything applied in this turn to the guard. */
  flush(): void {
    for (const commit of this.#lanes.flush()) this.#write(commit)
  }

  #write(commit: HintCommit): void {
    const { rowKey, record, gone } = commit
    const isKept = record.targets.length > 0
    const kept = isKept ? encodeFallback(record) : undefined
    const entry = encodeHint({ holdsRow: record.row.length > 0, bytes: kept?.length ?? 0 })
    const operations: WriteOperation[] = [{ type: 'record', space: 'fallback', key: rowKey, value: kept }]
    const hint = (target: string, value: Uint8Array | undefined) =>
      operations.push({ type: 'record', space: 'hint', key: hintKey(target, rowKey), value })
    for (const target of record.targets) hint(target, entry)
    for (const target of gone) hint(target, undefined)
    if (!this.#marked) operations.push({ type: 'system', name: RECORDS.hints, value: MARK })
    this.#marked = true
    this.#parts.guard.write(operations, (fault) => this.#committed(commit, fault), true)
  }

  #committed(commit: HintCommit, fault: StorageFault | undefined): void {
    const reason = fault === undefined ? undefined : (localFault(fault.kind) ?? 'unavailable')
    if (reason === undefined) this.#counted(commit)
    this.#lanes.committed(commit, reason, this.#effects)
    this.#drain()
    const isOver = !this.#loading && this.count.hints === 0 && this.isIdle
    if (this.#marked && isOver) this.#unmark()
  }

  /** While what is there is being counted nobody knows whether this commit's record was: then all is counted anew. It comes to an end, since nothing new is taken meanwhile. */
  #counted({ rowKey, before, record }: HintCommit): void {
    if (!this.#loading) return this.count.replace(rowKey, before, record)
    this.#life++
    this.count.clear()
    this.#load(START, this.#life)
  }

  /** The last hint has gone. Should this not be written, a later start looks once too often. */
  #unmark(): void {
    this.#marked = false
    this.#parts.guard.write([{ type: 'system', name: RECORDS.hints, value: undefined }], () => {})
  }

  #drain(): void {
    this.#listener.wake()
    if (this.#draining) return
    this.#draining = true
    for (let i = 0; i < this.#effects.length; i++) {
      const effect = this.#effects[i]!
      if (effect.kind === 'read-record') this.#readRecord(effect)
      else this.#listener.hintEffect(effect)
    }
    this.#effects.length = 0
    this.#draining = false
  }

  #readRecord({ rowKey, lane }: HintEffect & { kind: 'read-record' }): void {
    this.read(rowKey, (record) => {
      if (record === 'damaged') this.#lose()
      this.#lanes.recordRead(lane, record === 'damaged' ? undefined : record, this.#effects)
      this.#drain()
    })
  }

  /** What was kept in a damaged record is lost here; who else holds it will be found by repair. */
  #lose(): void {
    this.count.damaged++
    this.#parts.log.error('hint-damaged', { total: this.count.damaged })
  }

  /** A scan makes the engine verify all its tables: only where there is something to be found. */
  #begin(lost: Lost): void {
    const life = this.#life
    this.#parts.guard.readSystem(RECORDS.hints, (mark) => {
      if (life !== this.#life) return
      this.#marked = mark !== undefined
      if (this.#marked || lost !== 'nothing') this.#load(START, life)
      else this.#loaded()
    })
  }

  /** Goes through all hints, a page at a time. A later life, of the storage or of the count, begins a load of its own. */
  #load(from: Uint8Array, life: number): void {
    this.#parts.guard.scanRecords('hint', { from, maxRows: PAGE_ROWS }, (page) => {
      if (life !== this.#life) return
      if (page.failed) {
        this.#parts.scheduler.after(LOAD_AGAIN_MS, () => {
          if (life === this.#life) this.#load(from, life)
        })
        return
      }
      for (const { target, rowKey, holdsRow, bytes } of entries(page))
        this.count.add(target, rowKey, holdsRow, bytes, 1)
      if (page.next !== undefined) this.#load(page.next, life)
      else this.#loaded()
    })
  }

  #loaded(): void {
    this.#loading = false
    const { hints, bytes } = this.count
    if (hints > 0) this.#parts.log.info('hints-found', { hints, bytes })
  }
}

/** Hints whose key tells what they are; one whose value is damaged is still a hint. */
function entries(
  page: RecordPage,
): readonly (HintAt & { readonly target: string; readonly holdsRow: boolean })[] {
  return page.records.flatMap(({ key, value }) => {
    const named = attempt(() => splitHintKey(key))
    if (named === undefined) return []
    const hint = value === 'unreadable' ? undefined : attempt(() => decodeHint(value))
    return [{ ...named, bytes: hint?.bytes ?? 0, holdsRow: hint?.holdsRow ?? true }]
  })
}

function decoded(bytes: RecordRead): KeptRead {
  if (bytes === undefined || bytes === 'unreadable' || bytes === 'damaged') return bytes
  return attempt(() => decodeFallback(bytes)) ?? 'damaged'
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}
