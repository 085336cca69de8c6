import type { EngineError } from '../../ports/engine.js'
import type { Scheduler } from '../../ports/scheduler.js'
import type { SideFile } from '../../ports/side-file.js'
import { encodeWatermark, type Position } from './boot-record.js'
import type { Lost } from './face.js'

/**
 * Writes the side file: at once when a start, an incarnation or a clean stop has to be recorded, and by itself while commits go
 * on, so that the watermark is never further behind than the delay and one write.
 */
const DELAY_MS = 150

export interface WatermarkPorts {
  readonly sideFile: SideFile
  readonly scheduler: Scheduler
  /** What the timed writes record. */
  position(): RecordedPosition
  failed(error: EngineError): void
}

export interface RecordedPosition extends Position {
  readonly lost: Lost
}

type Flags = { readonly clean?: boolean; readonly creating?: boolean }

export class WatermarkWriter {
  readonly #ports: WatermarkPorts
  /** Of the last write that succeeded. One that failed is repeated in its own slot: the other slot holds what is still good. */
  #sequence = 0
  #recorded = 0
  #shared = false
  #buffered = false
  #cancel: (() => void) | undefined
  #writing = false
  #whenIdle: (() => void) | undefined

  constructor(ports: WatermarkPorts) {
    this.#ports = ports
  }

  /** Goes on from what the side file says: its last record, who it belongs to, and in which mode that start wrote. */
  resume(sequence: number, shared: boolean, buffered: boolean): void {
    this.#sequence = sequence
    this.#shared = shared
    this.#buffered = buffered
  }

  /** The mode in which this start writes: from the next record on. */
  writesAs(buffered: boolean): void {
    this.#buffered = buffered
  }

  /** This node is a member beside others: true from the next record on, for ever. */
  share(): void {
    if (this.#shared) return
    this.#shared = true
    this.follow()
  }

  /** There are commits that the side file does not know of. */
  follow(): void {
    if (this.#cancel !== undefined || this.#writing) return
    this.#cancel = this.#ports.scheduler.after(DELAY_MS, () => {
      this.#cancel = undefined
      this.#catchUp()
    })
  }

  /** Writes nothing more by itself; `idle` when no write is under way. */
  stop(idle: () => void): void {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#writing) this.#whenIdle = idle
    else idle()
  }

  /** Records this now. Not while another write is under way. */
  record(position: RecordedPosition, flags: Flags, done: (error: EngineError | undefined) => void): void {
    const sequence = this.#sequence + 1
    const slot = encodeWatermark({
      ...position,
      sequence,
      clean: flags.clean === true,
      creating: flags.creating === true,
      shared: this.#shared,
      buffered: this.#buffered,
    })
    this.#writing = true
    this.#ports.sideFile.write(sequence % 2 === 0 ? 0 : 1, slot, (error) => {
      this.#writing = false
      if (error === undefined) {
        this.#sequence = sequence
        this.#recorded = position.commit
      }
      done(error)
    })
  }

  #catchUp(): void {
    this.record(this.#ports.position(), {}, (error) => {
      const whenIdle = this.#whenIdle
      this.#whenIdle = undefined
      if (whenIdle !== undefined) whenIdle()
      else if (error !== undefined) this.#ports.failed(error)
      else if (this.#ports.position().commit > this.#recorded) this.follow()
    })
  }
}
