/**
 * Rows read for work in the background, a few at a time: as many as some 256 KiB of them are likely to be, so that large ones do not keep the node
 * busy in one piece, nor fill its memory.
 */
import type { StorageGuard } from './guard/index.js'
import type { LocalRow, Replica } from './replica.js'
import type { SliceKind } from './slices.js'

const FIRST_ROWS = 4
const MOST_ROWS = 64
const BYTES_AT_ONCE = 256 * 1024

export interface EachRow {
  readonly kind: SliceKind
  /** In the order of the keys; `false`: that is enough. */
  each(row: LocalRow, index: number): boolean | undefined
  /** After the last. */
  done(): void
}

export interface ReadEachParts {
  readonly guard: Pick<StorageGuard, 'slices'>
  readonly replica: Pick<Replica, 'readMany'>
}

/** No row is kept here. Later ones may be younger than earlier ones. */
export function readEach(parts: ReadEachParts, rowKeys: readonly Uint8Array[], wish: EachRow): void {
  const { guard, replica } = parts
  let [read, bytes] = [0, 0]
  const next = (count: number): void => {
    const first = read
    replica.readMany(rowKeys.slice(first, first + count), (rows) => {
      const goesOn = guard.slices.run(wish.kind, () =>
        rows.every((row, index) => {
          read++
          bytes += row.object?.length ?? 0
          return wish.each(row, first + index) !== false
        }),
      )
      if (!goesOn || read === rowKeys.length) guard.slices.run(wish.kind, wish.done)
      else next(Math.min(MOST_ROWS, Math.max(1, Math.floor((BYTES_AT_ONCE * read) / Math.max(1, bytes)))))
    })
  }
  next(FIRST_ROWS)
}
