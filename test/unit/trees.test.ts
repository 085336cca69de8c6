/** Trees follow every commit, beside a scan and after every doubt, and are then what a scan of the same rows gives. */
import test from 'ava'
import { makeRow, type StoredRow } from '../../bench/entropy/replica.js'
import type { ScannedPage } from '../../src/protocol/entropy/tree-scan.js'
import { type TreePage, Trees } from '../../src/protocol/entropy/trees.js'
import { Prng } from '../sim/prng.js'

const PARTITIONS = 8
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition)
const KEYS = 40
const VERSIONS = 4
/** By key and version. */
const MADE = Array.from({ length: KEYS }, (_, key) =>
  Array.from({ length: VERSIONS }, (_, version) => makeRow(`key ${key}`, 1, version + 1, 8)),
)
const SORTED = MADE.map(([first]) => first!.rowKey).sort(Buffer.compare)

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A database that trees follow: rows, and at most one page of a scan under way. */
class Database {
  readonly rows = new Map<string, Uint8Array>()
  readonly trees: Trees
  #page: { from: Uint8Array; to: Uint8Array | undefined; shown?: ScannedPage } | undefined

  constructor(isEmpty: boolean) {
    this.trees = new Trees(PARTITIONS, isEmpty)
  }

  /** `unseen`: what is replaced could not be read. */
  put({ rowKey, row }: StoredRow, unseen = false): void {
    const before = unseen ? 'unreadable' : this.rows.get(text(rowKey))
    this.rows.set(text(rowKey), row as Uint8Array)
    this.trees.committed(rowKey, before, row as Uint8Array)
  }

  drop({ rowKey }: StoredRow): void {
    const before = this.rows.get(text(rowKey))
    if (before === undefined) return
    this.rows.delete(text(rowKey))
    this.trees.committed(rowKey, before, undefined)
  }

  ask(): void {
    if (this.#page !== undefined) return
    const wish = this.trees.nextScan()
    if (wish !== undefined) this.#page = { from: wish.from, to: wish.to }
  }

  /** The moment that the page shows. */
  show(maxRows: number): void {
    const page = this.#page
    if (page === undefined || page.shown !== undefined) return
    const isIn = (key: Uint8Array) =>
      this.rows.has(text(key)) &&
      Buffer.compare(key, page.from) >= 0 &&
      (page.to === undefined || Buffer.compare(key, page.to) < 0)
    const keys = SORTED.filter(isIn)
    const rows = keys.slice(0, maxRows).map((rowKey) => ({ rowKey, row: this.rows.get(text(rowKey))! }))
    page.shown = { rows, next: keys[maxRows] }
  }

  deliver(fails: boolean): void {
    if (this.#page?.shown === undefined) return
    const { shown } = this.#page
    this.#page = undefined
    this.trees.scanned(fails ? undefined : shown)
  }

  /** Lets the scan come to its end, with nothing between. */
  finish(): void {
    for (let pages = 0; this.trees.stale > 0; pages++) {
      if (pages > 1000) throw new Error('the scan does not end')
      this.ask()
      this.show(3)
      this.deliver(false)
    }
  }

  /** The roots of trees that saw these rows and nothing else. */
  rootsOfRows(): Buffer {
    const fresh = this.#fresh()
    return fresh.roots(numbersOf(fresh))
  }

  /** Rows, and bytes of their objects, by partition. */
  held(trees = this.trees): [number, number][] {
    return numbersOf(trees).map((partition) => [trees.rowsOf(partition), trees.bytesOf(partition)])
  }

  heldByRows(): [number, number][] {
    return this.held(this.#fresh())
  }

  #fresh(): Trees {
    const fresh = new Trees(this.trees.shape.partitions, true)
    for (const [key, row] of this.rows) fresh.committed(Buffer.from(key, 'hex'), undefined, row)
    return fresh
  }
}

function numbersOf(trees: Trees): number[] {
  return Array.from({ length: trees.shape.partitions }, (_, partition) => partition)
}

function act(database: Database, prng: Prng): void {
  const row = prng.pick(prng.pick(MADE))
  const what = prng.below(100)
  if (what < 50) database.put(row)
  else if (what < 55) database.drop(row)
  else if (what < 57) database.put(row, true)
  else if (what < 59) database.trees.doubt(row.rowKey)
  else if (what < 72) database.ask()
  else if (what < 85) database.show(1 + prng.below(6))
  else if (what < 97) database.deliver(prng.chance(0.1))
  else database.trees.settle()
}

test('whatever happens beside a scan, the trees are what the rows make', (t) => {
  let commitsBesidePages = 0
  for (let seed = 1; seed <= 120; seed++) {
    const prng = new Prng(`trees ${seed}`)
    const database = new Database(prng.chance(0.3))
    for (let step = 0; step < 250; step++) act(database, prng)
    commitsBesidePages += database.trees.stale
    database.finish()
    t.deepEqual(database.trees.roots(ALL), database.rootsOfRows(), `seed ${seed}`)
    t.is(database.trees.faults, 0)
    t.is(database.trees.stale, 0)
  }
  t.true(commitsBesidePages > 40, 'scans were under way')
})

test('trees that are split, whatever is going on, are what the rows make of the parts, and count their rows', (t) => {
  let scansBeside = 0
  for (let seed = 1; seed <= 120; seed++) {
    const prng = new Prng(`split ${seed}`)
    const database = new Database(prng.chance(0.3))
    const { trees } = database
    for (const partitions of [PARTITIONS, 8 * PARTITIONS, 8 * PARTITIONS, 256 * PARTITIONS]) {
      const before = trees.stale / trees.shape.partitions
      trees.split(partitions)
      t.is(trees.stale / partitions, before, 'what was right stays right, and what was not is not')
      scansBeside += before > 0 ? 1 : 0
      for (let step = 0; step < 80; step++) act(database, prng)
    }
    database.finish()
    t.deepEqual(trees.roots(numbersOf(trees)), database.rootsOfRows(), `seed ${seed}`)
    t.deepEqual(database.held(), database.heldByRows())
    t.is(trees.faults, 0)
  }
  t.true(scansBeside > 40, 'scans were under way')
})

test('a tree is not ready while it is stale or being built, and says nothing then', (t) => {
  const database = new Database(true)
  t.is(database.trees.stale, 0)
  for (const [row] of MADE) database.put(row!)
  const [row] = MADE[0]!
  const partition = database.trees.shape.partitionOf(row!.rowKey)
  database.trees.doubt(row!.rowKey)
  t.false(database.trees.isReady(partition))
  t.is(database.trees.stale, 1)
  t.true(database.trees.roots([partition]).every((byte) => byte === 0))
  database.ask()
  t.false(database.trees.isReady(partition))
  database.show(1000)
  database.deliver(false)
  t.true(database.trees.isReady(partition))
  t.deepEqual(database.trees.roots(ALL), database.rootsOfRows())
})

test('what was not right is noticed, and everything built anew', (t) => {
  const database = new Database(true)
  const [row] = MADE[0]!
  // A row is taken out that was never put in.
  database.trees.committed(row!.rowKey, row!.row, undefined)
  database.trees.settle()
  t.is(database.trees.faults, 1)
  t.is(database.trees.stale, PARTITIONS)
  database.put(row!)
  database.finish()
  t.deepEqual(database.trees.roots(ALL), database.rootsOfRows())
})

test('pages make the trees again; pages of something else make none', (t) => {
  const database = new Database(true)
  for (const [row] of MADE) database.put(row!)
  const copied = (page: TreePage): TreePage => ({ ...page, packed: Buffer.from(page.packed) })
  const pages = Array.from(database.trees.pages(), copied)
  t.true(pages.length >= 1 && pages.every(({ first }) => database.trees.pageStarts.includes(first)))

  const again = new Trees(PARTITIONS, false)
  t.true(again.restore(pages))
  t.is(again.stale, 0)
  t.deepEqual(again.roots(ALL), database.trees.roots(ALL))
  const [first, second] = MADE[3]!
  again.committed(first!.rowKey, first!.row, second!.row as Uint8Array)
  database.put(second!)
  t.deepEqual(again.roots(ALL), database.rootsOfRows())

  const other = new Trees(PARTITIONS, false)
  t.false(other.restore([...pages, { first: 0, packed: Buffer.alloc(17) }]))
  t.is(other.stale, PARTITIONS)
  t.true(other.roots(ALL).every((byte) => byte === 0))
  database.trees.doubtPartition(0)
  t.deepEqual([...database.trees.pages()], [], 'half of the truth is not kept')
})

test('neighbouring partitions share no node, and all of a ring has a million segments', (t) => {
  for (const partitions of [1, 8, 256, 65_536]) {
    const { shape } = new Trees(partitions, true)
    t.is(shape.ringSegment(partitions, 0), 2 ** 20)
    t.is(shape.width(shape.depth) * partitions, 2 ** 20)
    t.is(shape.partitionOfSegment(shape.ringSegment(partitions - 1, 0)), partitions - 1)
    for (let level = 0; level < shape.depth; level++)
      t.is(shape.width(level) * shape.fan(level), shape.width(level + 1))
    t.is(shape.startOf(partitions), undefined)
  }
})
