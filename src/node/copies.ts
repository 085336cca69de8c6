/**
 * What this node shows of its rows to whoever takes a backup: a page of a range of its own rows, or of what it keeps for others. A backup puts the pages of all owners
 * together (src/cli/backup/), as a coordinator does with the answers to a read.
 */
import { digestOf, ROW_FLAGS, rowFlags, rowObject } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Scheduler } from '../ports/scheduler.js'
import type { Governor } from '../protocol/background/governor.js'
import { decodeFallback } from '../protocol/hints/record.js'
import type { Membership } from '../protocol/membership/membership.js'
import { digestText } from '../protocol/membership/ring.js'
import { WireError } from '../wire/bytes.js'
import { type CopiedRow, encodePage } from '../wire/copied-rows.js'
import type { ScannedRow, StorageGuard } from './guard/index.js'
import type { Replica } from './replica.js'
import type { CopiedRange, CopyRequest, Failure } from './requests.js'

/** What a page costs: a scan, and of each row that it is read and its checksum verified. */
const PAGE_UNITS = 1
const ROWS_OF_A_UNIT = 64
const LOOK_AGAIN_MS = 25
const NOTHING = new Uint8Array(0)

const OVERLOADED: Failure = { status: 'error', code: 'OVERLOADED' }
const UNREADABLE: Failure = {
  status: 'error',
  code: 'NOT_READY',
  message: 'The rows of this range cannot be read here now.',
}

export interface CopiesParts {
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly replica: Replica
  readonly governor: Pick<Governor, 'may' | 'spend'>
}

type Done = (outcome: CopiedRange | Failure) => void

/** What of a scan goes into a page. */
interface Found {
  readonly rows: CopiedRow[]
  readonly next: Uint8Array | undefined
  readonly incomplete: boolean
}

const NOTHING_KEPT: Found = { rows: [], next: undefined, incomplete: false }

export class Copies {
  readonly #parts: CopiesParts
  /** Pages asked for and not yet answered. */
  #open = 0

  constructor(parts: CopiesParts) {
    this.#parts = parts
  }

  /** A page, when the governor grants it. */
  begin(request: CopyRequest, done: Done): void {
    if (this.#open >= limits.copiesAtOnce) return done(OVERLOADED)
    this.#open++
    this.#wait(request, (outcome) => {
      this.#open--
      done(outcome)
    })
  }

  #wait(request: CopyRequest, done: Done): void {
    const { governor, clock, scheduler, replica } = this.#parts
    // Most nodes keep nothing for others, and look for nothing then.
    if (request.of === 'kept' && replica.hints.isEmpty) this.#show(request, NOTHING_KEPT, done)
    else if (governor.may('backup')) this.#scan(request, done)
    else if (clock.monotonicMs() >= request.deadlineMs) done(OVERLOADED)
    else scheduler.after(LOOK_AGAIN_MS, () => this.#wait(request, done))
  }

  #scan(request: CopyRequest, done: Done): void {
    if (request.of === 'kept') this.#kept(request, done)
    else this.#rows(request, done)
  }

  #rows(request: CopyRequest, done: Done): void {
    const { guard, membership } = this.#parts
    const ring = digestText(membership.ring.digest)
    const range = { ...rangeOf(request), maxBytes: limits.copiedPageBytes }
    guard.scan(range, ({ rows, next, damaged, failed }) => {
      this.#spend(rows.length)
      if (failed) return done(UNREADABLE)
      // Rows were read under one table or another: which of them counts nobody could say.
      if (digestText(membership.ring.digest) !== ring) return this.#wait(request, done)
      const incomplete = membership.own.incomplete || damaged || rows.some(isIncomplete)
      const intact = rows.flatMap(({ rowKey, row }) =>
        row === 'unreadable' ? [] : [{ rowKey, object: rowObject(row) }],
      )
      this.#show(request, { rows: intact, next, incomplete }, done)
    })
  }

  /** What is kept for owners that are away. */
  #kept(request: CopyRequest, done: Done): void {
    this.#parts.guard.scanRecords('fallback', rangeOf(request), ({ records, next, damaged, failed }) => {
      this.#spend(records.length)
      if (failed) return done(UNREADABLE)
      const kept = records.map(({ key, value }) => ({ rowKey: key, object: keptObject(value) }))
      const incomplete = damaged || kept.some(({ object }) => object === undefined)
      // Of a row that is this node's own there is nothing in the record.
      const rows = kept.flatMap(({ rowKey, object = NOTHING }) =>
        object.length > 0 ? [{ rowKey, object }] : [],
      )
      this.#show(request, { rows, next, incomplete }, done)
    })
  }

  #spend(rows: number): void {
    this.#parts.governor.spend('backup', PAGE_UNITS + rows / ROWS_OF_A_UNIT)
  }

  #show(request: CopyRequest, { rows, next = NOTHING, incomplete }: Found, done: Done): void {
    const { guard, membership } = this.#parts
    const digests = request.of === 'digests'
    const page = guard.slices.run('backup', () =>
      encodePage({
        incomplete,
        ring: digestText(membership.ring.digest),
        next,
        digests,
        rows: digests ? rows.map(({ rowKey, object }) => ({ rowKey, object: digestOf(object) })) : rows,
      }),
    )
    done({ status: 'ok', page })
  }
}

function rangeOf({ from, to }: CopyRequest): { from: Uint8Array; to?: Uint8Array; maxRows: number } {
  return { from, maxRows: limits.copiedPageRows, ...(to === undefined ? {} : { to }) }
}

/** It cannot be read, or was written over one that could not. */
function isIncomplete({ row }: ScannedRow): boolean {
  return row === 'unreadable' || (rowFlags(row) & ROW_FLAGS.INCOMPLETE) !== 0
}

/** The object in a fallback's record, empty where it holds none; undefined: it cannot be read. */
function keptObject(record: Uint8Array | 'unreadable'): Uint8Array | undefined {
  if (record === 'unreadable') return undefined
  try {
    return rowObject(decodeFallback(record).row)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return undefined
  }
}
