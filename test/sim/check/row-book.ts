/**
 * Watches every row that any node ever writes. From these rows alone: which dot stands for which value (A7), whether a replica
 * only moves up (A12), and whether a live sibling goes only where some client's context covered it (A2, at the very event).
 */
import { readFallback, rowKeyOfFallback } from '../fallback-reader.js'
import { idInOperation, type Ledger, nameInValue, valueBytesOf, type WriteEntry } from '../ledger.js'
import {
  type ReadClock,
  type ReadObject,
  type ReadRow,
  type ReadSibling,
  readRow,
  shedClock,
  UnreadableBytes,
} from '../object-reader.js'
import type { Violations } from './violation.js'

/** Database keys that hold rows begin with this letter, then two bytes of hash, bucket length, bucket, key. */
const ROW_TAG = 'd'
const BUCKET_LENGTH_AT = 3

export interface RowName {
  readonly bucket: string
  readonly key: string
}

/** Bucket and key of a database key that holds a row; undefined for any other. */
export function rowNameOf(engineKey: string): RowName | undefined {
  if (engineKey[0] !== ROW_TAG || engineKey.length <= BUCKET_LENGTH_AT) return undefined
  const keyAt = BUCKET_LENGTH_AT + 1 + engineKey.charCodeAt(BUCKET_LENGTH_AT)
  return { bucket: engineKey.slice(BUCKET_LENGTH_AT + 1, keyAt), key: engineKey.slice(keyAt) }
}

export class RowBook {
  readonly #ledger: Ledger
  readonly #violations: Violations
  readonly #values = new Map<string, { readonly key: string; readonly sibling: ReadSibling }>()
  readonly #dots = new Map<number, Set<string>>()
  readonly #writes = new Map<string, number>()
  readonly #reaped = new Map<string, ReadClock[]>()
  readonly #parsed = new WeakMap<Uint8Array, ReadRow>()
  mostSiblings = 0
  /** Told of a row that has shed entries of its clock. */
  onShed: (node: string, engineKey: string, key: string, gone: ReadClock) => void = () => {}
  /** Told of every row that is written. */
  onWritten: (node: string, key: string, object: ReadObject, before: ReadObject | undefined) => void =
    () => {}

  constructor(ledger: Ledger, violations: Violations) {
    this.#ledger = ledger
    this.#violations = violations
  }

  /** The dots under which a write was ever seen. */
  dotsOf(id: number): ReadonlySet<string> {
    return this.#dots.get(id) ?? new Set()
  }

  /** A row of the key was let go of; this is what its clock covered. */
  reaped(key: string, clock: ReadClock): void {
    this.shed(key, clock)
    this.#ledger
      .key(key)
      .reaped((entry) => entry.attempts > 1 && [...this.dotsOf(entry.id)].some((dot) => clock.has(dot)))
  }

  /** Nobody remembers these dots any more. */
  shed(key: string, clock: ReadClock): void {
    const clocks = this.#reaped.get(key) ?? []
    if (!clocks.some((known) => known.covers(clock))) clocks.push(clock)
    this.#reaped.set(key, clocks)
  }

  diskWentBack(): void {
    for (const key of this.#reaped.keys()) this.#ledger.key(key).diskWentBack()
  }

  /** Something of what rows that were let go of had seen: a write that is no longer to be found anywhere. */
  wasReaped(key: string, id: number): boolean {
    const clocks = this.#reaped.get(key) ?? []
    return [...this.dotsOf(id)].some((dot) => clocks.some((clock) => clock.has(dot)))
  }

  /** Rows that were let go of had seen all of it. */
  allWasReaped(key: string, clock: ReadClock): boolean {
    return (this.#reaped.get(key) ?? []).some((known) => known.covers(clock))
  }

  /** The write that a dot is. */
  writeOf(dot: string): WriteEntry | undefined {
    const id = this.#writes.get(dot)
    return id === undefined ? undefined : this.#ledger.find(id)
  }

  parse(row: Uint8Array): ReadRow {
    let parsed = this.#parsed.get(row)
    if (parsed === undefined) {
      parsed = readRow(row)
      this.#parsed.set(row, parsed)
    }
    return parsed
  }

  /** A node wrote a row over another (undefined: over none, or over one that was damaged). */
  written(
    node: string,
    engineKey: string,
    before: Uint8Array | undefined,
    after: Uint8Array | undefined,
  ): void {
    if (rowKeyOfFallback(engineKey) !== undefined) this.#kept(node, engineKey, before, after)
    const name = rowNameOf(engineKey)
    if (name === undefined) return
    // That is for reap-check to judge.
    if (after === undefined) return
    const row = this.#read(node, name, after)
    if (row === undefined) return
    this.saw(name.key, row.object, `${node}'s row`)
    const older = before === undefined ? undefined : this.#read(node, name, before)
    this.onWritten(node, name.key, row.object, older?.object)
    if (older !== undefined) this.#rises(node, engineKey, name, older.object, row.object)
  }

  /** What a node keeps for others is a row like any, as long as it is there. */
  #kept(
    node: string,
    engineKey: string,
    before: Uint8Array | undefined,
    after: Uint8Array | undefined,
  ): void {
    const name = rowNameOf(`${ROW_TAG}${rowKeyOfFallback(engineKey)}`)
    const row = after === undefined ? undefined : readFallback(after).row
    if (name === undefined || row === undefined || row.length === 0) return
    const newer = this.#read(node, name, row)
    if (newer === undefined) return
    this.saw(name.key, newer.object, `what ${node} keeps for others`)
    const older = before === undefined ? undefined : readFallback(before).row
    if (older === undefined || older.length === 0) return
    const olderRow = this.#read(node, name, older)
    if (olderRow !== undefined) this.#rises(node, engineKey, name, olderRow.object, newer.object)
  }

  /** Siblings seen anywhere: in a row, in an answer. */
  saw(key: string, object: ReadObject, where: string): void {
    this.mostSiblings = Math.max(this.mostSiblings, object.siblings.length)
    for (const sibling of object.siblings) this.#sawSibling(key, sibling, where)
  }

  /** The write that a sibling is; a violation when it is none. */
  identify(key: string, sibling: ReadSibling, where: string): WriteEntry | undefined {
    const name = sibling.tombstone ? undefined : nameInValue(sibling.value)
    const id = sibling.tombstone ? idInOperation(sibling.operation) : name?.id
    const entry = id === undefined ? undefined : this.#ledger.find(id)
    const sound = entry !== undefined && entry.key === key && this.#isIntact(entry, sibling, name?.attempt)
    if (sound) return entry
    const what = sibling.tombstone
      ? `a tombstone of operation '${sibling.operation}'`
      : excerpt(sibling.value)
    this.#violations.add('A12', `${where} of ${key} holds what nobody wrote: ${what}`)
    return undefined
  }

  #isIntact(entry: WriteEntry, sibling: ReadSibling, attempt: number | undefined): boolean {
    if (sibling.tombstone) return entry.kind === 'delete' && sibling.value.length === 0
    if (entry.kind !== 'put' || attempt === undefined || attempt < 1 || attempt > entry.attempts) return false
    return Buffer.compare(valueBytesOf(entry.id, attempt, entry.valueBytes), sibling.value) === 0
  }

  #read(node: string, name: RowName, bytes: Uint8Array): ReadRow | undefined {
    try {
      return this.parse(bytes)
    } catch (error) {
      if (!(error instanceof UnreadableBytes)) throw error
      this.#violations.add('A12', `${node} wrote a row of ${name.key} that cannot be read: ${error.message}`)
      return undefined
    }
  }

  #sawSibling(key: string, sibling: ReadSibling, where: string): void {
    const known = this.#values.get(sibling.dot)
    if (known !== undefined) {
      if (known.key === key && isSame(known.sibling, sibling)) return
      const [first, second] = [content(known.key, known.sibling), content(key, sibling)]
      this.#violations.add('A7', `dot ${sibling.dot} is [${first}], and in ${where} it is [${second}]`)
      return
    }
    this.#values.set(sibling.dot, { key, sibling })
    const entry = this.identify(key, sibling, where)
    if (entry === undefined) return
    this.#remember(entry, sibling.dot)
    if (entry.outcome === 'refused')
      this.#violations.add('A12', `write ${entry.id} of ${key} was refused, and yet it is in ${where}`)
  }

  #remember(entry: WriteEntry, dot: string): void {
    this.#writes.set(dot, entry.id)
    const dots = this.#dots.get(entry.id)
    if (dots === undefined) this.#dots.set(entry.id, new Set([dot]))
    else {
      dots.add(dot)
      if (entry.attempts === 1 && !entry.mayComeBack)
        this.#violations.add(
          'A7',
          `${entry.kind} ${entry.id} of ${entry.key} was sent once and became ${[...dots].join(' and ')}`,
        )
    }
  }

  #rises(node: string, engineKey: string, name: RowName, older: ReadObject, newer: ReadObject): void {
    const gone = newer.clock.covers(older.clock) ? undefined : shedClock(older, newer)
    if (gone !== undefined) this.onShed(node, engineKey, name.key, gone)
    else if (!newer.clock.covers(older.clock)) {
      const clocks = `[${older.clock}] became [${newer.clock}]`
      this.#violations.add('A12', `${node}'s replica of ${name.key} went back: its clock ${clocks}`)
    }
    const kept = new Set(newer.siblings.map((sibling) => sibling.dot))
    for (const sibling of older.siblings) if (!kept.has(sibling.dot)) this.#dropped(node, name, sibling)
  }

  #dropped(node: string, name: RowName, sibling: ReadSibling): void {
    const entry = this.writeOf(sibling.dot)
    // Tombstones give way to each other, and to writes after them, without being named in a context.
    if (entry === undefined || entry.kind === 'delete' || this.#ledger.key(name.key).isSuperseded(entry))
      return
    // Of two copies of one operation, one may go.
    if (this.dotsOf(entry.id).size > 1) return
    const what = `${entry.kind} ${entry.id}`
    this.#violations.add('A2', `${node} dropped ${what} of ${name.key}, which no client's context covered`)
  }
}

function isSame(left: ReadSibling, right: ReadSibling): boolean {
  if (left.tombstone !== right.tombstone || left.wallMs !== right.wallMs) return false
  return left.tombstone ? left.operation === right.operation : Buffer.compare(left.value, right.value) === 0
}

function content(key: string, sibling: ReadSibling): string {
  return `${key} ${sibling.tombstone ? sibling.operation : excerpt(sibling.value)} ${sibling.wallMs}`
}

function excerpt(value: Uint8Array): string {
  return `${value.length} bytes '${Buffer.from(value.subarray(0, 12)).toString('latin1')}'`
}
