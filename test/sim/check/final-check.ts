/** Judges the cluster when everything has been healed, every key read at r=all, and time given: nothing lost, nothing back, all alike. */
import { createHash } from 'node:crypto'
import type { Ledger, WriteEntry } from '../ledger.js'
import { HistoryCheck } from './history-check.js'
import type { RowBook } from './row-book.js'
import type { Violations } from './violation.js'

export interface FinalRow {
  readonly node: string
  readonly row: Uint8Array | undefined
  /** This node is an owner of the key under the table in force. */
  readonly owner: boolean
}

/** The partition of a key by the published rule: the top bits of MD5 over bucket length, bucket, key. */
export function partitionOfKey(bucket: string, key: string, partitions: number): number {
  const bytes = Buffer.concat([
    Buffer.of(bucket.length),
    Buffer.from(bucket, 'latin1'),
    Buffer.from(key, 'latin1'),
  ])
  const top = createHash('md5').update(bytes).digest().readUInt32BE(0)
  return Math.floor((top / 4294967296) * partitions)
}

export class FinalCheck {
  readonly #book: RowBook
  readonly #violations: Violations
  readonly #history: HistoryCheck

  constructor(ledger: Ledger, book: RowBook, violations: Violations) {
    this.#book = book
    this.#violations = violations
    // What is left in the end is judged without counting nodes.
    this.#history = new HistoryCheck(ledger, violations, 0)
  }

  /** Which owners differ, in words; undefined when all agree byte for byte. */
  difference(key: string, rows: readonly FinalRow[]): string | undefined {
    const owners = rows.filter((row) => row.owner)
    const shapes = owners.map(({ row }) => (row === undefined ? '' : hex(this.#book.parse(row).objectBytes)))
    if (shapes.every((shape) => shape === shapes[0])) return undefined
    return `the owners of ${key} differ: ${owners.map((owner) => `${owner.node} ${this.#describe(owner.row)}`).join('; ')}`
  }

  key(key: string, rows: readonly FinalRow[]): void {
    for (const { node, row, owner } of rows) {
      if (!owner && row !== undefined)
        this.#violations.add('A4', `${node} holds a row of ${key} and is none of its owners`)
    }
    const row = rows.find((candidate) => candidate.owner)?.row
    this.#history.left(key, this.#entries(key, row))
  }

  /** True when the owners' row holds a version that is no tombstone. */
  isLive(rows: readonly FinalRow[]): boolean {
    const row = rows.find((candidate) => candidate.owner)?.row
    return row !== undefined && this.#book.parse(row).object.siblings.some((sibling) => !sibling.tombstone)
  }

  #entries(key: string, row: Uint8Array | undefined): WriteEntry[] {
    if (row === undefined) return []
    const object = this.#book.parse(row).object
    const entries = new Map<number, WriteEntry>()
    for (const sibling of object.siblings) {
      const entry = this.#book.identify(key, sibling, 'the final row')
      if (entry !== undefined) entries.set(entry.id, entry)
    }
    return [...entries.values()]
  }

  #describe(row: Uint8Array | undefined): string {
    if (row === undefined) return 'has none'
    const object = this.#book.parse(row).object
    const siblings = object.siblings.map((sibling) => this.#book.writeOf(sibling.dot)?.id ?? '?')
    return `holds ${siblings.join(',') || 'nothing'} under [${object.clock}]`
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
