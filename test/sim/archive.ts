/** What a backup is to whoever takes it: rows as the members showed them, and how far each member's history of reaping had come before. */
import { rowNameOf } from './check/row-book.js'
import { readObject } from './object-reader.js'

/** As the member says it. */
export interface Mark {
  readonly history: string
  readonly rounds: number
}

export interface BackedRow {
  readonly rowKey: Uint8Array
  readonly object: Uint8Array
  readonly key: string
  /** Dots of the values that it would bring back. */
  readonly live: readonly string[]
}

export interface Archive {
  readonly number: number
  /** When it was begun: what is let go of later may be in it. */
  readonly begunMs: number
  /** By the member's id. */
  readonly marks: ReadonlyMap<string, Mark>
  readonly rows: readonly BackedRow[]
}

export function backedRow(rowKey: Uint8Array, object: Uint8Array): BackedRow {
  const name = rowNameOf(`d${Buffer.from(rowKey).toString('latin1')}`)
  const live = readObject(object).siblings.flatMap(({ tombstone, dot }) => (tombstone ? [] : [dot]))
  return { rowKey, object, key: name?.key ?? '', live }
}

/** The same row, shown by several owners, is one. */
export function distinct(rows: readonly BackedRow[]): readonly BackedRow[] {
  const seen = new Set<string>()
  return rows.filter(({ key, object }) => {
    const text = `${key} ${Buffer.from(object).toString('latin1')}`
    const isNew = !seen.has(text)
    seen.add(text)
    return isNew
  })
}
