import { limits } from '../../limits.js'
import type { EngineError } from '../../ports/engine.js'
import type { Log } from '../../ports/log.js'
import type { Scheduler } from '../../ports/scheduler.js'
import type { Space } from '../../ports/space.js'
import type { GuardStats } from './face.js'

/**
 * Keeps the engine from running into the end of the disk. Below the floor, rows are refused; what makes room (removals,
 * compaction) goes on. Between measurements the bytes written are taken off the last one. The reserve is held while there is
 * room to spare and given up when the engine has run into the end all the same.
 */
export interface RoomPorts {
  readonly space: Space
  readonly scheduler: Scheduler
  readonly log: Log
  readonly stats: GuardStats
  readonly floorBytes: number
}

export class Room {
  readonly #ports: RoomPorts
  #freeBytes = Number.POSITIVE_INFINITY
  #low = false
  #held = false
  #measuring = false
  #measured = 0
  #running = false
  #cancel: (() => void) | undefined

  constructor(ports: RoomPorts) {
    this.#ports = ports
  }

  /** True: rows are to be refused. */
  get low(): boolean {
    return this.#low
  }

  /** Measures now, and from then on at intervals until `stop`. `done` after the first measurement. */
  start(done: () => void): void {
    this.#running = true
    this.#measure(done)
  }

  stop(): void {
    this.#running = false
    this.#cancel?.()
    this.#cancel = undefined
  }

  wrote(bytes: number): void {
    if (!this.#running) return
    this.#take(this.#freeBytes - bytes)
    if (this.#low) this.look()
  }

  /** Measures now instead of at the end of the interval. */
  look(): void {
    if (this.#measuring || !this.#running) return
    this.#cancel?.()
    this.#measure(() => {})
  }

  /** The engine says that there is no room at all, whatever was last measured. */
  ranOut(): void {
    this.#take(0)
  }

  /** Gives the reserve up, if there is one. */
  release(done: () => void): void {
    this.#held = false
    this.#ports.space.releaseReserve((error) => {
      if (error !== undefined) this.#ports.log.warn('storage-reserve-stuck', { reason: error.message })
      done()
    })
  }

  #measure(done: () => void): void {
    this.#measuring = true
    this.#ports.space.measure((error, freeBytes) => {
      this.#measuring = false
      this.#measured++
      if (error === undefined) this.#take(freeBytes)
      if (this.#running)
        this.#cancel = this.#ports.scheduler.after(limits.storageMeasureMs, () => this.#measure(() => {}))
      this.#holdReserve()
      done()
    })
  }

  /** A little above the floor is needed to get out of it, so that the store does not flutter. */
  #take(freeBytes: number): void {
    const { floorBytes, log, stats } = this.#ports
    this.#freeBytes = freeBytes
    stats.freeBytes = freeBytes
    const low = freeBytes < (this.#low ? floorBytes + floorBytes / 8 : floorBytes)
    if (low === this.#low) return
    this.#low = low
    if (low) log.error('storage-full', { freeBytes, floorBytes })
    else log.info('storage-has-room', { freeBytes, floorBytes })
  }

  /** Not in the first seconds, when its writing would delay others', and not where rows would be refused for it. */
  #holdReserve(): void {
    const { floorBytes } = this.#ports
    const early = this.#measured < limits.storageReserveAfter
    if (this.#held || early || this.#freeBytes < 2 * floorBytes || !this.#running) return
    this.#held = true
    this.#ports.space.holdReserve((error) => this.#reserveTried(error))
  }

  #reserveTried(error: EngineError | undefined): void {
    if (error === undefined) return
    this.#held = false
    this.#ports.log.warn('storage-no-reserve', { reason: error.message })
  }
}
