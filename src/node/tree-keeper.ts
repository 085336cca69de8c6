/**
 * Keeps the hash trees over restarts, and builds those that are not right.
 *
 * They are written at a clean stop, when no row can be committed any more: pages first, then a mark in a commit of its own, which names that
 * commit. They are good if nothing at all was committed after it but the mark of the next start; else nobody knows what they miss,
 * and they are built anew by scanning, a page at a time, beside everything else.
 */
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import type { Governor } from '../protocol/background/governor.js'
import { type TreePage, Trees } from '../protocol/entropy/trees.js'
import { ByteReader, ByteWriter, WireError } from '../wire/bytes.js'
import type { OpenReport, RowRead, ScannedRow, StorageGuard, WriteOperation } from './guard/index.js'
import { RECORDS } from './records.js'

/** 2 had rows by tree, which cannot be told apart when it is split: such trees are built anew. */
const VERSION = 3
/** Pages read by one call: some 4 MiB. */
const PAGES_AT_ONCE = 64
/** Pages in one batch, and their bytes. */
const BATCH_BYTES = 1024 * 1024
const BATCH_PAGES = 512
const RETRY_MS = 1_000
/** So many scans that fail one after the other are no accident. */
const FAILURES = 3
/** What a page of a scan costs: some two milliseconds of checksums. */
const UNITS = 8

/** In the place of the mark: index rows may be missing, and trees are to be built, and the index rows written as the rows go by. */
export const INDEX_HAS_GAPS = Uint8Array.of(0)

export function saysIndexHasGaps(record: RowRead): boolean {
  return record instanceof Uint8Array && Buffer.compare(record, INDEX_HAS_GAPS) === 0
}

/** What a clean stop says of the pages that it wrote. */
interface Mark {
  /** The commit before the first page: pages of another save name another. */
  readonly base: number
  /** The commit that holds the mark. */
  readonly commit: number
  readonly partitions: number
  readonly pages: number
}

/** The trees as the last clean stop left them; else those of no rows, or stale ones. `record`: the node's own record of that name. */
export function loadTrees(
  guard: StorageGuard,
  log: Log,
  partitions: number,
  report: OpenReport,
  record: RowRead,
  done: (trees: Trees) => void,
): void {
  const mark = record instanceof Uint8Array ? decoded(record, decodeMark) : undefined
  const good =
    mark?.commit === report.lastCommit - 1 && isSplitOf(mark.partitions, partitions) && report.clean
  if (mark === undefined || !good || report.lost !== 'nothing') {
    done(new Trees(partitions, !report.hasRows))
    return
  }
  // A split may have been recorded when they were written already.
  const trees = new Trees(mark.partitions, !report.hasRows)
  readPages(guard, trees.pageStarts, mark, (pages) => {
    const kept = pages.length === mark.pages && trees.restore(pages)
    if (kept) log.info('trees-kept', { pages: pages.length })
    trees.split(partitions)
    done(trees)
  })
}

/** Were `after` partitions so many before they were split, or are they the same? */
function isSplitOf(before: number, after: number): boolean {
  return before > 0 && before <= after && (before & (before - 1)) === 0
}

function readPages(
  guard: StorageGuard,
  firsts: readonly number[],
  mark: Mark,
  done: (pages: readonly TreePage[]) => void,
): void {
  const pages: TreePage[] = []
  const next = (from: number): void => {
    const asked = firsts.slice(from, from + PAGES_AT_ONCE)
    if (asked.length === 0) return done(pages)
    let left = asked.length
    for (const first of asked) {
      guard.readRecord('tree', pageKey(first), (value) => {
        const page = value instanceof Uint8Array ? decoded(value, decodePage) : undefined
        if (page?.base === mark.base) pages.push({ ...page, first })
        if (--left === 0) next(from + PAGES_AT_ONCE)
      })
    }
  }
  next(0)
}

export interface TreeKeeperParts {
  readonly clock: Clock
  readonly log: Log
  readonly guard: StorageGuard
  readonly trees: Trees
  readonly governor: Governor
  /** Index rows may have been lost, while their rows were not. */
  readonly indexHasGaps: boolean
}

export class TreeKeeper {
  readonly #parts: TreeKeeperParts
  #scanning = false
  #stopped = false
  #againMs = 0
  /** Scans that failed, one after the other. */
  #failures = 0
  #building = false
  #indexHasGaps: boolean
  /** The next tree to be built anew for its age, and when. */
  #oldest = 0
  #rebuildMs: number

  constructor(parts: TreeKeeperParts) {
    this.#parts = parts
    this.#indexHasGaps = parts.indexHasGaps
    if (parts.indexHasGaps) parts.trees.doubtAll()
    this.#rebuildMs = parts.clock.monotonicMs() + this.#rebuildEveryMs
  }

  get #rebuildEveryMs(): number {
    return limits.treeRebuildMs / this.#parts.trees.shape.partitions
  }

  get trees(): Trees {
    return this.#parts.trees
  }

  /** Some trees are not right yet. */
  get isBuilding(): boolean {
    return this.#building
  }

  /** The rows here cannot be scanned, and so trees cannot be built: a table is damaged. */
  get cannotScan(): boolean {
    return this.#failures >= FAILURES
  }

  tick(nowMs: number): void {
    const { trees, log } = this.#parts
    if (nowMs >= this.#rebuildMs) this.#renewOldest(nowMs)
    if (trees.stale > 0 !== this.#building) {
      this.#building = !this.#building
      log.info(this.#building ? 'trees-building' : 'trees-ready', { partitions: trees.shape.partitions })
    }
    if (this.#indexHasGaps && trees.stale === 0 && this.#parts.guard.state === 'open') this.#indexIsWhole()
    if (!this.#scanning && nowMs >= this.#againMs) this.#scan()
  }

  /** There are so many partitions now. */
  split(partitions: number): void {
    const { guard, trees } = this.#parts
    if (partitions === trees.shape.partitions) return
    this.#oldest *= partitions / trees.shape.partitions
    guard.slices.run('trees', () => trees.split(partitions))
  }

  /** What was committed is not all there any more; `index`: of index rows, too, whose rows are there. */
  lost(index: boolean): void {
    const { guard, trees } = this.#parts
    if (index) this.#indexHasGaps = true
    this.#failures = 0
    guard.slices.run('trees', () => trees.doubtAll())
  }

  /** No row is committed from now on but those that wait already. `done` when the trees are on the disk, or cannot be. */
  save(done: () => void): void {
    this.#stopped = true
    const { guard, trees } = this.#parts
    // What the record says meanwhile must outlive this stop.
    if (guard.state !== 'open' || this.#indexHasGaps) return done()
    // Behind all that waits; and the last mark goes.
    guard.write([{ type: 'system', name: RECORDS.trees, value: undefined }], (fault) => {
      if (fault === undefined && trees.stale === 0) this.#write(trees.pages(), guard.lastCommit, 0, done)
      else done()
    })
  }

  #write(pages: Iterator<TreePage>, base: number, written: number, done: () => void): void {
    const { guard, trees } = this.#parts
    const batch: WriteOperation[] = []
    for (let bytes = 0; bytes < BATCH_BYTES && batch.length < BATCH_PAGES; ) {
      const { value: page, done: ended } = pages.next()
      if (ended === true) break
      const value = encodePage(page, base)
      batch.push({ type: 'record', space: 'tree', key: pageKey(page.first), value })
      bytes += value.length
    }
    const { partitions } = trees.shape
    const mark = encodeMark({ base, commit: guard.lastCommit + 1, partitions, pages: written })
    if (batch.length === 0) guard.write([{ type: 'system', name: RECORDS.trees, value: mark }], done)
    else
      guard.write(batch, (fault) => {
        if (fault === undefined) this.#write(pages, base, written + batch.length, done)
        else done()
      })
  }

  #renewOldest(nowMs: number): void {
    const { trees } = this.#parts
    this.#rebuildMs = nowMs + this.#rebuildEveryMs
    if (trees.stale === 0) trees.doubtPartition(this.#oldest)
    this.#oldest = (this.#oldest + 1) % trees.shape.partitions
  }

  /**
   * Writes the index rows of these rows, whether they are there or not. (One whose row is dropped just now may be left over: listings look at the row of each key,
   * and so it names nothing.)
   */
  #index(rows: readonly ScannedRow[]): void {
    const indexed = rows.map(({ rowKey }) => ({ type: 'index', rowKey }) as const)
    if (indexed.length > 0) this.#parts.guard.write(indexed, (fault) => this.#indexed(fault === undefined))
  }

  /** What was not written, another pass writes. */
  #indexed(isWritten: boolean): void {
    if (!isWritten) this.lost(true)
  }

  /** All rows have gone by since it was known. */
  #indexIsWhole(): void {
    this.#indexHasGaps = false
    this.#parts.guard.write([{ type: 'system', name: RECORDS.trees, value: undefined }], (fault) => {
      if (fault !== undefined) this.#indexHasGaps = true
    })
  }

  /** One page after the other, as fast as is granted. */
  #scan(): void {
    const { guard, trees, governor } = this.#parts
    if (this.#stopped || guard.state !== 'open') return
    const wish = trees.nextScan()
    if (wish === undefined || !governor.take('trees', UNITS)) return
    this.#scanning = true
    const { from, to } = wish
    const { fences } = guard.stats
    const range = { from, maxRows: limits.treeScanRows, maxBytes: limits.treeScanBytes }
    guard.scan(to === undefined ? range : { ...range, to }, ({ rows, next, failed }) => {
      this.#scanning = false
      // What was read while the storage was fenced may lack a row that is there afterwards.
      const good = !failed && guard.stats.fences === fences && guard.state === 'open'
      guard.slices.run('trees', () => trees.scanned(good ? { rows, next } : undefined))
      if (good && this.#indexHasGaps) this.#index(rows)
      this.#failures = failed && guard.state === 'open' ? this.#failures + 1 : 0
      if (!good) this.#againMs = this.#parts.clock.monotonicMs() + RETRY_MS
      else this.#scan()
    })
  }
}

/** Under which a page is kept: its first segment. */
function pageKey(first: number): Uint8Array {
  const key = Buffer.allocUnsafe(4)
  key.writeUInt32BE(first)
  return key
}

function encodeMark({ base, commit, partitions, pages }: Mark): Uint8Array {
  const writer = new ByteWriter(64)
  writer.u8(VERSION)
  writer.u53(base)
  writer.u53(commit)
  writer.u32(partitions)
  writer.u32(pages)
  return writer.take()
}

function decodeMark(reader: ByteReader): Mark {
  return { base: reader.u53(), commit: reader.u53(), partitions: reader.u32(), pages: reader.u32() }
}

function encodePage({ packed }: TreePage, base: number): Uint8Array {
  const writer = new ByteWriter(32 + packed.length)
  writer.u8(VERSION)
  writer.u53(base)
  writer.bytes(packed)
  return writer.take()
}

function decodePage(reader: ByteReader): { base: number; packed: Uint8Array } {
  return { base: reader.u53(), packed: reader.bytes() }
}

/** What cannot be read is as good as not there: trees can be built anew. */
function decoded<T>(bytes: Uint8Array, decode: (reader: ByteReader) => T): T | undefined {
  try {
    const reader = new ByteReader(bytes)
    if (reader.u8() !== VERSION) return undefined
    const value = decode(reader)
    reader.end()
    return value
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return undefined
  }
}
