/** A replica in memory, with real trees: what an exchange needs of a node, and no more. Rows lie in arrays, so that a million of them fit. */
import {
  applyWrite,
  applyWriteBound,
  makeRowKey,
  mergeBound,
  mergeRow,
  objectClock,
  rowObject,
  sealRow,
} from '../../src/kernel/index.js'
import { Drain } from '../../src/node/drain.js'
import { ExchangeAnswers } from '../../src/node/exchange-answers.js'
import type { RowRange, ScanPage, StorageGuard } from '../../src/node/guard/index.js'
import { Outflow } from '../../src/node/outflow.js'
import type { LocalRow, Replica } from '../../src/node/replica.js'
import { SegmentLister } from '../../src/node/segment-lister.js'
import { Trees } from '../../src/protocol/entropy/trees.js'
import type { Membership } from '../../src/protocol/membership/membership.js'
import type { EntropyMessage } from '../../src/wire/entropy.js'
import type { Digest64 } from '../../src/wire/messages.js'

export const RING: Digest64 = { high: 1, low: 2 }
const NOTHING = new Uint8Array(0)
const BUCKET = Buffer.from('bench')
/** What is done in slices elsewhere is done at once here. */
const UNCUT = { run: (_kind: string, slice: () => unknown) => slice() }
const LIMITS = { maxSiblings: 128, maxBytes: 1 << 24 }

export interface StoredRow {
  readonly rowKey: Uint8Array
  readonly row: Uint8Array | 'unreadable'
}

export class MemoryReplica {
  readonly id: string
  readonly trees: Trees
  readonly lister: SegmentLister
  readonly answers: ExchangeAnswers
  /** Rising by row key. */
  #rows: StoredRow[] = []
  /** Answers to questions, in order. */
  readonly said: EntropyMessage[] = []
  readonly compared: { peer: string; chunk: number; same: boolean }[] = []
  ring = RING
  state: 'open' | 'fenced' = 'open'
  /** Scans of its rows, and the units that it spent on them. */
  scans = 0
  spent = 0
  granted = true
  /** It hands hints to whoever asks. */
  waits = false
  /** It may lack rows. */
  incomplete = false

  /** `members`: all own every partition. */
  constructor(id: string, members: readonly string[], partitions: number) {
    this.id = id
    this.trees = new Trees(partitions, true)
    this.lister = new SegmentLister(this.#guard(), this.trees, {
      may: () => this.granted,
      spend: (_task, units) => {
        this.spent += units
      },
    })
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    const replica = this
    const membership = {
      self: id,
      get ring() {
        return { holding: replica.ring }
      },
      get own() {
        return { incomplete: replica.incomplete }
      },
    }
    this.answers = new ExchangeAnswers({
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
      outflow: new Outflow({ ring: { moving: new Map() } } as unknown as Membership, 0, undefined),
      guard: this.#guard(),
      membership: membership as unknown as Membership,
      replica: { readMany: (keys, done) => done(keys.map((key) => this.#local(key))) } as Replica,
      trees: this.trees,
      reads: new Drain(),
      lister: this.lister,
      waits: () => this.waits,
      shared: (peer) => (members.includes(peer) ? all : []),
      reply: (_to, message) => this.said.push(message),
      compared: (peer, chunk, same) => this.compared.push({ peer, chunk, same }),
    })
  }

  get rows(): readonly StoredRow[] {
    return this.#rows
  }

  /** Takes many rows at once, rising by row key. */
  fill(rows: readonly StoredRow[]): void {
    this.#rows = [...rows]
    for (const { rowKey, row } of this.#rows)
      if (row !== 'unreadable') this.trees.committed(rowKey, undefined, row)
    this.trees.settle()
  }

  /** Joins an object into its row, as a lane does. */
  merge(rowKey: Uint8Array, object: Uint8Array): void {
    const at = this.#place(rowKey)
    const found = this.#rows[at]
    const here = found !== undefined && Buffer.compare(found.rowKey, rowKey) === 0 ? found.row : undefined
    const before = here === undefined || here === 'unreadable' ? NOTHING : here
    const room = Buffer.allocUnsafe(mergeBound(before, object))
    const length = mergeRow(before, object, here === 'unreadable', room)
    if (length <= 0) return
    const row = Buffer.from(room.subarray(0, length))
    sealRow(rowKey, row, 1)
    this.#rows.splice(at, here === undefined ? 0 : 1, { rowKey, row })
    this.trees.committed(rowKey, here === 'unreadable' ? undefined : here, row)
  }

  object(rowKey: Uint8Array): Uint8Array | undefined {
    return this.#local(rowKey).object
  }

  #local(rowKey: Uint8Array): LocalRow {
    const found = this.#rows[this.#place(rowKey)]
    if (found === undefined || Buffer.compare(found.rowKey, rowKey) !== 0)
      return { object: undefined, known: true, incomplete: false }
    return found.row === 'unreadable'
      ? { object: undefined, known: false, incomplete: false }
      : { object: rowObject(found.row), known: true, incomplete: false }
  }

  /** Where the row is, or would be. */
  #place(rowKey: Uint8Array): number {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (Buffer.compare(this.#rows[middle]!.rowKey, rowKey) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The two things of a storage guard that trees are compared with. */
  #guard(): StorageGuard {
    const replica = this
    const guard = {
      slices: UNCUT,
      get state() {
        return replica.state
      },
      scan: (range: RowRange, done: (page: ScanPage) => void) => {
        this.scans++
        setImmediate(() => done(this.#scan(range)))
      },
    }
    return guard as unknown as StorageGuard
  }

  #scan({ from, to, maxRows, maxBytes }: RowRange): ScanPage {
    const rows: StoredRow[] = []
    let bytes = 0
    for (let at = this.#place(from); at < this.#rows.length; at++) {
      const row = this.#rows[at]!
      if (to !== undefined && Buffer.compare(row.rowKey, to) >= 0) break
      if (rows.length >= maxRows || bytes >= maxBytes)
        return { rows, next: row.rowKey, damaged: false, failed: this.state !== 'open' }
      rows.push(row)
      bytes += row.rowKey.length + row.row.length
    }
    return { rows, next: undefined, damaged: false, failed: this.state !== 'open' }
  }
}

export function byRowKey(one: StoredRow, other: StoredRow): number {
  return Buffer.compare(one.rowKey, other.rowKey)
}

/** The row of a key that was written `versions` times, each over the one before, under one actor. */
export function makeRow(key: string, actor: number, versions: number, valueBytes: number): StoredRow {
  const rowKey = makeRowKey(BUCKET, Buffer.from(key))
  let row: Uint8Array = NOTHING
  for (let version = 1; version <= versions; version++) {
    const write = {
      tombstone: false,
      incomplete: false,
      wallMs: version,
      operation: NOTHING,
      operationIsClients: false,
      attributes: NOTHING,
      value: Buffer.alloc(valueBytes, `${key} ${version} `),
    }
    const context = row.length === 0 ? NOTHING : objectClock(rowObject(row))
    const out = Buffer.allocUnsafe(applyWriteBound(row, context, write))
    const length = applyWrite(row, Buffer.alloc(14, actor), context, write, LIMITS, out)
    row = Buffer.from(out.subarray(0, length))
    sealRow(rowKey, row, 1)
  }
  return { rowKey, row }
}
