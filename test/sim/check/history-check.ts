/**
 * The rules that clients could apply to each other over a table: they look at the ledger and at what was shown, and at nothing inside
 * the database. The simulator's checkers use them beside what they see on disks; the chaos suite, which sees real nodes from outside,
 * has nothing but them.
 */
import type { KeyLedger, Knowledge, Ledger, WriteEntry } from '../ledger.js'
import type { Violations } from './violation.js'

export interface ShownRead {
  /** In ledger steps. */
  readonly begunAt: number
  readonly r: number
  /** Only owners count. */
  readonly strict: boolean
}

export class HistoryCheck {
  readonly #ledger: Ledger
  readonly #violations: Violations
  readonly #n: number

  constructor(ledger: Ledger, violations: Violations, n: number) {
    this.#ledger = ledger
    this.#violations = violations
    this.#n = n
  }

  /** What somebody who is shown these writes has seen of their key. */
  closure(key: string, seen: readonly WriteEntry[]): Knowledge {
    return this.#ledger.key(key).closure(
      seen.map((entry) => entry.id),
      (id) => this.#ledger.find(id),
    )
  }

  /**
   * A read was answered: it shows what it must (A1), nothing that is gone (A2, A3), and nothing beside what had seen it (A2). What its reader has seen with
   * it.
   */
  shown(
    key: string,
    seen: readonly WriteEntry[],
    { begunAt, r, strict }: ShownRead,
    where: string,
  ): Knowledge {
    const ledger = this.#ledger.key(key)
    const closure = this.closure(key, seen)
    for (const entry of ledger.writes) {
      if (strict && entry.strict && entry.ackedAt < begunAt && entry.w + r > this.#n) {
        this.#mustShow(ledger, entry, closure, where)
        this.#mustHide(entry, seen, where)
      }
    }
    this.#antichain(seen, where)
    return closure
  }

  /** What is left in the end, when all replicas are alike. */
  left(key: string, finals: readonly WriteEntry[]): void {
    const ledger = this.#ledger.key(key)
    const { covers } = this.closure(key, finals)
    for (const entry of ledger.writes) {
      if (entry.outcome !== 'acked') continue
      if (entry.kind === 'put' && !covers.has(entry.id) && !forgivenByDelete(ledger, entry))
        this.#violations.add(
          'A1',
          `acknowledged put ${entry.id} of ${key} is gone, and no write left had seen it`,
        )
      for (const shown of finals) this.#notBack(key, entry, shown)
    }
    for (const shown of finals) {
      const above = finals.find((other) => other.covers.has(shown.id))
      if (above !== undefined && shown.kind === 'put' && !shown.mayComeBack)
        this.#violations.add(
          'A2',
          `in the end ${key} holds ${shown.id} beside ${above.id}, whose client had seen it`,
        )
    }
  }

  #mustShow(ledger: KeyLedger, entry: WriteEntry, closure: Knowledge, where: string): void {
    if (entry.kind === 'delete' || closure.covers.has(entry.id) || closure.besides.has(entry.id)) return
    if (forgivenByDelete(ledger, entry)) return
    this.#violations.add(
      'A1',
      `${where} of ${entry.key} shows neither acknowledged put ${entry.id} nor anything that had seen it`,
    )
  }

  #mustHide(entry: WriteEntry, seen: readonly WriteEntry[], where: string): void {
    for (const shown of seen) {
      if (!entry.covers.has(shown.id) || shown.mayComeBack || shown.kind === 'delete') continue
      const invariant = entry.kind === 'delete' ? 'A3' : 'A2'
      const how = entry.kind === 'delete' ? 'deleted' : 'superseded'
      this.#violations.add(
        invariant,
        `${where} of ${entry.key} shows put ${shown.id}, which acknowledged ${entry.kind} ${entry.id} had ${how}`,
      )
    }
  }

  /** No version shown may be covered by another one shown. */
  #antichain(seen: readonly WriteEntry[], where: string): void {
    for (const shown of seen) {
      const above = seen.find((other) => other.covers.has(shown.id))
      if (above !== undefined && !shown.mayComeBack && shown.kind !== 'delete')
        this.#violations.add(
          'A2',
          `${where} of ${shown.key} shows ${shown.id} beside ${above.id}, whose client had seen it`,
        )
    }
  }

  #notBack(key: string, entry: WriteEntry, shown: WriteEntry): void {
    if (!entry.covers.has(shown.id) || shown.kind === 'delete' || shown.mayComeBack) return
    if (entry.kind === 'delete')
      this.#violations.add(
        'A3',
        `put ${shown.id} of ${key} is back after delete ${entry.id} of it was acknowledged`,
      )
    else
      this.#violations.add(
        'A2',
        `in the end ${key} still holds ${shown.id}, superseded by acknowledged put ${entry.id}`,
      )
  }
}

/**
 * Tombstones pass from siblings to history without anybody's context naming them: another tombstone takes their place, and a
 * put's answer covers them. Then what they deleted need not be in the closure of what is shown, though it is rightly gone. Likewise
 * with what a delete without a context removed.
 */
export function forgivenByDelete(ledger: KeyLedger, entry: WriteEntry): boolean {
  return ledger.writes.some((gone) => {
    if (gone.kind !== 'delete' || gone.outcome === 'refused') return false
    return gone.covers.has(entry.id) || (gone.sweeping && entry.begunAt < gone.endedAt)
  })
}

/** An acknowledged delete without a context has removed all that a quorum of owners had acknowledged when it began, in ledger steps. */
export function coverSwept(ledger: Ledger, entry: WriteEntry, begunAt: number, n: number): void {
  const quorum = Math.floor(n / 2) + 1
  // Such a read may have gone by those who held none of it.
  if (entry.sloppy) return
  for (const other of ledger.key(entry.key).writes) {
    if (!other.strict || other.ackedAt > begunAt || other.w + quorum <= n) continue
    entry.covers.add(other.id)
    for (const covered of other.covers) entry.covers.add(covered)
  }
}
