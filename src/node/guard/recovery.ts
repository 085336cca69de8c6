import type { Clock } from '../../ports/clock.js'
import { EngineError } from '../../ports/engine.js'
import type { Log } from '../../ports/log.js'
import type { Random } from '../../ports/random.js'
import type { Scheduler } from '../../ports/scheduler.js'
import { markOperation } from './batch.js'
import type { Flight } from './commit-queue.js'
import type { Lost, ReopenReport } from './face.js'
import { findBatch, type Inspection, inspect } from './inspection.js'
import { worse } from './judgement.js'
import { newIncarnation } from './opening.js'
import type { OwnedEngine } from './owned-engine.js'
import type { Room } from './room.js'
import type { WatermarkWriter } from './watermark.js'

/**
 * After a failed write nothing that RocksDB says about later writes is true: it acknowledges them, synced, and loses them
 * at the next start. Closing and opening it again makes it read its log as it is on the disk and put what it finds there
 * into a table of its own, so that what is then in it is durable. Hence, always in this order:
 *
 *   close → new incarnation into the side file → open → how far has it come? is the failed batch there? → new mark → open
 *
 * Any failure on the way starts over after a pause that doubles, with jitter. Meanwhile the engine is opened for reading only
 * if it can be (RocksDB can on a full disk, where it cannot be opened for writing), so that the node still answers with what it
 * holds. A fence soon after a reopen goes on with the longer pauses: each costs every key a new actor.
 *
 * Damaged tables are taken out in the same way, but for one step more: before the engine is opened it is mended, and what lay in the damaged blocks counts as
 * lost. That is recorded first. Where it cannot be mended, all goes on as it was.
 */
/** The reason of a fence that nobody's write has failed for. */
export const MENDING = new EngineError('corrupt', 'damaged tables are being taken out of the database')

export interface RecoveryPorts {
  readonly engine: OwnedEngine
  readonly watermark: WatermarkWriter
  readonly room: Room
  readonly random: Random
  readonly scheduler: Scheduler
  readonly clock: Clock
  readonly log: Log
  /** Where the storage stands: asked once the engine is closed, when no batch can end any more. */
  standing(): Standing
  /** All is well again; commits go on from `lastCommit`. */
  reopened(report: ReopenReport, lastCommit: number): void
}

export interface Standing {
  readonly boot: number
  readonly lastCommit: number
  readonly hasRows: boolean
  /** What an earlier start has lost, and the node has not recorded yet. */
  readonly lost: Lost
  /** The batch that failed, if one did. */
  readonly flight: Flight | undefined
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 30_000
/** After this long without a fence the pauses begin anew. */
const CALM_MS = 60_000

export class Recovery {
  readonly #ports: RecoveryPorts
  #active = false
  #reading = false
  #fallenMs = 0
  #reopenedMs = Number.NEGATIVE_INFINITY
  #attempts = 0
  /** Damaged tables are to be taken out. */
  #mends = false
  #mended = 0
  #incarnation = ''
  /** Found in this fall, in whatever attempt: each opening may remove the evidence. */
  #lost: Lost = 'nothing'
  #cancelPause: (() => void) | undefined
  #whenStopped: (() => void) | undefined

  constructor(ports: RecoveryPorts) {
    this.#ports = ports
  }

  /** True while the engine is open for reading, and all that was acknowledged can be read from it. */
  get reading(): boolean {
    return this.#reading
  }

  begin(reason: EngineError): void {
    const now = this.#ports.clock.monotonicMs()
    this.#active = true
    this.#fallenMs = now
    this.#mends = reason === MENDING
    this.#mended = 0
    this.#lost = this.#mends ? 'tail' : 'nothing'
    this.#incarnation = newIncarnation(this.#ports.random)
    if (now - this.#reopenedMs > CALM_MS) this.#attempts = 0
    this.#ports.watermark.stop(() => this.#close(reason))
  }

  /** Stops at the next step, with the engine closed. */
  stop(stopped: () => void): void {
    this.#whenStopped = stopped
    if (!this.#active) this.#isStopped()
    else if (this.#cancelPause !== undefined) this.#resume()
  }

  /** The engine must be closed whatever it says to that: an error here changes nothing. */
  #close(reason: EngineError): void {
    this.#ports.engine.close(() => {
      if (this.#isStopped()) return
      if (reason.kind === 'full') this.#ports.room.release(() => this.#next())
      else this.#next()
    })
  }

  #next(): void {
    if (this.#attempts === 0) {
      this.#attempts++
      this.#examine()
    } else {
      this.#openForReading()
    }
  }

  #examine(): void {
    this.#ports.engine.examine((error, hasHole) => {
      if (hasHole) this.#lost = worse(this.#lost, 'tail')
      if (error === undefined) this.#recordIncarnation()
      else this.#retry(error)
    })
  }

  #recordIncarnation(): void {
    const { boot, lastCommit, lost } = this.#ports.standing()
    const incarnation = this.#incarnation
    const position = { boot, commit: lastCommit, incarnation, lost: worse(lost, this.#lost) }
    this.#ports.watermark.record(position, {}, (error) => {
      if (error !== undefined) this.#retry(error)
      else if (this.#mends) this.#mend()
      else this.#open()
    })
  }

  /** Once: what a second attempt needs, the first has recorded. */
  #mend(): void {
    this.#mends = false
    this.#ports.engine.mend((error, mended) => {
      if (error === undefined) {
        this.#mended = mended.tables.length
        this.#ports.log.warn('storage-mended', { ...mended })
      } else this.#ports.log.error('storage-not-mended', { reason: error.message })
      this.#open()
    })
  }

  #open(): void {
    this.#ports.engine.open((error) => {
      if (error === undefined) this.#inspect()
      else this.#retry(error)
    })
  }

  #inspect(): void {
    inspect(this.#ports.engine, (error, inspection) => {
      if (error === undefined) this.#verify(inspection)
      else this.#retry(error)
    })
  }

  #verify(inspection: Inspection): void {
    const { flight, lastCommit } = this.#ports.standing()
    findBatch(this.#ports.engine, flight, inspection.mark, (failedBatch) => {
      const broken = failedBatch === 'partly' ? 'tail' : 'nothing'
      this.#lost = worse(worse(this.#lost, broken), lostSince(inspection, lastCommit))
      this.#recordLoss(failedBatch)
    })
  }

  /** Before the next mark makes a tail that is missing look complete. */
  #recordLoss(failedBatch: ReopenReport['failedBatch']): void {
    if (this.#lost === 'nothing') {
      this.#mark(failedBatch)
      return
    }
    const { boot, lastCommit, lost } = this.#ports.standing()
    const position = {
      boot,
      commit: lastCommit,
      incarnation: this.#incarnation,
      lost: worse(lost, this.#lost),
    }
    this.#ports.watermark.record(position, {}, (error) => {
      if (error === undefined) this.#mark(failedBatch)
      else this.#retry(error)
    })
  }

  #mark(failedBatch: ReopenReport['failedBatch']): void {
    const { boot, lastCommit, flight, hasRows, lost } = this.#ports.standing()
    const incarnation = this.#incarnation
    const commit = Math.max(lastCommit, flight?.commit ?? 0) + 1
    this.#ports.engine.batch([markOperation({ boot, incarnation, commit, hasRows })], true, (error) => {
      if (error !== undefined) this.#retry(error)
      else if (!this.#isStopped()) {
        this.#finish(
          { boot, incarnation, lost: worse(lost, this.#lost), failedBatch, mended: this.#mended },
          commit,
        )
      }
    })
  }

  #finish(report: Omit<ReopenReport, 'fencedMs'>, commit: number): void {
    this.#active = false
    this.#reopenedMs = this.#ports.clock.monotonicMs()
    this.#ports.reopened({ ...report, fencedMs: this.#reopenedMs - this.#fallenMs }, commit)
  }

  #retry(error: EngineError): void {
    this.#ports.log.error('storage-reopen-failed', { reason: error.message, attempt: this.#attempts })
    this.#close(error)
  }

  /** Serves reads until the next attempt, provided that all that was acknowledged can be seen. */
  #openForReading(): void {
    this.#ports.engine.openReadOnly((error) => {
      if (error !== undefined) this.#pause()
      else inspect(this.#ports.engine, (failed, inspection) => this.#keepReading(failed, inspection))
    })
  }

  #keepReading(error: EngineError | undefined, inspection: Inspection): void {
    const whole =
      error === undefined && lostSince(inspection, this.#ports.standing().lastCommit) === 'nothing'
    this.#reading = whole
    if (whole) this.#pause()
    else this.#ports.engine.close(() => this.#pause())
  }

  #pause(): void {
    if (this.#isStopped()) return
    const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#attempts - 1))
    const jittered = full / 2 + this.#ports.random.below(Math.ceil(full / 2))
    this.#attempts++
    this.#cancelPause = this.#ports.scheduler.after(jittered, () => this.#resume())
  }

  #resume(): void {
    this.#cancelPause?.()
    this.#cancelPause = undefined
    this.#reading = false
    this.#ports.engine.close(() => {
      if (!this.#isStopped()) this.#examine()
    })
  }

  #isStopped(): boolean {
    const stopped = this.#whenStopped
    if (stopped === undefined) return false
    this.#whenStopped = undefined
    this.#active = false
    this.#ports.engine.close(stopped)
    return true
  }
}

/** What was acknowledged and is not there any more. */
function lostSince(inspection: Inspection, lastCommit: number): Lost {
  const { mark, empty } = inspection
  if (empty) return 'everything'
  if (mark === undefined) return 'tail'
  if (mark === 'damaged') return 'tail'
  return mark.commit < lastCommit ? 'tail' : 'nothing'
}
