/**
 * Judges the very moment at which a node lets go of a tombstone (A3), from all disks, also of nodes that are away: nowhere may a value be left that this
 * tombstone covers, in a row or in what is kept for others. What is on its way shows by coming back. Likewise of entries that a clock sheds.
 */
import type { RingView } from '../../../src/node/cluster-view.js'
import { fallbackKey, readFallback } from '../fallback-reader.js'
import type { ReadClock, ReadObject } from '../object-reader.js'
import type { RowBook } from './row-book.js'
import type { Violations } from './violation.js'

export interface ReapDisk {
  readonly name: string
  /** Owners of this key, as its node goes by: fewer than N where there are fewer members. */
  copies(engineKey: string): number
  /** It has lost, once, what it had said to be durable: nobody can know what it holds. */
  readonly lostSomething: boolean
  /** When its machine died for ever: what is there now means nothing. */
  readonly goneSinceMs: number | undefined
  /** It may have had a row of this key, and said so, before its disk lost it. */
  mayHaveLost(engineKey: string): boolean
  /** What is there now, durable or not; undefined also where it is damaged. */
  get(engineKey: string): Uint8Array | undefined
}

/**
 * Owners of a key in the list that is read, and never more than N. A larger N is none yet, as long as its list is not complete: what a disk drops now was let go of under the smaller one.
 */
export function ownersRead({ n, owners, partitions }: RingView, engineKey: string): number {
  const hash = engineKey.charCodeAt(1) * 256 + engineKey.charCodeAt(2)
  return Math.min(n, owners[Math.floor((hash * partitions) / 65_536)]?.length ?? n)
}

/** A replica that has let go of a state does not take it back for so long, unless its process was another one meanwhile. */
const NOT_BACK_MS = 20_000
/** What a machine had said to hold, it may have said so shortly before it died for ever. */
const SAID_MS = 10_000

interface Grave {
  readonly bytes: Uint8Array
  readonly life: number
  readonly timeMs: number
}

export class ReapCheck {
  readonly #book: RowBook
  readonly #violations: Violations
  readonly #disks: () => readonly ReapDisk[]
  readonly #nowMs: () => number
  /** What each node has let go of last, by node and database key. */
  readonly #graves = new Map<string, Grave>()
  reaped = 0
  shedClocks = 0
  /** Rows that went to other owners. */
  passedOn = 0
  /** Told of all that a disk lets go of, or sheds. */
  onGone: (holder: string, key: string, gone: ReadClock) => void = () => {}
  /** A backup that is brought back may bring a tombstone along, which goes again. */
  isBackedUp: (key: string, object: Uint8Array) => boolean = () => false

  constructor(book: RowBook, violations: Violations, disks: () => readonly ReapDisk[], nowMs: () => number) {
    this.#book = book
    this.#violations = violations
    this.#disks = disks
    this.#nowMs = nowMs
  }

  /** A disk holds an older state than it had promised: what was let go of since may be there again. */
  diskWentBack(): void {
    this.#book.diskWentBack()
  }

  /** A row became visible on the disk of `holder` where there was none. `life`: of its process. */
  appeared(holder: string, life: number, engineKey: string, key: string, row: Uint8Array): void {
    const grave = this.#graves.get(`${holder} ${engineKey}`)
    if (grave === undefined || grave.life !== life || this.#nowMs() - grave.timeMs > NOT_BACK_MS) return
    const { objectBytes } = this.#book.parse(row)
    if (Buffer.compare(objectBytes, grave.bytes) === 0 && !this.isBackedUp(key, objectBytes))
      this.#violations.add('reaping', `${holder} took back the tombstone of ${key} that it had let go of`)
  }

  /** A batch without a row for this key became visible on the disk of `holder`, where there was one. */
  dropped(holder: string, life: number, engineKey: string, key: string, before: Uint8Array): void {
    const { object, objectBytes } = this.#book.parse(before)
    if (this.#isElsewhere(holder, engineKey, object)) {
      this.passedOn += 1
      return
    }
    this.#graves.set(`${holder} ${engineKey}`, { bytes: objectBytes, life, timeMs: this.#nowMs() })
    this.reaped += 1
    const live = object.siblings.find((sibling) => !sibling.tombstone)
    if (live !== undefined)
      this.#violations.add('A1', `${holder} let go of its row of ${key}, which held ${this.#named(live.dot)}`)
    this.#book.reaped(key, object.clock)
    this.#lookEverywhere(engineKey, object.clock, `${holder} let go of its tombstone of ${key}`)
    this.onGone(holder, key, object.clock)
  }

  /** As many other disks as there are owners hold all that was in it, or what has seen it: it went because others own it now. */
  #isElsewhere(holder: string, engineKey: string, { siblings }: ReadObject): boolean {
    let copies = Number.POSITIVE_INFINITY
    const holders = this.#disks().filter((disk) => {
      if (disk.name === holder) {
        copies = disk.copies(engineKey)
        return false
      }
      if (this.#nowMs() - (disk.goneSinceMs ?? this.#nowMs()) > SAID_MS) return false
      const row = disk.get(engineKey)
      const clock = row === undefined ? undefined : this.#book.parse(row).object.clock
      const hasAll = clock !== undefined && siblings.every((sibling) => clock.has(sibling.dot))
      return hasAll || disk.mayHaveLost(engineKey)
    })
    return holders.length >= copies
  }

  /** The row of `holder` has shed entries of its clock: these dots. */
  shed(holder: string, engineKey: string, key: string, gone: ReadClock): void {
    this.shedClocks += 1
    this.#book.shed(key, gone)
    this.#lookEverywhere(engineKey, gone, `${holder} shed entries of its clock of ${key}`)
    this.onGone(holder, key, gone)
  }

  #lookEverywhere(engineKey: string, gone: ReadClock, what: string): void {
    for (const disk of this.#disks()) {
      if (disk.lostSomething || disk.goneSinceMs !== undefined) continue
      const row = disk.get(engineKey)
      if (row !== undefined) this.#nothingCovered(gone, this.#book.parse(row).object, what, disk.name)
      const record = disk.get(fallbackKey(engineKey.slice(1)))
      const kept = record === undefined ? undefined : readFallback(record).row
      if (kept !== undefined && kept.length > 0)
        this.#nothingCovered(gone, this.#book.parse(kept).object, what, `what ${disk.name} keeps`)
    }
  }

  #nothingCovered(gone: ReadClock, left: ReadObject, what: string, where: string): void {
    const old = left.siblings.find((sibling) => !sibling.tombstone && gone.has(sibling.dot))
    if (old !== undefined)
      this.#violations.add(
        'A3',
        `${what}, and ${where} still holds ${this.#named(old.dot)}, which it covered`,
      )
  }

  #named(dot: string): string {
    return `put ${this.#book.writeOf(dot)?.id ?? '?'}`
  }
}
