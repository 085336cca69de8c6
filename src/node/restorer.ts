/**
 * Takes rows of a backup into the cluster. A key of which nothing can have been let go of since the backup was taken is simply joined with what its owners hold.
 * Of any other the value may have been deleted and its tombstone be gone: there the owners are read first, and a row that would add a value is left out, and counted,
 * unless it was asked for.
 *
 * Why the look at the history is enough (src/protocol/reaping/history.ts): the conversation that writes the row begins in the same turn, and spoils its key for every round of
 * reaping in which this member has not yet vouched. Where the owners were read, what they hold is part of what is written, so that it removes what they had removed.
 */
import { decodeObject, liveCount, mergeObjects, mergeObjectsBound } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Scheduler } from '../ports/scheduler.js'
import type { Governor } from '../protocol/background/governor.js'
import { RestoreRowMachine, type RowRestored } from '../protocol/backup/restore-row.js'
import type { Membership } from '../protocol/membership/membership.js'
import type { ReapHistory } from '../protocol/reaping/history.js'
import type { CopiedRow } from '../wire/copied-rows.js'
import type { Conversations } from './conversations.js'
import type { Coordination } from './coordination.js'
import type { StorageGuard } from './guard/index.js'
import type { Failure, Restored, RestoreRequest } from './requests.js'

const LOOK_AGAIN_MS = 25
const OVERLOADED: Failure = { status: 'error', code: 'OVERLOADED' }

export interface RestorerParts {
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly conversations: Conversations
  readonly coordination: Coordination
  readonly governor: Pick<Governor, 'take'>
  history(): ReapHistory | undefined
}

type Done = (outcome: Restored | Failure) => void
type RowOutcome = 'written' | 'known' | 'held' | 'failed'

/** Rows of one request. */
interface Batch {
  readonly request: RestoreRequest
  readonly done: Done
  readonly counts: Record<RowOutcome, number>
  next: number
  open: number
  waits: boolean
}

export class Restorer {
  readonly #parts: RestorerParts
  #batches = 0

  constructor(parts: RestorerParts) {
    this.#parts = parts
  }

  begin(request: RestoreRequest, done: Done): void {
    if (this.#batches >= limits.restoresAtOnce) return done(OVERLOADED)
    this.#batches++
    const counts = { written: 0, known: 0, held: 0, failed: 0 }
    this.#goOn({ request, done, counts, next: 0, open: 0, waits: false })
  }

  /** Begins as many rows as are granted, a slice at a time; those that the deadline keeps from beginning have failed. */
  #goOn(batch: Batch): void {
    const { guard, governor, clock, scheduler } = this.#parts
    const { request, counts } = batch
    if (batch.waits) return
    if (clock.monotonicMs() >= request.deadlineMs) {
      counts.failed += request.rows.length - batch.next
      batch.next = request.rows.length
    }
    guard.slices.run('restore', () => {
      for (let left = limits.restoredRowsInSlice; left > 0 && this.#hasRoom(batch); left--) {
        if (!governor.take('restore', 1)) break
        const row = request.rows[batch.next++]!
        batch.open++
        this.#row(row, request, (outcome) => this.#ended(batch, outcome))
      }
    })
    if (batch.next >= request.rows.length) this.#endIfDone(batch)
    else if (this.#hasRoom(batch)) {
      batch.waits = true
      scheduler.after(LOOK_AGAIN_MS, () => {
        batch.waits = false
        this.#goOn(batch)
      })
    }
  }

  #hasRoom({ open, next, request }: Batch): boolean {
    return open < limits.restoredRowsAtOnce && next < request.rows.length
  }

  #ended(batch: Batch, outcome: RowOutcome): void {
    batch.open--
    batch.counts[outcome]++
    // Half of what was under way is begun together: its messages go in one frame.
    if (batch.next < batch.request.rows.length) {
      if (batch.open <= limits.restoredRowsAtOnce / 2) this.#goOn(batch)
    } else this.#endIfDone(batch)
  }

  #endIfDone({ open, counts, done, request }: Batch): void {
    const { written, known, held, failed } = counts
    if (open > 0 || written + known + held + failed < request.rows.length) return
    // Once: a batch without rows, or the last row of another, comes here.
    this.#batches--
    done({ status: 'ok', ...counts })
  }

  #row(row: CopiedRow, request: RestoreRequest, done: (outcome: RowOutcome) => void): void {
    const history = this.#parts.history()
    const isFree = request.allowReaped || history?.hasGone(row.rowKey, history.since(request.mark)) === false
    if (isFree) this.#write(row, request, row.object, done)
    else this.#readFirst(row, request, done)
  }

  #readFirst(row: CopiedRow, request: RestoreRequest, done: (outcome: RowOutcome) => void): void {
    const { deadlineMs } = request
    const order = { rowKey: row.rowKey, r: undefined, sloppy: true, deadlineMs, forwarded: false }
    this.#parts.coordination.read(order, (outcome) => {
      if (outcome.status === 'error') done('failed')
      else {
        const { object } = outcome
        const joined = object === undefined ? row.object : join(object, row.object)
        if (joined === undefined) done('failed')
        else if (object !== undefined && Buffer.compare(joined, object) === 0) done('known')
        else if (addsValue(object, joined)) done('held')
        else this.#write(row, request, joined, done)
      }
    })
  }

  #write(
    row: CopiedRow,
    request: RestoreRequest,
    object: Uint8Array,
    done: (outcome: RowOutcome) => void,
  ): void {
    const { conversations, membership, clock, scheduler } = this.#parts
    const { rowKey } = row
    const { deadlineMs } = request
    const id = conversations.nextId()
    const placement = membership.ring.placementOf(rowKey)
    const machine = new RestoreRowMachine({
      id,
      self: membership.self,
      rowKey,
      object,
      placement,
      deadlineMs,
    })
    conversations.begin(machine, clock.monotonicMs(), (outcome) => {
      if ((outcome as RowRestored) === 'written') done('written')
      else if ((outcome as RowRestored) !== 'moved' || clock.monotonicMs() >= deadlineMs) done('failed')
      else scheduler.after(LOOK_AGAIN_MS, () => this.#row(row, request, done))
    })
  }
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array | undefined {
  const bytes = Buffer.allocUnsafe(mergeObjectsBound(one, other))
  const length = mergeObjects(one, other, bytes)
  return length > 0 ? bytes.subarray(0, length) : undefined
}

/** Is there a value in `joined` that `before` does not hold? */
function addsValue(before: Uint8Array | undefined, joined: Uint8Array): boolean {
  if (before === undefined) return liveCount(joined) > 0
  const known = new Set(liveDots(before))
  return liveDots(joined).some((dot) => !known.has(dot))
}

function liveDots(object: Uint8Array): string[] {
  return decodeObject(object).siblings.flatMap(({ dot, tombstone }) =>
    tombstone ? [] : [`${Buffer.from(dot.actor).toString('hex')} ${dot.counter}`],
  )
}
