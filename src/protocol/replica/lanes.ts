/**
 * One lane for each key with work under way. A lane orders the key's writes and applies each to the newest row, whether or
 * not that row is on the disk yet, so that a hundred writes of one key share one commit:
 *
 *     submit ──► (read the row once) ──► apply, apply, apply ──► flush: one commit ──► settled, settled, settled
 *                                            └── more arrive while it is under way: the next flush
 *
 * Nothing is acknowledged before the commit that holds it, and readers never look here: they see durable rows only.
 * A commit that failed takes the lane with it: what it held was promised to nobody.
 */

import {
  applyWrite,
  applyWriteBound,
  CODES,
  liveCount,
  mergeBound,
  mergeRow,
  objectDigest,
  rowActor,
  rowFlags,
  rowObject,
  setIncomplete,
  shedObject,
  shedRow,
} from '../../kernel/index.js'
import { limits } from '../../limits.js'
import type { LocalFault, WriteFields } from '../effects.js'
import type { ActorSource } from './actor.js'
import { Lane, LaneTable } from './lane-table.js'
import type { RowMemory } from './row-memory.js'

export interface LaneWrite {
  readonly kind: 'write'
  readonly conversation: number
  readonly write: WriteFields
  readonly context: Uint8Array
}

export interface LaneMerge {
  readonly kind: 'merge'
  /** Who waits here (0: nobody), or … */
  readonly conversation: number
  /** … the peer that sent it ('' = none) under its message id. */
  readonly peer: string
  readonly messageId: number
  readonly object: Uint8Array
  /** The row was exchanged with enough other owners: it is complete again. */
  readonly completes?: boolean
  /** It is done when the disk has the row, whatever the mode in force is. The replica's business: a lane settles all alike. */
  readonly durable?: boolean
}

/**
 * Lets go of the row, if its object is just this one still: all members have agreed that nothing can bring back what it covers. Of a row with a value that is only
 * what its clock says of actors of whom nothing is left.
 */
export interface LaneDrop {
  readonly kind: 'drop'
  /** 16 bytes, of the object. */
  readonly digest: Uint8Array
  /** Who waits for it. */
  readonly ticket: number
  /** All who own the key hold this state, and this node does not own it: it goes with all that is in it. */
  readonly isElsewhere?: boolean
}

export type LaneOperation = LaneWrite | LaneMerge | LaneDrop

interface CommitOfLane {
  readonly lane: Lane
  readonly rowKey: Uint8Array
  /** What this one replaces once it is durable. */
  readonly before: Uint8Array | undefined | 'unreadable'
  readonly operations: readonly LaneOperation[]
}

/** What one flush puts on the disk for one key: a row to write or to let go of, as storage takes it, and who waits for it. */
export type LaneCommit = CommitOfLane &
  (
    | {
        readonly type: 'row'
        readonly row: Uint8Array
        /** No row was here before: the index row goes with it. */
        readonly isNew: boolean
      }
    | { readonly type: 'drop'; readonly row: undefined }
  )

export type LaneEffect =
  | { readonly kind: 'read-row'; readonly rowKey: Uint8Array; readonly lane: Lane }
  | {
      readonly kind: 'applied'
      readonly operation: LaneWrite
      readonly code: number
      readonly object: Uint8Array
      readonly actor: Uint8Array | undefined
    }
  | {
      readonly kind: 'settled'
      readonly operation: LaneOperation
      readonly fault: LocalFault | 'refused' | undefined
    }
  /** The row here was unreadable and was written over: exchange it with the other owners. */
  | { readonly kind: 'suspect'; readonly rowKey: Uint8Array }

/** The envelope's flag of a row written over an unreadable one. */
const INCOMPLETE = 2
const NOTHING = new Uint8Array(0)
const SIBLING_LIMITS = { maxSiblings: limits.siblings, maxBytes: limits.siblingBytes } as const

export class Lanes {
  readonly #lanes = new LaneTable<Lane>()
  readonly #dirty: Lane[] = []
  readonly #digest = new Uint8Array(16)
  readonly #memory: RowMemory
  readonly #isReaped: (rowKey: Uint8Array, object: Uint8Array) => boolean
  #actors: ActorSource
  #operations = 0

  /** `isReaped`: this state of the key was let go of by agreement; where there is no row, it need not come back. */
  constructor(
    actors: ActorSource,
    memory: RowMemory,
    isReaped: (rowKey: Uint8Array, object: Uint8Array) => boolean = () => false,
  ) {
    this.#actors = actors
    this.#memory = memory
    this.#isReaped = isReaped
  }

  /** A new incarnation: every row takes a fresh actor when it is next coordinated here. */
  renew(actors: ActorSource): void {
    this.#actors = actors
  }

  /** Keys with work under way. */
  get size(): number {
    return this.#lanes.size
  }

  /** Operations not yet settled. */
  get operations(): number {
    return this.#operations
  }

  /** Work on this key is under way. */
  has(rowKey: Uint8Array): boolean {
    return this.#lanes.get(rowKey) !== undefined
  }

  /** True from when the row of every key with work under way now has been read: what was to be applied to it then is. */
  allRead(): () => boolean {
    let waiting = this.#lanes.all().filter((lane) => !lane.ready)
    return () => {
      waiting = waiting.filter((lane) => !lane.ready && !lane.broken)
      return waiting.length === 0
    }
  }

  /** Takes one operation. `cached`: the newest durable row, where the caller has it at hand (it is looked at only if the key has no lane yet). */
  submit(
    rowKey: Uint8Array,
    operation: LaneOperation,
    cached: (rowKey: Uint8Array) => Uint8Array | undefined,
    out: LaneEffect[],
  ): void {
    let lane = this.#lanes.get(rowKey)
    if (lane === undefined) {
      lane = new Lane(rowKey)
      this.#lanes.add(lane)
      const row = cached(rowKey)
      if (row === undefined) out.push({ kind: 'read-row', rowKey, lane })
      else this.#open(lane, row)
    }
    if (lane.queue.length + lane.applied.length >= limits.laneOperations) {
      out.push({ kind: 'settled', operation, fault: 'overloaded' })
      return
    }
    this.#operations++
    if (lane.ready) this.#apply(lane, operation, out)
    else lane.queue.push(operation)
    this.#release(lane)
  }

  /** The row asked for by `read-row`. */
  rowRead(lane: Lane, row: Uint8Array | undefined | 'unreadable', out: LaneEffect[]): void {
    if (lane.broken) return
    this.#open(lane, row)
    const queue = lane.queue
    lane.queue = []
    for (const operation of queue) this.#apply(lane, operation, out)
    this.#release(lane)
  }

  /** Everything applied since the last flush, as rows to commit. */
  flush(): LaneCommit[] {
    if (this.#dirty.length === 0) return []
    const commits: LaneCommit[] = []
    for (const lane of this.#dirty) {
      if (lane.broken) continue
      if (lane.letsGo) commits.push(this.#letGo(lane))
      if (lane.row !== undefined) commits.push(this.#put(lane, lane.row))
      lane.dirty = false
    }
    this.#dirty.length = 0
    return commits
  }

  /** A row that is made anew in the same turn does not replace what has gone: that is two commits, one after the other. */
  #letGo(lane: Lane): LaneCommit {
    const { rowKey, base: before, row } = lane
    const operations = row === undefined ? lane.applied : []
    if (row === undefined) lane.applied = []
    lane.letsGo = false
    lane.base = undefined
    lane.isNew = true
    lane.commits++
    return { type: 'drop', row: undefined, lane, rowKey, before, operations }
  }

  #put(lane: Lane, row: Uint8Array): LaneCommit {
    const { rowKey, base: before, isNew, applied: operations } = lane
    lane.base = row
    lane.isNew = false
    lane.applied = []
    lane.commits++
    return { type: 'row', row, isNew, lane, rowKey, before, operations }
  }

  committed(commit: LaneCommit, fault: LocalFault | undefined, out: LaneEffect[]): void {
    const lane = commit.lane
    lane.commits--
    for (const operation of commit.operations) this.#settle(operation, fault, out)
    if (fault !== undefined) this.#breakLane(lane, fault, out)
    else if (lane.commits === 0 && lane.resting.length > 0) this.#settleResting(lane, out)
    this.#release(lane)
  }

  #open(lane: Lane, row: Uint8Array | undefined | 'unreadable'): void {
    lane.ready = true
    lane.unreadable = row === 'unreadable'
    lane.base = row
    lane.row = row === 'unreadable' ? undefined : row
    lane.isNew = lane.row === undefined
  }

  #apply(lane: Lane, operation: LaneOperation, out: LaneEffect[]): void {
    switch (operation.kind) {
      case 'write':
        return this.#write(lane, operation, out)
      case 'merge':
        return this.#merge(lane, operation, out)
      case 'drop':
        return this.#drop(lane, operation, out)
      default:
        operation satisfies never
    }
  }

  #write(lane: Lane, operation: LaneWrite, out: LaneEffect[]): void {
    const row = lane.row ?? NOTHING
    const { write, context } = operation
    const room = this.#memory.take(lane.rowKey, applyWriteBound(row, context, write))
    const fields = lane.unreadable ? { ...write, incomplete: true } : write
    const code = applyWrite(row, this.#actors.next, context, fields, SIBLING_LIMITS, room)
    const made = this.#memory.fit(lane.rowKey, room, Math.max(0, code))
    if (code > 0) {
      const actor = rowActor(made)
      this.#actors.used(actor)
      this.#changed(lane, made, operation, out)
      out.push({ kind: 'applied', operation, code, object: rowObject(made), actor })
      return
    }
    const object = code === CODES.ALREADY ? rowObject(row) : NOTHING
    out.push({ kind: 'applied', operation, code, object, actor: undefined })
    if (code === CODES.ALREADY) this.#rest(lane, operation, out)
    else this.#operations--
  }

  #merge(lane: Lane, operation: LaneMerge, out: LaneEffect[]): void {
    const isAbsent = lane.row === undefined && !lane.unreadable
    const object = this.#withoutReaped(lane, operation.object)
    if (isAbsent && object === undefined) {
      this.#rest(lane, operation, out)
      return
    }
    const row = lane.row ?? NOTHING
    const incoming = object ?? operation.object
    const room = this.#memory.take(lane.rowKey, mergeBound(row, incoming))
    const length = mergeRow(row, incoming, lane.unreadable, room)
    const made = this.#memory.fit(lane.rowKey, room, Math.max(0, length))
    if (length < 0) this.#settle(operation, 'refused', out)
    else if (length > 0) this.#changed(lane, completed(made, operation), operation, out)
    else if (operation.completes === true && (rowFlags(row) & INCOMPLETE) !== 0) {
      this.#changed(lane, completed(Buffer.from(row), operation), operation, out)
    } else this.#rest(lane, operation, out)
  }

  /** What is left of an object that all have agreed to let go of, or of whose clock they have; undefined: nothing. */
  #withoutReaped(lane: Lane, object: Uint8Array): Uint8Array | undefined {
    if (!this.#isReaped(lane.rowKey, object)) return object
    return liveCount(object) === 0 ? undefined : shed(object)
  }

  /** Whatever was written since it was agreed upon stays. */
  #drop(lane: Lane, operation: LaneDrop, out: LaneEffect[]): void {
    if (lane.row === undefined) {
      if (lane.unreadable) this.#settle(operation, 'refused', out)
      else this.#rest(lane, operation, out)
      return
    }
    objectDigest(rowObject(lane.row), this.#digest)
    if (Buffer.compare(this.#digest, operation.digest) === 0) {
      if (operation.isElsewhere !== true && liveCount(rowObject(lane.row)) > 0)
        return this.#shed(lane, lane.row, operation, out)
      lane.letsGo = true
      this.#changed(lane, undefined, operation, out)
    } else this.#settle(operation, 'refused', out)
  }

  #shed(lane: Lane, row: Uint8Array, operation: LaneDrop, out: LaneEffect[]): void {
    const room = this.#memory.take(lane.rowKey, row.length)
    const length = shedRow(row, room)
    const made = this.#memory.fit(lane.rowKey, room, length < row.length ? Math.max(0, length) : 0)
    if (length <= 0) this.#settle(operation, 'refused', out)
    else if (length === row.length) this.#rest(lane, operation, out)
    else this.#changed(lane, made, operation, out)
  }

  #changed(lane: Lane, row: Uint8Array | undefined, operation: LaneOperation, out: LaneEffect[]): void {
    if (lane.unreadable) out.push({ kind: 'suspect', rowKey: lane.rowKey })
    lane.unreadable = false
    lane.row = row
    lane.applied.push(operation)
    if (!lane.dirty) this.#dirty.push(lane)
    lane.dirty = true
  }

  /** Nothing to write, yet what it rests on may not be durable. */
  #rest(lane: Lane, operation: LaneOperation, out: LaneEffect[]): void {
    if (lane.dirty) lane.applied.push(operation)
    else if (lane.commits > 0) lane.resting.push(operation)
    else this.#settle(operation, undefined, out)
  }

  #settleResting(lane: Lane, out: LaneEffect[]): void {
    const resting = lane.resting
    lane.resting = []
    for (const operation of resting) this.#settle(operation, undefined, out)
  }

  #settle(operation: LaneOperation, fault: LocalFault | 'refused' | undefined, out: LaneEffect[]): void {
    this.#operations--
    out.push({ kind: 'settled', operation, fault })
  }

  /** What stands on a row that never became durable cannot become durable either. */
  #breakLane(lane: Lane, fault: LocalFault, out: LaneEffect[]): void {
    if (lane.broken) return
    lane.broken = true
    this.#lanes.delete(lane)
    const { applied, resting, queue } = lane
    lane.applied = []
    lane.resting = []
    lane.queue = []
    for (const operation of applied) this.#settle(operation, fault, out)
    for (const operation of resting) this.#settle(operation, fault, out)
    for (const operation of queue) this.#settle(operation, fault, out)
  }

  #release(lane: Lane): void {
    if (lane.ready && !lane.dirty && lane.commits === 0 && !lane.broken) this.#lanes.delete(lane)
  }
}

function shed(object: Uint8Array): Uint8Array {
  const room = Buffer.allocUnsafe(object.length)
  const length = shedObject(object, room)
  return length > 0 ? room.subarray(0, length) : object
}

function completed(row: Uint8Array, operation: LaneMerge): Uint8Array {
  if (operation.completes === true) setIncomplete(row, false)
  return row
}
