/**
 * What this node keeps for owners that are away: for each key one record, whose row is merged like any row, and the owners that are to
 * get it. One lane for each key with work under way orders it, as in replica/lanes.ts; here there is more to a key than its row:
 *
 *     keep(object, for A)       row ∪ object, targets + A      a hint, from the node that coordinates the write
 *     write(fields, for A B C)  a dot minted into the row      this node coordinates: no owner can be reached
 *     release(A, number 7)      targets − A                    A holds durably what the record held when its number was 7
 *
 * A release that meets a later number releases nothing: the hint stays for what came after. No number is given twice in the life of a process, also
 * where a record is begun anew over one that went, or that went bad while it was being delivered. The record goes when its last target
 * goes. Record and hints of a key change in one batch; nothing is acknowledged before it.
 */
import {
  applyWrite,
  applyWriteBound,
  CODES,
  mergeBound,
  mergeRow,
  rowActor,
  rowObject,
} from '../../kernel/index.js'
import { limits } from '../../limits.js'
import type { LocalFault, WriteFields } from '../effects.js'
import type { ActorSource } from '../replica/actor.js'
import { LaneTable, type TableLane } from '../replica/lane-table.js'
import type { FallbackRecord } from './record.js'

export interface HintWrite {
  readonly kind: 'write'
  readonly conversation: number
  readonly write: WriteFields
  readonly context: Uint8Array
  readonly targets: readonly string[]
}

export interface HintKeep {
  readonly kind: 'keep'
  /** Who waits here (0: nobody), or … */
  readonly conversation: number
  /** … the peer that sent it ('' = none) under its message id. */
  readonly peer: string
  readonly messageId: number
  /** Empty: this node is an owner, and what the targets are to get is its own row. */
  readonly object: Uint8Array
  readonly targets: readonly string[]
}

export interface HintRelease {
  readonly kind: 'release'
  readonly conversation: number
  readonly target: string
  readonly number: number
}

export type HintOperation = HintWrite | HintKeep | HintRelease

/** One key's part of a batch. */
export interface HintCommit {
  readonly lane: HintLane
  readonly rowKey: Uint8Array
  /** What the commit before it left. */
  readonly before: FallbackRecord
  readonly record: FallbackRecord
  /** Targets whose hints go. */
  readonly gone: readonly string[]
  readonly operations: readonly HintOperation[]
}

export type HintEffect =
  | { readonly kind: 'read-record'; readonly rowKey: Uint8Array; readonly lane: HintLane }
  | {
      readonly kind: 'applied'
      readonly operation: HintWrite
      readonly code: number
      readonly object: Uint8Array
      readonly actor: Uint8Array | undefined
    }
  | {
      readonly kind: 'settled'
      readonly operation: HintOperation
      readonly fault: LocalFault | 'refused' | undefined
    }

const NOTHING = new Uint8Array(0)
const EMPTY: FallbackRecord = { number: 0, targets: [], row: NOTHING }
const SIBLING_LIMITS = { maxSiblings: limits.siblings, maxBytes: limits.siblingBytes } as const

export class HintLane implements TableLane<HintLane> {
  readonly rowKey: Uint8Array
  /** As of the last flush. */
  flushed: FallbackRecord = EMPTY
  record: FallbackRecord = EMPTY
  /** Targets taken out since the last flush. */
  gone = new Set<string>()
  /** The last of them, where with it the record of the last flush went, and another has been begun since. */
  over: readonly string[] | undefined
  ready = false
  dirty = false
  commits = 0
  /** Before the record is read. */
  queue: HintOperation[] = []
  /** Applied, in the next flush. */
  applied: HintOperation[] = []
  /** Changed nothing, but rest on a flush under way. */
  resting: HintOperation[] = []
  broken = false
  held = false
  next: HintLane | undefined

  constructor(rowKey: Uint8Array) {
    this.rowKey = rowKey
  }
}

export class HintLanes {
  readonly #lanes = new LaneTable<HintLane>()
  readonly #dirty: HintLane[] = []
  #actors: ActorSource
  /** The highest that was met so far, of whatever key. */
  #number = 0

  constructor(actors: ActorSource) {
    this.#actors = actors
  }

  /** A record was read, here or by whoever delivers it, and has this number. */
  met(number: number): void {
    this.#number = Math.max(this.#number, number)
  }

  renew(actors: ActorSource): void {
    this.#actors = actors
  }

  get size(): number {
    return this.#lanes.size
  }

  /** Work on what is kept of this key is under way. */
  has(rowKey: Uint8Array): boolean {
    return this.#lanes.get(rowKey) !== undefined
  }

  submit(rowKey: Uint8Array, operation: HintOperation, out: HintEffect[]): void {
    let lane = this.#lanes.get(rowKey)
    if (lane === undefined) {
      lane = new HintLane(rowKey)
      this.#lanes.add(lane)
      out.push({ kind: 'read-record', rowKey, lane })
    }
    if (lane.queue.length + lane.applied.length >= limits.laneOperations)
      out.push({ kind: 'settled', operation, fault: 'overloaded' })
    else if (lane.ready) this.#apply(lane, operation, out)
    else lane.queue.push(operation)
    this.#leave(lane)
  }

  /**
   * The record asked for by `read-record`; undefined also for a damaged one, which is lost and is written over. Over one that cannot
   * be read now nothing is written: it may be readable later.
   */
  recordRead(lane: HintLane, record: FallbackRecord | undefined | 'unreadable', out: HintEffect[]): void {
    if (lane.broken) return
    if (record === 'unreadable') {
      this.#break(lane, 'unavailable', out)
      return
    }
    lane.ready = true
    if (record !== undefined) this.met(record.number)
    lane.record = record ?? EMPTY
    lane.flushed = lane.record
    const queue = lane.queue
    lane.queue = []
    for (const operation of queue) this.#apply(lane, operation, out)
    this.#leave(lane)
  }

  /** Everything applied since the last flush. */
  flush(): HintCommit[] {
    if (this.#dirty.length === 0) return []
    const commits: HintCommit[] = []
    for (const lane of this.#dirty) {
      if (lane.broken) continue
      if (lane.over !== undefined) commits.push(this.#end(lane, lane.over))
      const { rowKey, flushed: before, record, applied: operations } = lane
      const gone = [...lane.gone].filter((target) => !record.targets.includes(target))
      commits.push({ lane, rowKey, before, record, gone, operations })
      lane.flushed = record
      lane.applied = []
      lane.gone = new Set()
      lane.dirty = false
      lane.commits++
    }
    this.#dirty.length = 0
    return commits
  }

  /** A record that is begun anew in the same turn does not replace the one that went: that is two commits, one after the other. */
  #end(lane: HintLane, gone: readonly string[]): HintCommit {
    const { rowKey, flushed: before } = lane
    lane.flushed = EMPTY
    lane.over = undefined
    lane.commits++
    return { lane, rowKey, before, record: EMPTY, gone, operations: [] }
  }

  committed({ lane, operations }: HintCommit, fault: LocalFault | undefined, out: HintEffect[]): void {
    lane.commits--
    for (const operation of operations) settle(operation, fault, out)
    if (fault !== undefined) this.#break(lane, fault, out)
    else if (lane.commits === 0) {
      const resting = lane.resting
      lane.resting = []
      for (const operation of resting) settle(operation, undefined, out)
    }
    this.#leave(lane)
  }

  #apply(lane: HintLane, operation: HintOperation, out: HintEffect[]): void {
    switch (operation.kind) {
      case 'write':
        return this.#write(lane, operation, out)
      case 'keep':
        return this.#keep(lane, operation, out)
      case 'release':
        return this.#releaseTarget(lane, operation, out)
      default:
        operation satisfies never
    }
  }

  #write(lane: HintLane, operation: HintWrite, out: HintEffect[]): void {
    const { write, context, targets } = operation
    const { row } = lane.record
    const bytes = Buffer.allocUnsafe(applyWriteBound(row, context, write))
    const code = applyWrite(row, this.#actors.next, context, write, SIBLING_LIMITS, bytes)
    if (code > 0) {
      const made = Buffer.from(bytes.subarray(0, code))
      const actor = rowActor(made)
      this.#actors.used(actor)
      this.#change(lane, made, targets, operation)
      out.push({ kind: 'applied', operation, code, object: rowObject(made), actor })
      return
    }
    const object = code === CODES.ALREADY ? rowObject(row) : NOTHING
    out.push({ kind: 'applied', operation, code, object, actor: undefined })
    if (code === CODES.ALREADY) this.#change(lane, row, targets, operation)
  }

  #keep(lane: HintLane, operation: HintKeep, out: HintEffect[]): void {
    const { object, targets } = operation
    const { row } = lane.record
    if (object.length === 0) {
      this.#change(lane, row, targets, operation)
      return
    }
    const bytes = Buffer.allocUnsafe(mergeBound(row, object))
    const length = mergeRow(row, object, false, bytes)
    if (length < 0) settle(operation, 'refused', out)
    else if (length > 0) this.#change(lane, Buffer.from(bytes.subarray(0, length)), targets, operation)
    else if (targets.every((target) => lane.record.targets.includes(target))) this.#rest(lane, operation, out)
    else this.#change(lane, row, targets, operation)
  }

  /** A hint that has no place in the record goes as well. */
  #releaseTarget(lane: HintLane, operation: HintRelease, out: HintEffect[]): void {
    const { record } = lane
    const { target, number } = operation
    const isNamed = record.targets.includes(target)
    if (isNamed && record.number !== number) {
      this.#rest(lane, operation, out)
      return
    }
    lane.gone.add(target)
    const targets = record.targets.filter((other) => other !== target)
    lane.record = targets.length === 0 ? EMPTY : { ...record, targets }
    this.#mark(lane, operation)
  }

  #change(lane: HintLane, row: Uint8Array, targets: readonly string[], operation: HintOperation): void {
    const { record } = lane
    if (record === EMPTY && lane.flushed !== EMPTY && lane.over === undefined) {
      lane.over = [...lane.gone]
      lane.gone.clear()
    }
    const added = targets.filter((target) => !record.targets.includes(target))
    this.#number++
    lane.record = { number: this.#number, targets: [...record.targets, ...added], row }
    this.#mark(lane, operation)
  }

  #mark(lane: HintLane, operation: HintOperation): void {
    lane.applied.push(operation)
    if (!lane.dirty) this.#dirty.push(lane)
    lane.dirty = true
  }

  /** Nothing to write, yet what it rests on may not be durable. */
  #rest(lane: HintLane, operation: HintOperation, out: HintEffect[]): void {
    if (lane.dirty) lane.applied.push(operation)
    else if (lane.commits > 0) lane.resting.push(operation)
    else settle(operation, undefined, out)
  }

  #break(lane: HintLane, fault: LocalFault, out: HintEffect[]): void {
    if (lane.broken) return
    lane.broken = true
    this.#lanes.delete(lane)
    for (const operation of [...lane.applied, ...lane.resting, ...lane.queue]) settle(operation, fault, out)
    lane.applied = []
    lane.resting = []
    lane.queue = []
  }

  #leave(lane: HintLane): void {
    if (lane.ready && !lane.dirty && lane.commits === 0 && !lane.broken) this.#lanes.delete(lane)
  }
}

function settle(
  operation: HintOperation,
  fault: LocalFault | 'refused' | undefined,
  out: HintEffect[],
): void {
  out.push({ kind: 'settled', operation, fault })
}
