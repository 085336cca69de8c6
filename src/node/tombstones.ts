/**
 * Which rows here hold nothing but tombstones, or a clock that names many actors of whom nothing is left: known from every commit, and once from a slow scan of
 * what earlier starts have left. So a node whose rows are all alive and young spends nothing on reaping but that scan.
 */
import { clockActors, isLiveRow, liveCount, rowObject, spareEntries } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { StorageGuard } from './guard/index.js'

const RETRY_MS = 1_000
/** Looked at by one call of `due`, whether or not they are. */
const LOOKS = 4_096
const START = new Uint8Array(1)

export interface Tombstone {
  readonly rowKey: Uint8Array
  /** It holds a value, too: only what its clock has to spare is to go. */
  readonly isLive: boolean
  /** When it was written, or last looked at in vain; on the monotonic clock, to within a tick. */
  sinceMs: number
}

export interface DueRows {
  /** So long a tombstone is left alone. */
  readonly afterMs: number
  /** And so long a value whose clock has too much to spare. */
  readonly shedAfterMs: number
  readonly most: number
}

export class Tombstones {
  /** Set at every tick. */
  nowMs = 0
  readonly #guard: StorageGuard
  readonly #spareEntries: number
  readonly #found = new Map<string, Tombstone>()
  /** Those of them that hold a value. */
  #live = 0
  /** There were more than are remembered: they are looked for when those have gone. */
  #overflowed = false
  /** Where the scan goes on; undefined: it is over. */
  #cursor: Uint8Array | undefined = START
  /** Rows committed while a page is under way: what the page shows of them is out of date. */
  #since: Set<string> | undefined
  #nextMs = 0
  /** Through those found; it sees what comes and goes meanwhile. */
  #walk: Iterator<Tombstone, undefined> | undefined
  #life = 0

  /** `spareEntries`: so many of a clock are left alone. */
  constructor(guard: StorageGuard, spareEntries: number) {
    this.#guard = guard
    this.#spareEntries = spareEntries
  }

  /** Rows known to hold nothing but tombstones. */
  get count(): number {
    return this.#found.size - this.#live
  }

  /** Rows known to hold a value under a clock that has too many entries to spare. */
  get crowded(): number {
    return this.#live
  }

  /** What a row that holds this is to be looked after for; undefined: nothing. */
  kindOf(object: Uint8Array): 'tombstone' | 'crowded' | undefined {
    if (liveCount(object) === 0) return 'tombstone'
    return spareEntries(object) > this.#spareEntries ? 'crowded' : undefined
  }

  /** All rows have been looked at since the start. */
  get isComplete(): boolean {
    return this.#cursor === undefined && !this.#overflowed
  }

  /** A row was committed; undefined: dropped. */
  committed(rowKey: Uint8Array, row: Uint8Array | undefined): void {
    this.#since?.add(textOf(rowKey))
    this.#saw(rowKey, row)
  }

  /** It is none any more, as a look at it has shown. */
  forget(rowKey: Uint8Array): void {
    this.#forget(textOf(rowKey))
  }

  /** Not all that are known have been looked at since the last time that they were: `due` goes on where it was. */
  get isWalking(): boolean {
    return this.#walk !== undefined
  }

  /** The next of those that have been as they are for so long; at most so many, and so many bytes of their keys. */
  due(
    { afterMs, shedAfterMs, most }: DueRows,
    isMine: (rowKey: Uint8Array) => boolean,
  ): readonly Tombstone[] {
    const due: Tombstone[] = []
    let bytes = 0
    for (let looks = 0; looks < LOOKS; looks++) {
      this.#walk ??= this.#found.values()
      const { value: tombstone } = this.#walk.next()
      if (tombstone === undefined) {
        this.#walk = undefined
        break
      }
      const restMs = tombstone.isLive ? shedAfterMs : afterMs
      if (this.nowMs - tombstone.sinceMs < restMs || !isMine(tombstone.rowKey)) continue
      bytes += tombstone.rowKey.length
      due.push(tombstone)
      if (due.length >= most || bytes >= limits.reapKeyBytes) break
    }
    return due
  }

  /** What is on the disk is not what was committed: everything is looked at again. */
  restart(): void {
    this.#life++
    this.#since = undefined
    this.#cursor = START
  }

  /** Looks at the next page, now and then, where `granted` says that it may. */
  tick(nowMs: number, granted: () => boolean): void {
    this.nowMs = nowMs
    if (this.#overflowed && this.#cursor === undefined && this.#found.size < limits.tombstones / 2) {
      this.#overflowed = false
      this.#cursor = START
    }
    const isIdle = this.#cursor !== undefined && this.#since === undefined
    if (isIdle && nowMs >= this.#nextMs && this.#guard.state === 'open' && granted())
      this.#scan(this.#cursor!)
  }

  #scan(from: Uint8Array): void {
    const life = this.#life
    this.#since = new Set()
    const range = { from, maxRows: limits.treeScanRows, maxBytes: limits.treeScanBytes }
    this.#guard.scan(range, ({ rows, next, failed }) => {
      if (life !== this.#life) return
      const since = this.#since!
      this.#since = undefined
      this.#nextMs = this.nowMs + (failed ? RETRY_MS : limits.tombstoneScanMs)
      if (failed || this.#guard.state !== 'open') return
      this.#guard.slices.run('reaping', () => {
        for (const { rowKey, row } of rows) {
          if (row !== 'unreadable' && !since.has(textOf(rowKey))) this.#saw(rowKey, row)
        }
      })
      this.#cursor = next
    })
  }

  #saw(rowKey: Uint8Array, row: Uint8Array | undefined): void {
    const isLive = row !== undefined && isLiveRow(row)
    if (row === undefined || (isLive && !this.#isCrowded(row))) {
      if (this.#found.size > 0) this.#forget(textOf(rowKey))
    } else if (this.#found.size < limits.tombstones) {
      const text = textOf(rowKey)
      this.#forget(text)
      if (isLive) this.#live++
      // A copy: the key may be a sliver of a frame.
      this.#found.set(text, { rowKey: Buffer.from(rowKey), isLive, sinceMs: this.nowMs })
    } else this.#overflowed = true
  }

  /** Asked of every row that is committed: nearly always one byte says no. */
  #isCrowded(row: Uint8Array): boolean {
    return clockActors(row) > this.#spareEntries && this.kindOf(rowObject(row)) === 'crowded'
  }

  #forget(text: string): void {
    if (this.#found.get(text)?.isLive === true) this.#live--
    this.#found.delete(text)
  }
}

function textOf(rowKey: Uint8Array): string {
  return Buffer.from(rowKey.buffer, rowKey.byteOffset, rowKey.length).toString('latin1')
}
