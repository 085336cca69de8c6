/**
 * The hash trees of this node's rows (paper 4.7), kept current with every row that is committed.
 *
 * A tree is a sum over rows, so a commit takes the digest of the row before out and puts that of the new one in, and nothing is
 * read. All rests on one thing: *what is taken out is what was put in*. So who knows, for every commit, which row it replaces?
 *
 * - The key's lane does, and nobody else writes rows. It reads the row once, and from then on each flush replaces what the flush before
 *   has written, durable by then or not: batches land in the order of the flushes. Hence `before` of a lane's commit. Merges, repairs
 *   and handoffs are commits like any other; two flushes of a lane under way are two commits, in order.
 * - A tree changes when its commit has landed, not before: a row that fails is in no tree. After a failure the flushes behind it fail too, and
 *   the lanes with them; new ones read what is on the disk.
 * - Of the one batch that failed nobody knows whether it is there (the fence lets the guard find out later). Its partitions' trees are
 *   *stale* from then on. So are all of them where the reopened database has lost rows, and the one of a row that was unreadable when it was
 *   written over: what it had put in is unknown.
 * - A drop is a commit without a row after it.
 *
 * A stale tree is emptied and built anew by scanning, page after page, while commits go on:
 *
 *     rows in key order    [ scanned, in the tree ] cursor [ page under way ][ not yet ]
 *     a commit here          replaces in the tree          is remembered       is nothing: the scan will see it
 *
 * A page shows the database as of some moment while it was under way. So of rows that were committed in that time, what the commit left
 * counts, not what the page shows; then the cursor moves on. The guard shows no row of a batch that has not landed, and tells of
 * a landed batch before it shows a page that waited for it.
 *
 * A scan that leaves a row out would make a tree wrong for as long as that row lives, and no commit would heal it: so every tree is
 * built anew now and then, whether or not anything is known against it.
 */
import {
  digestOf,
  KernelError,
  merkleBytes,
  merkleClear,
  merkleCommit,
  merkleCreate,
  merkleDiffer,
  merkleFreeWith,
  merkleLevel,
  merklePack,
  merklePackBound,
  merkleRows,
  merkleSegment,
  merkleSplit,
  merkleUnpack,
} from '../../kernel/index.js'
import { limits } from '../../limits.js'
import { RingShape } from './shape.js'
import { type ScannedPage, type ScanWish, TreeScan } from './tree-scan.js'

const READY = 0
const STALE = 1
const BUILDING = 2

const NODE_BYTES = 16
const NOTHING = new Uint8Array(0)
/** Segments of one page on the disk: 72 KiB when all hold rows. */
const PAGE_SEGMENTS = 4096

/** Some segments of one tree, as they are kept over a restart. */
export interface TreePage {
  /** The number of its first segment, counted over the whole ring. */
  readonly first: number
  readonly packed: Uint8Array
}

export class Trees {
  #shape: RingShape
  /** Updates that did not fit: there is a mistake somewhere, and everything was built anew. */
  faults = 0
  /** Kernel handles by partition; a tree that never held a row is not there. */
  readonly #handles = new Map<number, number>()
  #states: Uint8Array
  #stale: number
  /** By partition, each with a number of its own. */
  #holes = new Map<number, number>()
  #holesFound = 0
  #scan: TreeScan | undefined
  /** Commits not yet in their trees: [row key, before, after] … */
  #rows: Uint8Array[] = []
  #places = new Uint32Array(limits.treeUpdates)
  #waiting = 0

  /** `isEmpty`: no row was ever written here, so the trees are right as they are. */
  constructor(partitions: number, isEmpty: boolean) {
    this.#shape = new RingShape(partitions)
    this.#states = new Uint8Array(partitions).fill(isEmpty ? READY : STALE)
    this.#stale = isEmpty ? 0 : partitions
    merkleFreeWith(this, new HandleValues(this.#handles))
  }

  get shape(): RingShape {
    return this.#shape
  }

  /**
   * There are more partitions now: each tree becomes those of the parts of its own. No row is read, and a scan goes on where it is. Whatever was asked by
   * the number of a partition has to be over by then.
   */
  split(partitions: number): void {
    const bits = Math.log2(partitions) - this.shape.partitionBits
    if (bits <= 0) return
    this.settle()
    const parts = 2 ** bits
    const trees = [...this.#handles]
    this.#handles.clear()
    for (const [partition, tree] of trees)
      for (const [part, child] of merkleSplit(tree, bits)) this.#handles.set(partition * parts + part, child)
    const before = this.#states
    this.#shape = new RingShape(partitions)
    this.#states = Uint8Array.from(
      { length: partitions },
      (_, partition) => before[Math.floor(partition / parts)]!,
    )
    this.#stale *= parts
    const holes = [...this.#holes].flatMap(([partition, hole]) =>
      numbers(partition * parts, parts).map((part) => [part, hole] as const),
    )
    this.#holes = new Map(holes)
    this.#scan?.split(parts)
  }

  /** Partitions whose trees are not right now. */
  get stale(): number {
    return this.#stale
  }

  isReady(partition: number): boolean {
    return this.#states[partition] === READY
  }

  /** A row of it could not be read when its tree was built: the tree does not tell all that is, or was, here. */
  hasHole(partition: number): boolean {
    return this.#holes.has(partition)
  }

  /** The number of that hole: another one is found with every scan that meets a row which it cannot read. */
  holeOf(partition: number): number | undefined {
    return this.#holes.get(partition)
  }

  /** Nobody else has anything of what this hole hides: the tree tells all that there is to know, until it is built anew. */
  closeHole(partition: number, hole: number): void {
    if (this.#holes.get(partition) === hole) this.#holes.delete(partition)
  }

  /** A row was committed; `after` undefined: dropped. Bytes must stay as they are until the end of the turn. */
  committed(
    rowKey: Uint8Array,
    before: Uint8Array | undefined | 'unreadable',
    after: Uint8Array | undefined,
  ): void {
    const partition = this.shape.partitionOf(rowKey)
    const state = this.#states[partition]
    if (state === STALE) return
    if (state === BUILDING && !this.#scan!.hasPassed(rowKey)) this.#scan!.committed(rowKey, after)
    else if (before === 'unreadable') this.doubt(rowKey)
    else this.#update(partition, rowKey, before ?? NOTHING, after ?? NOTHING)
  }

  /** It is not known what a commit of this row has left. */
  doubt(rowKey: Uint8Array): void {
    this.doubtPartition(this.shape.partitionOf(rowKey))
  }

  doubtPartition(partition: number): void {
    if (this.#states[partition] === STALE) return
    this.settle()
    if (this.#states[partition] === READY) this.#stale++
    this.#states[partition] = STALE
    this.#clear(partition)
  }

  doubtAll(): void {
    for (let partition = 0; partition < this.shape.partitions; partition++) this.doubtPartition(partition)
  }

  /** Puts all commits told so far into the trees: one native call. Before every look at a tree, and at the end of a turn. */
  settle(): void {
    if (this.#waiting === 0) return
    const [places, rows] = [this.#places.subarray(0, this.#waiting), this.#rows]
    this.#waiting = 0
    this.#rows = []
    try {
      merkleCommit(places, rows)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      this.faults++
      this.doubtAll()
    }
  }

  /** The roots of these partitions, 16 bytes each. */
  roots(partitions: readonly number[]): Buffer {
    this.settle()
    const out = Buffer.alloc(partitions.length * NODE_BYTES)
    partitions.forEach((partition, index) => {
      const tree = this.#handles.get(partition)
      if (tree !== undefined) merkleLevel(tree, 0, 0, 1, out.subarray(index * NODE_BYTES))
    })
    return out
  }

  /** The nodes right below a node. */
  below(partition: number, level: number, node: number): Buffer {
    this.settle()
    const fan = this.shape.fan(level)
    const out = Buffer.alloc(fan * NODE_BYTES)
    const tree = this.#handles.get(partition)
    if (tree !== undefined) merkleLevel(tree, level + 1, node * fan, fan, out)
    return out
  }

  /** Which of the nodes right below a node differ from a peer's. */
  differing(partition: number, level: number, node: number, theirs: Uint8Array): Uint32Array {
    this.settle()
    return merkleDiffer(this.#tree(partition), level + 1, node * this.shape.fan(level), theirs)
  }

  /** The segment of a row key, counted over the whole ring. */
  segmentOf(rowKey: Uint8Array): number {
    const partition = this.shape.partitionOf(rowKey)
    return this.shape.ringSegment(partition, merkleSegment(this.#tree(partition), rowKey))
  }

  /** Rows of a partition, as far as they are in its tree. */
  rowsOf(partition: number): number {
    this.settle()
    const tree = this.#handles.get(partition)
    return tree === undefined ? 0 : merkleRows(tree)
  }

  /** Bytes of the objects of these rows. */
  bytesOf(partition: number): number {
    this.settle()
    const tree = this.#handles.get(partition)
    return tree === undefined ? 0 : merkleBytes(tree)
  }

  /** The page to scan next, if there is a tree to build. Then `scanned`, before the next one is asked for. */
  nextScan(): ScanWish | undefined {
    if (this.#scan === undefined) this.#beginScan()
    return this.#scan?.nextPage()
  }

  /** What was found on the page; undefined: it could not be read, and is to be asked for again. */
  scanned(page: ScannedPage | undefined): void {
    const scan = this.#scan
    if (scan === undefined) return
    this.settle()
    const { rows, unreadable } = scan.take(page)
    for (const rowKey of unreadable) this.#holes.set(this.shape.partitionOf(rowKey), ++this.#holesFound)
    for (const { rowKey, row } of rows) {
      const partition = this.shape.partitionOf(rowKey)
      if (this.#states[partition] === BUILDING) this.#update(partition, rowKey, NOTHING, row)
    }
    this.settle()
    this.#finish(scan)
  }

  /** What is to be kept over a clean stop; nothing unless all trees are ready. A page's bytes are good until the next one is taken. */
  *pages(): Generator<TreePage> {
    this.settle()
    if (this.#stale > 0) return
    const segments = 2 ** this.shape.segmentBits
    const count = Math.min(segments, PAGE_SEGMENTS)
    const room = Buffer.allocUnsafe(merklePackBound(count))
    for (const [partition, tree] of this.#handles) {
      for (let first = 0; first < segments; first += count) {
        const packed = room.subarray(0, merklePack(tree, first, count, room))
        if (packed.length > 0) yield { first: this.shape.ringSegment(partition, first), packed }
      }
    }
  }

  /** The first segments of all pages that there may be. */
  get pageStarts(): number[] {
    const step = Math.min(2 ** this.shape.segmentBits, PAGE_SEGMENTS)
    const total = this.shape.partitions * 2 ** this.shape.segmentBits
    return numbers(0, total / step).map((index) => index * step)
  }

  /** All trees are as these pages say, unless they are none that `pages` gave: then all are stale. Before the first commit. */
  restore(pages: readonly TreePage[]): boolean {
    try {
      for (const { first, packed } of pages) {
        const partition = this.shape.partitionOfSegment(first)
        merkleUnpack(this.#tree(partition), first - this.shape.ringSegment(partition, 0), packed)
      }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      for (const tree of this.#handles.values()) merkleClear(tree)
      return false
    }
    this.#states.fill(READY)
    this.#stale = 0
    return true
  }

  #update(partition: number, rowKey: Uint8Array, before: Uint8Array, after: Uint8Array): void {
    if (this.#waiting === limits.treeUpdates) this.settle()
    this.#places[this.#waiting++] = this.#tree(partition)
    this.#rows.push(rowKey, before, after)
  }

  #tree(partition: number): number {
    let tree = this.#handles.get(partition)
    if (tree === undefined) {
      tree = merkleCreate(this.shape.of(partition))
      this.#handles.set(partition, tree)
    }
    return tree
  }

  #clear(partition: number): void {
    const tree = this.#handles.get(partition)
    if (tree !== undefined) merkleClear(tree)
  }

  /** One scan for the first run of stale partitions. */
  #beginScan(): void {
    const first = this.#states.indexOf(STALE)
    if (first < 0) return
    let end = first
    while (this.#states[end] === STALE) {
      this.#holes.delete(end)
      this.#states[end++] = BUILDING
    }
    this.#scan = new TreeScan(first, end, this.shape.startOf(first)!, this.shape.startOf(end))
  }

  /** Trees behind the cursor are ready. */
  #finish(scan: TreeScan): void {
    const end = scan.cursor === undefined ? scan.end : this.shape.partitionOf(scan.cursor)
    for (; scan.first < end; scan.first++) {
      if (this.#states[scan.first] !== BUILDING) continue
      this.#states[scan.first] = READY
      this.#stale--
    }
    if (scan.cursor === undefined) this.#scan = undefined
  }
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

/** The handles that a map holds when they are asked for; keeps the map alive, and not whoever has it. */
class HandleValues implements Iterable<number> {
  readonly #handles: ReadonlyMap<number, number>

  constructor(handles: ReadonlyMap<number, number>) {
    this.#handles = handles
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#handles.values()
  }
}

/** 16 bytes over roots: what two replicas compare first. */
export function digestOfRoots(roots: Uint8Array): Buffer {
  return Buffer.from(digestOf(roots).buffer)
}
