/** One pass over the rows of neighbouring partitions whose trees are being built (see trees.ts for why it may run beside commits). */
import { limits } from '../../limits.js'

/** A page of rows to be read, in order of their keys. */
export interface ScanWish {
  readonly from: Uint8Array
  /** Excluded; undefined = the end. */
  readonly to: Uint8Array | undefined
}

export interface ScannedPage {
  readonly rows: readonly { readonly rowKey: Uint8Array; readonly row: Uint8Array | 'unreadable' }[]
  /** Where to go on; undefined = the range is finished. */
  readonly next: Uint8Array | undefined
}

interface Row {
  readonly rowKey: Uint8Array
  readonly row: Uint8Array
}

export class TreeScan {
  /** The first partition that is not behind the cursor, and the one after the last. */
  first: number
  end: number
  readonly #to: Uint8Array | undefined
  #cursor: Uint8Array | undefined
  /** What commits have left since the page under way was asked for (undefined: a drop), by row key as text; undefined: none is under way. */
  #since: Map<string, { readonly rowKey: Uint8Array; readonly row: Uint8Array | undefined }> | undefined

  constructor(first: number, end: number, from: Uint8Array, to: Uint8Array | undefined) {
    this.first = first
    this.end = end
    this.#cursor = from
    this.#to = to
  }

  /** Rows before this key are in the trees; undefined: all are. */
  get cursor(): Uint8Array | undefined {
    return this.#cursor
  }

  hasPassed(rowKey: Uint8Array): boolean {
    return this.#cursor === undefined || Buffer.compare(rowKey, this.#cursor) < 0
  }

  /** A row that the cursor has not passed. */
  committed(rowKey: Uint8Array, row: Uint8Array | undefined): void {
    const since = this.#since
    if (since === undefined) return
    since.set(Buffer.from(rowKey).toString('latin1'), { rowKey, row })
    // More than a page takes: this one is given up, and asked for again.
    if (since.size > limits.treeUpdates) this.#since = undefined
  }

  /** Each partition is so many now; where the rows are has not changed. */
  split(parts: number): void {
    this.first *= parts
    this.end *= parts
  }

  nextPage(): ScanWish | undefined {
    if (this.#cursor === undefined) return undefined
    this.#since = new Map()
    return { from: this.#cursor, to: this.#to }
  }

  /** The rows that are now to be put into trees, and the keys of those that cannot be read; the cursor moves on behind them. */
  take(page: ScannedPage | undefined): {
    readonly rows: readonly Row[]
    readonly unreadable: readonly Uint8Array[]
  } {
    const since = this.#since
    this.#since = undefined
    const rows: Row[] = []
    const unreadable: Uint8Array[] = []
    if (page === undefined || since === undefined) return { rows, unreadable }
    for (const { rowKey, row } of page.rows) {
      if (since.has(Buffer.from(rowKey).toString('latin1'))) continue
      if (row === 'unreadable') unreadable.push(rowKey)
      else rows.push({ rowKey, row })
    }
    this.#cursor = page.next
    for (const { rowKey, row } of since.values()) {
      if (row !== undefined && this.hasPassed(rowKey)) rows.push({ rowKey, row })
    }
    return { rows, unreadable }
  }
}
