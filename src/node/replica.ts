/**
 * This node's own copy of the data: lanes above the guard. Reads show durable rows; writes go through the key's lane and are
 * committed together at the end of the turn.
 */
import { liveCount, ROW_FLAGS, rowFlags, rowObject } from '../kernel/index.js'
import type { LocalFault } from '../protocol/effects.js'
import type { ActorSource } from '../protocol/replica/actor.js'
import type { LaneCommit, LaneEffect, LaneOperation } from '../protocol/replica/lanes.js'
import { Lanes } from '../protocol/replica/lanes.js'
import type { RowRead, StorageFault, StorageGuard } from './guard/index.js'

/** A row as it may be shown: `known` is false where there may be one that cannot be trusted. */
export interface LocalRow {
  readonly object: Uint8Array | undefined
  readonly known: boolean
  readonly incomplete: boolean
}

export interface ReplicaListener {
  laneEffect(effect: Exclude<LaneEffect, { kind: 'read-row' }>): void
  /** Something is to be flushed at the end of this turn. */
  wake(): void
}

/** Rows that share one write of the guard, and so one fate. */
const COMMITS_OF_A_WRITE = 32

const MISSING: LocalRow = { object: undefined, known: true, incomplete: false }
const UNKNOWN: LocalRow = { object: undefined, known: false, incomplete: false }

export class Replica {
  readonly #guard: StorageGuard
  readonly #lanes: Lanes
  readonly #listener: ReplicaListener
  readonly #cached: (rowKey: Uint8Array, name: string) => Uint8Array | undefined
  readonly #effects: LaneEffect[] = []
  #draining = false
  #hasRows: boolean

  constructor(guard: StorageGuard, actors: ActorSource, hasRows: boolean, listener: ReplicaListener) {
    this.#guard = guard
    this.#lanes = new Lanes(actors, guard.rowMemory)
    this.#listener = listener
    this.#hasRows = hasRows
    this.#cached = (rowKey, name) => guard.readCached(rowKey, name)
  }

  /** No row is here, and none on its way. */
  get isEmpty(): boolean {
    return !this.#hasRows && this.#lanes.size === 0
  }

  get isIdle(): boolean {
    return this.#lanes.size === 0
  }

  /** Operations waiting for the disk or for their row. */
  get operations(): number {
    return this.#lanes.operations
  }

  renew(actors: ActorSource): void {
    this.#lanes.renew(actors)
  }

  /** Shows a durable row; `done` is called at once when it is in memory. */
  read(rowKey: Uint8Array, done: (row: LocalRow) => void): void {
    const cached = this.#guard.readCached(rowKey)
    if (cached !== undefined) done(localRow(cached))
    else this.#guard.read([rowKey], ([row]) => done(localRow(row)))
  }

  readMany(rowKeys: readonly Uint8Array[], done: (rows: readonly LocalRow[]) => void): void {
    if (rowKeys.length === 0) done([])
    else this.#guard.read(rowKeys, (rows) => done(rows.map(localRow)))
  }

  /** What a write would be refused with now. Asked before a dot is minted: afterwards a refusal would free that dot for another value. */
  refusal(): LocalFault | undefined {
    return localFault(this.#guard.refusal())
  }

  submit(rowKey: Uint8Array, operation: LaneOperation): void {
    this.#lanes.submit(rowKey, operation, this.#cached, this.#effects)
    this.#drain()
  }

  /** Hands everything applied in this turn to the guard: a few large writes, which share what each of them costs. */
  flush(): void {
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
      else this.#listener.laneEffect(effect)
    }
    this.#effects.length = 0
    this.#draining = false
  }

  #readRow({ rowKey, lane }: LaneEffect & { kind: 'read-row' }): void {
    this.#guard.read([rowKey], ([row]) => {
      this.#lanes.rowRead(lane, row, this.#effects)
      this.#drain()
    })
  }
}

function localRow(row: RowRead): LocalRow {
  if (row === undefined) return MISSING
  if (row === 'unreadable') return UNKNOWN
  return { object: rowObject(row), known: true, incomplete: (rowFlags(row) & ROW_FLAGS.INCOMPLETE) !== 0 }
}

function localFault(kind: StorageFault['kind'] | undefined): LocalFault | undefined {
  if (kind === undefined) return undefined
  return kind === 'full' || kind === 'overloaded' ? kind : 'unavailable'
}

export function isLive(object: Uint8Array | undefined): boolean {
  return object !== undefined && liveCount(object) > 0
}
