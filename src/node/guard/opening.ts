import type { EngineError, EngineErrorKind } from '../../ports/engine.js'
import type { Random } from '../../ports/random.js'
import type { SideFile } from '../../ports/side-file.js'
import { markOperation } from './batch.js'
import { decodeWatermark } from './boot-record.js'
import { OpenFailure, type OpenReport } from './face.js'
import { inspect } from './inspection.js'
import { type Judgement, judge, newest, type Slot, worse } from './judgement.js'
import type { OwnedEngine } from './owned-engine.js'
import type { Room } from './room.js'
import type { WatermarkWriter } from './watermark.js'

/**
 * The start: read the side file, open the engine, look, judge, and record the new start in both places before anything is
 * promised under it. Until the judgement nothing is written by us, so a directory that cannot be read stays as it was.
 *
 * A new directory is first marked in the side file as being created: if that start is cut off, the next one finds a
 * directory in which nothing was ever acknowledged, and not one that has lost everything.
 */
export interface OpeningPorts {
  readonly engine: OwnedEngine
  readonly sideFile: SideFile
  readonly watermark: WatermarkWriter
  readonly room: Room
  readonly random: Random
  /** Rows will be acknowledged before they are on the disk. */
  readonly buffered: boolean
}

export type Opened = (failure: OpenFailure | undefined, report: OpenReport | undefined) => void

const SENTENCES: Readonly<Record<EngineErrorKind, string>> = {
  full: 'There is no room on the disk to open the database',
  io: 'The disk failed while the database was being opened',
  corrupt: 'The database is damaged and cannot be opened',
  unavailable: 'The database may not be opened',
  closed: 'The database was closed while it was being opened',
  unknown: 'The database cannot be opened',
}

export function openStorage(ports: OpeningPorts, done: Opened): void {
  new Opening(ports, done).readSlots()
}

export function newIncarnation(random: Random): string {
  return Buffer.from(random.bytes(8)).toString('hex')
}

class Opening {
  readonly #ports: OpeningPorts
  readonly #done: Opened
  #slots: readonly [Slot, Slot] = [undefined, undefined]
  #hasHole = false

  constructor(ports: OpeningPorts, done: Opened) {
    this.#ports = ports
    this.#done = done
  }

  readSlots(): void {
    this.#ports.sideFile.read((error, slots) => {
      if (error !== undefined) {
        this.#fail(error)
        return
      }
      this.#slots = [decodeSlot(slots[0]), decodeSlot(slots[1])]
      const last = newest(this.#slots)
      this.#ports.watermark.resume(last?.sequence ?? 0, last?.shared === true, last?.buffered === true)
      this.#examine()
    })
  }

  #examine(): void {
    this.#ports.engine.examine((error, hasHole) => {
      this.#hasHole = hasHole
      if (error !== undefined) this.#fail(error)
      else if (hasHole) this.#recordHole()
      else this.#openEngine(true)
    })
  }

  /** The opening will remove the evidence. (Without a side file, its absence is evidence enough.) */
  #recordHole(): void {
    const last = newest(this.#slots)
    if (last === undefined) {
      this.#openEngine(true)
      return
    }
    this.#ports.watermark.record({ ...last, lost: worse('tail', last.lost) }, {}, (error) => {
      if (error !== undefined) this.#fail(error)
      else this.#openEngine(true)
    })
  }

  /** RocksDB needs room to open after an unclean stop: on a full disk, the reserve is for that. */
  #openEngine(mayRelease: boolean): void {
    this.#ports.engine.open((error) => {
      if (error === undefined) this.#inspect()
      else if (error.kind === 'full' && mayRelease) this.#ports.room.release(() => this.#openEngine(false))
      else this.#fail(error)
    })
  }

  #inspect(): void {
    inspect(this.#ports.engine, (error, inspection) => {
      if (error !== undefined) this.#giveUp(error)
      else this.#record(judge({ slots: this.#slots, hasHole: this.#hasHole, ...inspection }))
    })
  }

  #record(judgement: Judgement): void {
    const { watermark, random } = this.#ports
    const incarnation = judgement.incarnation ?? newIncarnation(random)
    const { lastCommit, boot, lost, fresh } = judgement
    watermark.writesAs(this.#ports.buffered)
    watermark.record({ commit: lastCommit, boot, incarnation, lost }, { creating: fresh }, (error) => {
      if (error !== undefined) this.#giveUp(error)
      else this.#mark(judgement, incarnation)
    })
  }

  #mark(judgement: Judgement, incarnation: string): void {
    const { boot, clean, fresh, shared, lost, hasRows } = judgement
    const lastCommit = judgement.lastCommit + 1
    this.#ports.engine.batch(
      [markOperation({ commit: lastCommit, boot, incarnation, hasRows })],
      true,
      (error) => {
        if (error !== undefined) this.#giveUp(error)
        else this.#finish({ boot, incarnation, clean, fresh, shared, lost, hasRows, lastCommit })
      },
    )
  }

  /** The watermark of a new directory is written once more, no longer as being created. */
  #finish(report: OpenReport): void {
    const { boot, incarnation, lastCommit, lost } = report
    if (!report.fresh) {
      this.#done(undefined, report)
      return
    }
    this.#ports.watermark.record({ boot, incarnation, commit: lastCommit, lost }, {}, (error) => {
      if (error !== undefined) this.#giveUp(error)
      else this.#done(undefined, report)
    })
  }

  #giveUp(error: EngineError): void {
    this.#ports.engine.close(() => this.#fail(error))
  }

  #fail(error: EngineError): void {
    const reason = error.message.replaceAll(/\s+/g, ' ').trim()
    const sentence = `${SENTENCES[error.kind]}; it was left as it is (${reason}).`
    this.#done(new OpenFailure(error.kind, sentence, { cause: error }), undefined)
  }
}

function decodeSlot(bytes: Uint8Array | undefined): Slot {
  return bytes === undefined ? undefined : decodeWatermark(bytes)
}
