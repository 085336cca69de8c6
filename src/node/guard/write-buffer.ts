import { limits } from '../../limits.js'
import { bytesOf } from './batch.js'
import type { QueuedWrite } from './commit-queue.js'
import type { GuardStats, WriteOperation } from './face.js'
import { keyText } from './key-space.js'

/**
 * Rows that were acknowledged from memory (durability `buffered`; paper 6.1) and are not on the disk yet. They are the newest rows of their keys: every
 * read looks here first. They wait in the commit queue like all others, in the order of their writing, and leave when their batch has landed.
 *
 *     write a ──▶ acknowledged        buffer { a b }        queue [ a b ]──▶ one batch ──▶ buffer { }
 *       write b ──▶ acknowledged
 *
 * A batch that fails takes nothing from here: what was acknowledged is written again when the storage is open again. Only the end of the process
 * takes it away. The buffer is bounded; what does not fit is acknowledged when the disk has it.
 */
export class WriteBuffer {
  readonly #stats: GuardStats
  /** The newest row of each key, by the key as text; undefined: it was dropped. */
  readonly #rows = new Map<string, Uint8Array | undefined>()
  /** Of batches that failed, and those behind them, in order. */
  #kept: QueuedWrite[] = []
  #writes = 0

  constructor(stats: GuardStats) {
    this.#stats = stats
  }

  get isEmpty(): boolean {
    return this.#writes === 0
  }

  /** Takes a write in, to be acknowledged at once; false: it has to wait for the disk. */
  take(operations: readonly WriteOperation[]): boolean {
    const isFull = this.#writes >= limits.bufferWrites || this.#stats.bufferedBytes >= limits.bufferBytes
    if (isFull || !operations.every(({ type }) => type === 'row' || type === 'drop')) return false
    for (const operation of operations) {
      const { text, row } = leftBy(operation)!
      this.#rows.set(text, row)
    }
    this.#writes++
    this.#stats.rowsBuffered += operations.length
    this.#stats.bufferedBytes += bytesOf(operations)
    this.#stats.bufferedRows = this.#rows.size
    return true
  }

  /** The newest row, `dropped` where there is certainly none any more, `undefined` where the disk is to be asked. */
  get(rowKey: Uint8Array): Uint8Array | 'dropped' | undefined {
    if (this.#rows.size === 0) return undefined
    const text = keyText(rowKey)
    const row = this.#rows.get(text)
    return row === undefined && this.#rows.has(text) ? 'dropped' : row
  }

  has(rowKey: Uint8Array): boolean {
    return this.#rows.has(keyText(rowKey))
  }

  /** Its batch is durable. What is newer stays. */
  landed({ operations, isHeld }: QueuedWrite): void {
    if (!isHeld) return
    for (const operation of operations) {
      const left = leftBy(operation)
      if (left !== undefined && this.#rows.get(left.text) === left.row) this.#rows.delete(left.text)
    }
    this.#leave(operations)
  }

  /** Keeps those of failed writes that were acknowledged, before or behind those kept already; gives the others, who are to be told. */
  keep(failed: readonly QueuedWrite[], first: boolean): readonly QueuedWrite[] {
    const held = failed.filter(({ isHeld }) => isHeld)
    if (first) this.#kept.unshift(...held)
    else this.#kept.push(...held)
    return held.length === 0 ? failed : failed.filter(({ isHeld }) => !isHeld)
  }

  /**
   * What was kept, to be written now; of each key the newest row only: the failed batch may be on the disk after all, and no row must follow there on one
   * that is newer.
   */
  takeKept(): readonly QueuedWrite[] {
    const kept = this.#kept
    this.#kept = []
    const made = new Set<string>()
    for (const { operations } of kept)
      for (const operation of operations)
        if (operation.type === 'row' && operation.isNew) made.add(keyText(operation.rowKey))
    return kept.map((write) => {
      const operations = write.operations.filter((operation) => this.#isNewest(operation)).map(withIndex)
      const bytes = bytesOf(operations)
      this.#stats.bufferedBytes -= bytesOf(write.operations) - bytes
      return { ...write, operations, bytes }
    })

    function withIndex(operation: WriteOperation): WriteOperation {
      if (operation.type !== 'row' || operation.isNew) return operation
      const { type, rowKey, row } = operation
      return made.has(keyText(rowKey)) ? { type, rowKey, row, isNew: true } : operation
    }
  }

  #isNewest(operation: WriteOperation): boolean {
    const left = leftBy(operation)
    return left === undefined || this.#rows.get(left.text) === left.row
  }

  /** The process ends and the disk has not taken them: rows that are lost here. */
  abandon(): number {
    const lost = this.#rows.size
    this.#kept = []
    this.#rows.clear()
    this.#writes = 0
    this.#stats.bufferedBytes = 0
    this.#stats.bufferedRows = 0
    this.#stats.bufferLost += lost
    return lost
  }

  #leave(operations: readonly WriteOperation[]): void {
    this.#writes--
    this.#stats.bufferedBytes -= bytesOf(operations)
    this.#stats.bufferedRows = this.#rows.size
  }
}

/** What an operation leaves of a key's row: its bytes, nothing, or (undefined) whatever was there. */
function leftBy(
  operation: WriteOperation,
): { readonly text: string; readonly row: Uint8Array | undefined } | undefined {
  if (operation.type !== 'row' && operation.type !== 'drop') return undefined
  return { text: keyText(operation.rowKey), row: operation.type === 'row' ? operation.row : undefined }
}
