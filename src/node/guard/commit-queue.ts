import { limits } from '../../limits.js'
import type { Clock } from '../../ports/clock.js'
import type { BatchOperation, EngineError } from '../../ports/engine.js'
import type { Scheduler } from '../../ports/scheduler.js'
import { appendOperations, bytesOf, holdsData, markOperation } from './batch.js'
import type { GuardStats, StorageFault, WriteOperation } from './face.js'
import type { OwnedEngine } from './owned-engine.js'
import type { Turn } from './turn.js'

/**
 * Group commit. One batch is under way at a time, with one sync; all that is asked meanwhile waits and is the next batch. So
 * the queue grows exactly as long as the disk is slow, a sync is shared by all who wait for one, and an idle store commits a
 * lone write at once. With one batch in flight there is never a doubt about the order, and after a failure there is exactly
 * one batch of which it is not known whether it is there.
 *
 *     turn        disk
 *     a b c  ──▶  [a b c]──────sync──▶ acknowledge a b c
 *       d e f g             (wait)     [d e f g]──────sync──▶ …
 *
 * Writes for which nobody waits (durability `buffered`) may stand in the queue for some milliseconds, until there are many of them or
 * one comes for which somebody does.
 */
export interface QueuedWrite {
  readonly operations: readonly WriteOperation[]
  readonly bytes: number
  /** It was acknowledged when it came, and waits here to be written out. */
  readonly isHeld: boolean
  readonly done: (fault: StorageFault | undefined) => void
}

/** The batch that is under way, or that failed. */
export interface Flight {
  readonly commit: number
  readonly writes: readonly QueuedWrite[]
}

export interface CommitPorts {
  readonly engine: OwnedEngine
  readonly turn: Turn
  readonly stats: GuardStats
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly sync: boolean
  /** The batch is durable; called before its writes are acknowledged. */
  committed(flight: Flight): void
  /** Nothing more is committed until `resume`. The flight's writes are still unanswered. */
  failed(error: EngineError, flight: Flight): void
}

/** Waits until so many writes have landed. */
interface Barrier {
  readonly at: number
  readonly done: (landed: boolean) => void
}

/** What the mark of every batch says besides its number. */
export interface Story {
  readonly boot: number
  readonly incarnation: string
}

export class CommitQueue {
  readonly #ports: CommitPorts
  #queue: QueuedWrite[] = []
  #flight: Flight | undefined
  #flightMs = 0
  #story: Story | undefined
  #lastCommit = 0
  #hasRows = false
  #flushDue = false
  /** Somebody waits for what is in the queue, or it has waited long enough. */
  #hurried = false
  #cancelPause: (() => void) | undefined
  #settled: (() => void)[] = []
  /** Writes ever queued, and those of them that wait for the disk no more: they are on it, or it has failed. */
  #added = 0
  #landed = 0
  #barriers: Barrier[] = []

  constructor(ports: CommitPorts) {
    this.#ports = ports
  }

  /** The number of the last batch that is durable. */
  get lastCommit(): number {
    return this.#lastCommit
  }

  /** Rows have been written to this database, now or ever. Every mark says so, whether or not the first of their batches succeeds. */
  get hasRows(): boolean {
    return this.#hasRows
  }

  get busy(): boolean {
    return this.#flight !== undefined || this.#queue.length > 0
  }

  get inFlight(): boolean {
    return this.#flight !== undefined
  }

  /** How long the disk has been standing still, in ms: 0 while it is not longer than a disk may take for a batch. */
  get stalledMs(): number {
    if (this.#flight === undefined) return 0
    const forMs = this.#ports.clock.monotonicMs() - this.#flightMs
    return forMs > limits.storageStallMs ? forMs : 0
  }

  /** True while what waits is within its bounds. */
  get hasRoom(): boolean {
    const { queuedWrites, queuedBytes } = this.#ports.stats
    return queuedWrites < limits.storageQueueWrites && queuedBytes < limits.storageQueueBytes
  }

  /** Commits go on from `lastCommit`, marked with this start and incarnation. */
  resume(lastCommit: number, story: Story, hasRows = this.#hasRows): void {
    this.#lastCommit = lastCommit
    this.#story = { boot: story.boot, incarnation: story.incarnation }
    this.#hasRows = hasRows
  }

  /** Commits nothing more until `resume`, and gives back what waits. */
  halt(): readonly QueuedWrite[] {
    const queue = this.#queue
    this.#queue = []
    this.#ports.stats.leftWrites = 0
    this.#story = undefined
    this.#hurried = false
    this.#endPause()
    this.#count()
    // What is under way may still land.
    this.#landed = this.#added - (this.#flight?.writes.length ?? 0)
    const barriers = this.#barriers
    this.#barriers = []
    for (const { done } of barriers) done(false)
    return queue
  }

  /** `isHeld`: it has been acknowledged, and may wait for others. */
  add(operations: readonly WriteOperation[], done: QueuedWrite['done'], isHeld = false): void {
    this.#push({ operations, bytes: bytesOf(operations), isHeld, done })
    if (isHeld && this.#ports.stats.queuedBytes < limits.bufferBatchBytes) this.#pause()
    else this.hurry()
  }

  /** Writes that `halt` or a failure gave back, before any others. */
  restore(writes: readonly QueuedWrite[]): void {
    for (const write of writes) this.#push(write)
    if (writes.length > 0) this.hurry()
  }

  #push(write: QueuedWrite): void {
    this.#queue.push(write)
    this.#added++
    this.#ports.stats.queuedWrites++
    this.#ports.stats.queuedBytes += write.bytes
  }

  /** All that has been written so far is durable, or (false) will not be before the storage is opened again. At once if nothing waits. */
  whenLanded(done: Barrier['done']): void {
    if (this.#landed === this.#added) done(true)
    else {
      this.#barriers.push({ at: this.#added, done })
      this.hurry()
    }
  }

  /** What waits leaves now. */
  hurry(): void {
    if (this.#queue.length === 0) return
    this.#hurried = true
    if (this.#flight !== undefined || this.#flushDue) return
    this.#flushDue = true
    this.#ports.turn.after(() => {
      this.#flushDue = false
      this.#flush()
    })
  }

  /** Runs `run` when the batch that is under way now has ended, either way; at once if none is. */
  whenSettled(run: () => void): void {
    if (this.#flight === undefined) run()
    else this.#settled.push(run)
  }

  #pause(): void {
    if (this.#hurried || this.#cancelPause !== undefined) return
    this.#cancelPause = this.#ports.scheduler.after(limits.bufferMs, () => {
      this.#cancelPause = undefined
      this.hurry()
    })
  }

  #endPause(): void {
    this.#cancelPause?.()
    this.#cancelPause = undefined
  }

  #flush(): void {
    if (!this.#hurried || this.#flight !== undefined) return
    if (this.#queue.length === 0 || this.#story === undefined) return
    const flight = { commit: this.#lastCommit + 1, writes: this.#take() }
    const batch: BatchOperation[] = []
    for (const { operations } of flight.writes) {
      appendOperations(batch, operations, flight.commit)
      this.#hasRows ||= operations.some(holdsData)
    }
    const { boot, incarnation } = this.#story
    batch.push(markOperation({ boot, incarnation, commit: flight.commit, hasRows: this.#hasRows }))
    this.#flight = flight
    this.#flightMs = this.#ports.clock.monotonicMs()
    this.#ports.stats.largestBatch = Math.max(this.#ports.stats.largestBatch, batch.length)
    this.#ports.engine.batch(batch, this.#ports.sync, (error) => this.#land(flight, error))
  }

  /** As many of the waiting writes as one batch may hold, at least one. */
  #take(): readonly QueuedWrite[] {
    const queue = this.#queue
    let operations = 0
    let bytes = 0
    let count = 0
    for (const write of queue) {
      operations += write.operations.length
      bytes += write.bytes
      if (count > 0 && (operations > limits.storageBatchOperations || bytes > limits.storageBatchBytes)) break
      count++
    }
    this.#queue = queue.slice(count)
    this.#ports.stats.leftWrites = queue.length - count
    this.#count()
    this.#hurried = count < queue.length
    this.#endPause()
    return count === queue.length ? queue : queue.slice(0, count)
  }

  /** The next batch goes to the disk before the writes of this one are acknowledged: what follows from those takes its time. */
  #land(flight: Flight, error: EngineError | undefined): void {
    this.#flight = undefined
    this.#landed += flight.writes.length
    const settled = this.#settled
    this.#settled = []
    if (error === undefined) {
      this.#lastCommit = flight.commit
      this.#ports.committed(flight)
      this.#flush()
      for (const write of flight.writes) write.done(undefined)
      this.#passBarriers()
    } else {
      this.#ports.failed(error, flight)
    }
    for (const run of settled) run()
  }

  #passBarriers(): void {
    if (this.#barriers.length === 0) return
    const passed = this.#barriers.filter(({ at }) => at <= this.#landed)
    this.#barriers = this.#barriers.filter(({ at }) => at > this.#landed)
    for (const { done } of passed) done(true)
  }

  #count(): void {
    this.#ports.stats.queuedWrites = this.#queue.length
    this.#ports.stats.queuedBytes = this.#queue.reduce((sum, write) => sum + write.bytes, 0)
  }
}
