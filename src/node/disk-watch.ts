/** Says when the disk stands still, and when it moves again: with a hung disk a node looks healthy from outside. */
import type { Log } from '../ports/log.js'
import type { StorageGuard } from './guard/index.js'

export class DiskWatch {
  readonly #guard: StorageGuard
  readonly #log: Log
  #stalled = false

  constructor(guard: StorageGuard, log: Log) {
    this.#guard = guard
    this.#log = log
  }

  look(): void {
    const forMs = this.#guard.stalledMs
    if (forMs > 0 === this.#stalled) return
    this.#stalled = forMs > 0
    if (this.#stalled) this.#log.error('storage-stalled', { forMs: Math.round(forMs) })
    else this.#log.warn('storage-moves-again', {})
  }
}
