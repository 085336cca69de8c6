/** Judges every answer at the moment it is given: what a read must show and must not, and what an acknowledgement must rest on. */
import type { Knowledge, Ledger, WriteEntry } from '../ledger.js'
import type { ReadObject } from '../object-reader.js'
import { forgivenByDelete, HistoryCheck, type ShownRead } from './history-check.js'
import type { RowBook } from './row-book.js'
import type { Violations } from './violation.js'

/** What the nodes' disks hold, as the checker may look at them. */
export interface Replicas {
  /** Copies of the key's row, one for each node, that survive in the durability mode in force. */
  durableRows(key: string): readonly {
    readonly node: string
    readonly row: Uint8Array | undefined
    /** What the node keeps of it for owners that are away. */
    readonly kept: Uint8Array | undefined
    readonly lostSomethingAt: number
  }[]
  /** Where rows are acknowledged from memory: how many of the W copies must be on disks all the same. */
  readonly durableCopies?: number
  /** So many nodes an acknowledgement of this `w` rests on; absent: as many. */
  promised?(w: number): number
  /** On how many disks a write has to be for `w` owners to hold it in every list that may count; absent: there is one list. */
  rowsFor?(w: number): number
}

export interface AskedRead extends ShownRead {
  /** In virtual time. */
  readonly begunAtMs: number
}

export class AnswerCheck {
  readonly #ledger: Ledger
  readonly #book: RowBook
  readonly #violations: Violations
  readonly #replicas: Replicas
  readonly #n: number
  readonly #history: HistoryCheck
  /** For each key the writes that a read at a quorum has shown, and when it was answered. */
  readonly #shown = new Map<string, Map<number, number>>()
  /** Reads at a quorum that did not show what an earlier one had shown. */
  wentBack = 0

  constructor(ledger: Ledger, book: RowBook, violations: Violations, replicas: Replicas, n: number) {
    this.#ledger = ledger
    this.#book = book
    this.#violations = violations
    this.#replicas = replicas
    this.#n = n
    this.#history = new HistoryCheck(ledger, violations, n)
  }

  /** The writes that a read's siblings are; reports what should not be there. */
  read(key: string, object: ReadObject | undefined, asked: AskedRead, where: string): WriteEntry[] {
    if (object !== undefined) this.#book.saw(key, object, where)
    const seen = this.#identified(key, object, where)
    const closure = this.#history.shown(key, seen, asked, where)
    if (asked.r * 2 > this.#n) this.#lookBack(key, seen, closure, asked.begunAt)
    this.#mustBeDurable(key, seen, asked.begunAtMs, where)
    return seen
  }

  /** A write was acknowledged: W distinct nodes must hold it, or something that has seen it, durably. */
  acknowledged(entry: WriteEntry, begunAtMs: number): void {
    const dots = [...this.#book.dotsOf(entry.id)]
    const promised = this.#replicas.promised?.(entry.w) ?? entry.w
    const needed = Math.min(promised, this.#replicas.durableCopies ?? promised)
    if (dots.length === 0) {
      // From memory it may have been read, and replaced, before any disk had it.
      const isOver =
        this.#replicas.durableCopies !== undefined && this.#ledger.key(entry.key).isSuperseded(entry)
      if (entry.kind === 'put' && needed > 0 && !isOver)
        this.#violations.add('A6', `put ${entry.id} of ${entry.key} was acknowledged and is nowhere`)
      return
    }
    if (entry.sloppy && !entry.strict && entry.forgottenBy !== 'several')
      entry.strict = this.#rows(entry) >= (this.#replicas.rowsFor?.(entry.w) ?? entry.w)
    const copies = this.#replicas.durableRows(entry.key)
    const holders = this.#holders(entry, copies, begunAtMs, entry.sloppy)
    if (holders.length >= needed || this.#book.wasReaped(entry.key, entry.id)) return
    const held = holders.length === 0 ? 'nobody' : holders.join(', ')
    this.#violations.add(
      'A6',
      `${entry.kind} ${entry.id} of ${entry.key} was acknowledged at w=${entry.w}, but only ${held} held it durably`,
    )
  }

  /** The context of a write's answer may cover what was replaced, never a live version that the given context did not cover. */
  writtenContext(entry: WriteEntry, covered: readonly WriteEntry[]): void {
    const ledger = this.#ledger.key(entry.key)
    const wrong = covered.find(
      (other) =>
        other.kind === 'put' &&
        other.id !== entry.id &&
        !entry.covers.has(other.id) &&
        !ledger.isSuperseded(other),
    )
    if (wrong === undefined) return
    const answer = `the answer to ${entry.kind} ${entry.id} of ${entry.key}`
    this.#violations.add('A2', `${answer} covers ${wrong.id}, which its client never saw and nobody replaced`)
  }

  /** The database said that nothing was written. */
  refused(entry: WriteEntry): void {
    if (this.#book.dotsOf(entry.id).size > 0)
      this.#violations.add(
        'A12',
        `${entry.kind} ${entry.id} of ${entry.key} was refused, and yet it was written`,
      )
  }

  /** Nodes that hold the write, or something that has seen it, durably; those that lost something meanwhile are believed to have. */
  #holders(
    entry: WriteEntry,
    copies: ReturnType<Replicas['durableRows']>,
    sinceMs: number,
    sloppy: boolean,
  ): string[] {
    const holders: string[] = []
    for (const { node, row, kept, lostSomethingAt } of copies) {
      const holds = this.#has(entry, row) || (sloppy && this.#has(entry, kept))
      if (holds || lostSomethingAt >= sinceMs) holders.push(node)
    }
    return holders
  }

  /** Nodes that certainly hold the write in rows of their own, as owners do. */
  #rows(entry: WriteEntry): number {
    return this.#replicas.durableRows(entry.key).filter(({ row }) => this.#has(entry, row)).length
  }

  #has(entry: WriteEntry, row: Uint8Array | undefined): boolean {
    if (row === undefined) return false
    const object = this.#book.parse(row).object
    if ([...this.#book.dotsOf(entry.id)].some((dot) => object.clock.has(dot))) return true
    return entry.kind === 'delete' && this.#isGone(entry, object)
  }

  /** All that a delete had seen has been here and is not any more: where that is so already, it mints nothing. */
  #isGone(entry: WriteEntry, { clock, siblings }: ReadObject): boolean {
    const live = new Set(siblings.map((sibling) => sibling.dot))
    return [...entry.covers].every((id) => {
      const dots = [...this.#book.dotsOf(id)]
      const forgotten = this.#book.wasReaped(entry.key, id)
      // A delete that found nothing to remove has none.
      return dots.length === 0 || dots.some((dot) => !live.has(dot) && (forgotten || clock.has(dot)))
    })
  }

  /** What a read shows, a crash must not take back; unless rows are shown from memory. */
  #mustBeDurable(key: string, seen: readonly WriteEntry[], sinceMs: number, where: string): void {
    if (this.#replicas.durableCopies !== undefined || seen.length === 0) return
    const copies = this.#replicas.durableRows(key)
    for (const entry of seen) {
      const isReaped = entry.kind === 'delete' && this.#book.wasReaped(key, entry.id)
      if (!isReaped && this.#holders(entry, copies, sinceMs, true).length === 0)
        this.#violations.add(
          'A6',
          `${where} of ${key} shows ${entry.kind} ${entry.id}, which nobody held durably`,
        )
    }
  }

  /**
   * A read at a quorum may show a write that is on one replica only, and the next one need not: that is no promise broken until the
   * write is acknowledged. How often it happens is counted, for those who wonder.
   */
  #lookBack(key: string, seen: readonly WriteEntry[], closure: Knowledge, begunAt: number): void {
    const before = this.#shown.get(key) ?? new Map<number, number>()
    this.#shown.set(key, before)
    for (const [id, answeredAt] of before) {
      if (answeredAt > begunAt || closure.covers.has(id) || closure.besides.has(id)) continue
      const entry = this.#ledger.find(id)
      if (entry === undefined || entry.kind === 'delete') continue
      if (!forgivenByDelete(this.#ledger.key(key), entry)) this.wentBack += 1
    }
    const now = this.#ledger.step()
    for (const entry of seen) if (!before.has(entry.id)) before.set(entry.id, now)
  }

  #identified(key: string, object: ReadObject | undefined, where: string): WriteEntry[] {
    const seen = new Map<number, WriteEntry>()
    for (const sibling of object?.siblings ?? []) {
      const entry = this.#book.identify(key, sibling, where)
      if (entry !== undefined) seen.set(entry.id, entry)
    }
    return [...seen.values()]
  }
}
