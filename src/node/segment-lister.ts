/**
 * Lists the rows of some segments of the hash trees, a bounded piece at a time and as fast as the governor grants: for this node's own exchanges and for
 * its peers'. A scan costs far more than a row of it, so segments with few rows between them are read in one, and those rows are passed over.
 */
import { rowObject } from '../kernel/index.js'
import { limits } from '../limits.js'
import type { Governor } from '../protocol/background/governor.js'
import type { ListedRow } from '../protocol/entropy/differences.js'
import type { Listed, ListSegments } from '../protocol/entropy/exchange.js'
import { RING_BITS, rangeOfSegment, startOfRange } from '../protocol/entropy/shape.js'
import type { Trees } from '../protocol/entropy/trees.js'
import type { ScannedRow, ScanPage, StorageGuard } from './guard/index.js'

const NOTHING = new Uint8Array(0)

/** What a scan costs by itself: its tables are looked through, an iterator is made, and both visit the thread pool. Its rows cost as those of a tree's scan. */
const SCAN_UNITS = 1
const ROWS_OF_A_UNIT = 64
/** So many rows that nobody asked for are read rather than another scan begun. */
const PASSED_OVER = 8

/** Neighbouring ranges of row keys: one scan. */
interface Run {
  readonly from: Uint8Array
  /** Excluded; undefined = the last row. */
  readonly to: Uint8Array | undefined
}

interface Listing {
  readonly wish: ListSegments
  readonly wanted: ReadonlySet<number>
  readonly runs: Run[]
  readonly rows: ListedRow[]
  readonly done: (listed: Listed) => void
  scannedRows: number
  scannedBytes: number
}

export class SegmentLister {
  readonly #guard: StorageGuard
  readonly #trees: Trees
  readonly #governor: Pick<Governor, 'may' | 'spend'>
  /** Scans that wait until they are granted: one for each exchange of this node, and for each peer that conducts one. */
  #held: (() => void)[] = []

  constructor(guard: StorageGuard, trees: Trees, governor: Pick<Governor, 'may' | 'spend'>) {
    this.#guard = guard
    this.#trees = trees
    this.#governor = governor
  }

  /** Something is asked for that has not been granted yet. */
  get isWaiting(): boolean {
    return this.#held.length > 0
  }

  /** Call often: what has been granted since goes on. */
  tick(): void {
    while (this.#held.length > 0 && this.#governor.may('exchange')) this.#held.shift()!()
  }

  /** `done` is never called within the call. Segments that are none give nothing. */
  list(wish: ListSegments, done: (listed: Listed) => void): void {
    const wanted = new Set(wish.segments.filter((segment) => segment < 2 ** RING_BITS))
    const runs = runsOf(wanted, (range) => this.#rangesPassedOver(range))
    this.#scanGranted({ wish, wanted, runs, rows: [], done, scannedRows: 0, scannedBytes: 0 }, wish.from)
  }

  /** Ranges behind this one that hold so few rows that they may be passed over. */
  #rangesPassedOver(range: number): number {
    const { shape } = this.#trees
    const rows = this.#trees.rowsOf(shape.partitionOf(startOfRange(range)!))
    return Math.floor((PASSED_OVER * shape.rangesOfAPartition) / Math.max(1, rows))
  }

  #scanGranted(listing: Listing, cursor: Uint8Array): void {
    const scan = () => this.#scan(listing, cursor)
    if (this.#held.length === 0 && this.#governor.may('exchange')) scan()
    else this.#held.push(scan)
  }

  /** From the row key on, or from where the next run begins. */
  #scan(listing: Listing, cursor: Uint8Array): void {
    const { runs, wish } = listing
    while (runs[0]?.to !== undefined && Buffer.compare(runs[0].to, cursor) <= 0) runs.shift()
    const run = runs[0]
    const from = run !== undefined && Buffer.compare(run.from, cursor) > 0 ? run.from : cursor
    const isOver = run === undefined || (wish.to.length > 0 && Buffer.compare(from, wish.to) >= 0)
    const to = isOver ? from : (earlier(run.to, wish.to) ?? undefined)
    const range = { from, maxRows: limits.treeScanRows, maxBytes: limits.treeScanBytes }
    // Even when nothing is left to read: so that the answer comes in another turn.
    this.#guard.scan(to === undefined ? range : { ...range, to }, (page) => {
      if (isOver) listing.done({ kind: 'listed', failed: false, rows: listing.rows, next: NOTHING })
      else this.#guard.slices.run('exchange', () => this.#found(listing, page))
    })
  }

  #found(listing: Listing, page: ScanPage): void {
    const { runs, rows, wanted, done } = listing
    this.#governor.spend('exchange', SCAN_UNITS + page.rows.length / ROWS_OF_A_UNIT)
    if (page.failed || this.#guard.state !== 'open') {
      done({ kind: 'listed', failed: true, rows: [], next: NOTHING })
      return
    }
    for (const scanned of page.rows) {
      listing.scannedRows++
      listing.scannedBytes += scanned.row.length
      if (wanted.has(this.#trees.segmentOf(scanned.rowKey))) rows.push(listed(scanned))
    }
    const next = page.next ?? runs[0]!.to
    if (page.next === undefined) runs.shift()
    if (next === undefined || runs.length === 0) done({ kind: 'listed', failed: false, rows, next: NOTHING })
    else if (isFull(listing)) done({ kind: 'listed', failed: false, rows, next })
    else this.#scanGranted(listing, next)
  }
}

function isFull({ rows, scannedRows, scannedBytes }: Listing): boolean {
  return (
    rows.length >= limits.exchangeKeys ||
    scannedRows >= limits.exchangeScanRows ||
    scannedBytes >= limits.exchangeScanBytes
  )
}

function listed({ rowKey, row }: ScannedRow): ListedRow {
  return { rowKey, object: row === 'unreadable' ? undefined : rowObject(row) }
}

/** The earlier of two ends, where no bytes, or none at all, are the last row. */
function earlier(one: Uint8Array | undefined, other: Uint8Array): Uint8Array | undefined {
  if (other.length === 0) return one
  if (one === undefined) return other
  return Buffer.compare(one, other) < 0 ? one : other
}

/** `passedOver`: so many ranges behind a range may lie within a run that nobody asked for. */
function runsOf(segments: ReadonlySet<number>, passedOver: (range: number) => number): Run[] {
  const ranges = [...new Set([...segments].map(rangeOfSegment))].sort((left, right) => left - right)
  const runs: Run[] = []
  for (let first = 0; first < ranges.length; ) {
    let last = first
    while (last + 1 < ranges.length && ranges[last + 1]! - ranges[last]! - 1 <= passedOver(ranges[last]!))
      last++
    runs.push({ from: startOfRange(ranges[first]!)!, to: startOfRange(ranges[last]! + 1) })
    first = last + 1
  }
  return runs
}
