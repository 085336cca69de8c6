import { checkRow, makeRowKey, rowCommit } from '../../kernel/index.js'
import { limits } from '../../limits.js'
import type { ScanRange, ScanResult } from '../../ports/engine.js'
import type { Slices } from '../slices.js'
import type { CommitQueue } from './commit-queue.js'
import type {
  IndexPage,
  IndexRange,
  RecordPage,
  RecordRange,
  RowRange,
  ScannedRow,
  ScanPage,
} from './face.js'
import {
  afterPrefix,
  endOfRecords,
  endOfRows,
  engineToRowKey,
  indexPrefix,
  keyInIndex,
  type RecordSpace,
  recordKey,
  rowKeyToEngine,
  successor,
} from './key-space.js'
import type { DamageLog } from './outcomes.js'
import type { OwnedEngine } from './owned-engine.js'
import { openPayload } from './records.js'
import { openRecord } from './small-record.js'
import type { Turn } from './turn.js'

/**
 * Scans, a page at a time. RocksDB's iterators do not verify what they read: a damaged table gives wrong bytes without a word. So
 * every row is checked with its key, what fails is reported where it was found, and keys that are out of order or out of the range
 * make the page damaged.
 */
export interface ScanPorts {
  readonly engine: OwnedEngine
  readonly turn: Turn
  readonly slices: Slices
  readonly commits: CommitQueue
  readonly damage: DamageLog
  mayRead(): boolean
  mayWrite(): boolean
}

interface Bounds {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

/** One call of the engine that waits for its turn. */
interface Waiting {
  readonly range: ScanRange
  readonly done: (result: ScanResult | undefined) => void
}

/** Of one page: the next listing heals the next ones. */
const INDEX_ROWS_HEALED = 64

const FAILED = { next: undefined, damaged: true, failed: true } as const

export class ScanQueue {
  readonly #ports: ScanPorts
  readonly #waiting: Waiting[] = []
  #underWay = 0

  constructor(ports: ScanPorts) {
    this.#ports = ports
  }

  /** `whole`: the disk has all that was acknowledged before; else the page has failed. */
  rows(asked: RowRange, done: (page: ScanPage) => void, whole: boolean): void {
    const range = {
      from: rowKeyToEngine(asked.from),
      to: asked.to === undefined ? endOfRows() : rowKeyToEngine(asked.to),
      maxRows: asked.maxRows,
      maxBytes: asked.maxBytes,
    }
    this.#ask(whole ? range : undefined, (result) => {
      if (result === undefined) done({ rows: [], ...FAILED })
      else this.#rowPage(range, result, done)
    })
  }

  index(asked: IndexRange, done: (page: IndexPage) => void, whole: boolean): void {
    const { bucket, maxRows } = asked
    const prefix = indexPrefix(bucket, asked.prefix)
    const after = asked.after === undefined ? prefix : successor(indexPrefix(bucket, asked.after))
    const from = Buffer.compare(after, prefix) > 0 ? after : prefix
    const range = { from, to: afterPrefix(prefix)!, maxRows, maxBytes: limits.storageScanBytes }
    this.#ask(whole ? range : undefined, (result) =>
      done(result === undefined ? { keys: [], ...FAILED } : this.#indexPage(bucket, range, result)),
    )
  }

  /**
   * An index row that cannot be read is written anew, since nothing but its key is in it; for the page it still counts as damaged. Should its
   * key be one that has no row, a listing finds that out, as it does for every key.
   */
  #indexPage(bucket: Uint8Array, range: Bounds, result: ScanResult): IndexPage {
    const page = indexPage(bucket, range, result)
    if (!page.damaged || !inOrder(range, result) || !this.#ports.mayWrite()) return page
    const unreadable = result.rows.filter(({ key, value }) => openRecord(key, value) === 'damaged')
    const healed = unreadable.slice(0, INDEX_ROWS_HEALED).map(({ key }) => {
      const rowKey = makeRowKey(bucket, keyInIndex(bucket, key))
      this.#ports.damage.indexRow(rowKey)
      return { type: 'index', rowKey } as const
    })
    if (healed.length > 0) this.#ports.commits.add(healed, () => {})
    return page
  }

  records(space: RecordSpace, asked: RecordRange, done: (page: RecordPage) => void): void {
    const range = {
      from: recordKey(space, asked.from),
      to: asked.to === undefined ? endOfRecords(space) : recordKey(space, asked.to),
      maxRows: asked.maxRows,
      maxBytes: limits.storageScanBytes,
    }
    this.#ask(range, (result) => {
      if (result === undefined) done({ records: [], ...FAILED })
      else done(this.#recordPage(range, result))
    })
  }

  #recordPage(range: Bounds, result: ScanResult): RecordPage {
    const { lastCommit } = this.#ports.commits
    const records = result.rows.map(({ key, value }) => {
      const payload = openPayload(key, value)
      const durable = payload !== 'damaged' && payload.commit <= lastCommit
      return { key: engineToRowKey(key), value: durable ? payload.value : ('unreadable' as const) }
    })
    const next = goOn(range, result)
    return {
      records,
      next: next === undefined ? undefined : engineToRowKey(next),
      damaged: !inOrder(range, result) || records.some(({ value }) => value === 'unreadable'),
      failed: next === undefined && !result.done,
    }
  }

  #ask(range: ScanRange | undefined, done: (result: ScanResult | undefined) => void): void {
    if (range === undefined || this.#waiting.length >= limits.storageQueueScans) {
      this.#ports.turn.after(() => done(undefined))
      return
    }
    this.#waiting.push({ range, done })
    this.#ports.turn.after(() => this.#next())
  }

  #next(): void {
    while (this.#underWay < limits.storageScans) {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) return
      this.#start(waiting)
    }
  }

  #start({ range, done }: Waiting): void {
    if (!this.#ports.mayRead()) {
      done(undefined)
      return
    }
    this.#underWay++
    const maxRows = Math.min(range.maxRows, limits.storageScanRows)
    const maxBytes = Math.min(range.maxBytes, limits.storageScanBytes)
    this.#ports.engine.scan({ ...range, maxRows, maxBytes }, (error, result) => {
      this.#underWay--
      this.#ports.damage.scan(error, range.from)
      done(error === undefined ? result : undefined)
      this.#next()
    })
  }

  #rowPage(range: Bounds, result: ScanResult, done: (page: ScanPage) => void): void {
    const rows: ScannedRow[] = []
    const verify = (index: number) => {
      const { key, value } = result.rows[index]!
      rows.push(this.#verified(engineToRowKey(key), value))
    }
    this.#ports.slices.each('scan', result.rows.length, verify, () => this.#show(range, result, rows, done))
  }

  /** Rows of the batch under way are shown when it has ended well, and not at all if it has not. */
  #show(
    range: Bounds,
    result: ScanResult,
    rows: readonly ScannedRow[],
    done: (page: ScanPage) => void,
  ): void {
    const { commits } = this.#ports
    const show = () =>
      done(
        this.#page(
          range,
          result,
          rows.map((row) => this.#durable(row)),
        ),
      )
    if (commits.inFlight && rows.some((row) => this.#durable(row) !== row)) commits.whenSettled(show)
    else show()
  }

  #verified(rowKey: Uint8Array, row: Uint8Array): ScannedRow {
    if (checkRow(rowKey, row) === 0) return { rowKey, row }
    this.#ports.damage.row(rowKey, 'checksum')
    return { rowKey, row: 'unreadable' }
  }

  #durable(scanned: ScannedRow): ScannedRow {
    const { rowKey, row } = scanned
    if (row === 'unreadable' || rowCommit(row) <= this.#ports.commits.lastCommit) return scanned
    return { rowKey, row: 'unreadable' }
  }

  #page(range: Bounds, result: ScanResult, rows: readonly ScannedRow[]): ScanPage {
    const next = goOn(range, result)
    return {
      rows,
      next: next === undefined ? undefined : engineToRowKey(next),
      damaged: !inOrder(range, result) || rows.some(({ row }) => row === 'unreadable'),
      failed: next === undefined && !result.done,
    }
  }
}

function indexPage(bucket: Uint8Array, range: Bounds, result: ScanResult): IndexPage {
  const intact = result.rows.filter(({ key, value }) => openRecord(key, value) !== 'damaged')
  const last = result.rows.at(-1)?.key
  const goesOn = goOn(range, result) !== undefined
  return {
    keys: intact.map(({ key }) => keyInIndex(bucket, key)),
    next: goesOn && last !== undefined ? keyInIndex(bucket, last) : undefined,
    damaged: !inOrder(range, result) || intact.length < result.rows.length,
    failed: !goesOn && !result.done,
  }
}

/** Where the next page begins; `undefined` at the end, or where a damaged key leads nowhere. */
function goOn(range: Bounds, result: ScanResult): Buffer | undefined {
  const last = result.rows.at(-1)?.key
  if (result.done || last === undefined) return undefined
  return Buffer.compare(last, range.from) >= 0 && Buffer.compare(last, range.to) < 0
    ? successor(last)
    : undefined
}

function inOrder(range: Bounds, result: ScanResult): boolean {
  return result.rows.every(({ key }, index) => {
    const before = result.rows[index - 1]?.key
    const follows =
      before === undefined ? Buffer.compare(key, range.from) >= 0 : Buffer.compare(key, before) > 0
    return follows && Buffer.compare(key, range.to) < 0
  })
}
