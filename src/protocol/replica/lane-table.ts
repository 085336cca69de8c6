/**
 * Lanes by their key: those of rows here, and those of what is kept for others (hints/hint-lanes.ts). Buckets by the hash that a row key begins
 * with, and in each a list; lanes come and go with every write, so this is not a Map (conversation-table.ts says why).
 */
import type { LaneOperation } from './lanes.js'

/** What a table needs of its lanes. */
export interface TableLane<Self> {
  readonly rowKey: Uint8Array
  /** In the table and not taken out again. */
  held: boolean
  /** The next one in its bucket. */
  next: Self | undefined
}

export class Lane implements TableLane<Lane> {
  readonly rowKey: Uint8Array
  row: Uint8Array | undefined
  /** The row as it was read or last flushed: what the next flush replaces. */
  base: Uint8Array | undefined | 'unreadable'
  ready = false
  isNew = false
  unreadable = false
  dirty = false
  /** The next flush takes the row away, whether or not there is another one by then. */
  letsGo = false
  /** Flushes under way. */
  commits = 0
  /** Before the row is read. */
  queue: LaneOperation[] = []
  /** Applied, in the next flush. */
  applied: LaneOperation[] = []
  /** Changed nothing, but rest on a flush under way. */
  resting: LaneOperation[] = []
  broken = false
  held = false
  next: Lane | undefined

  constructor(rowKey: Uint8Array) {
    this.rowKey = rowKey
  }
}

const BUCKETS = 4096

export class LaneTable<L extends TableLane<L>> {
  readonly #buckets: (L | undefined)[] = new Array(BUCKETS).fill(undefined)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(rowKey: Uint8Array): L | undefined {
    let lane = this.#buckets[bucketOf(rowKey)]
    while (lane !== undefined && !isSame(lane.rowKey, rowKey)) lane = lane.next
    return lane
  }

  all(): L[] {
    const lanes: L[] = []
    for (const first of this.#buckets)
      for (let lane = first; lane !== undefined; lane = lane.next) lanes.push(lane)
    return lanes
  }

  /** Of a key that has none. */
  add(lane: L): void {
    const bucket = bucketOf(lane.rowKey)
    lane.next = this.#buckets[bucket]
    lane.held = true
    this.#buckets[bucket] = lane
    this.#size++
  }

  /** Does nothing for a lane that is not in it. */
  delete(lane: L): void {
    if (!lane.held) return
    const bucket = bucketOf(lane.rowKey)
    let before = this.#buckets[bucket]
    if (before === lane) this.#buckets[bucket] = lane.next
    else {
      while (before!.next !== lane) before = before!.next
      before!.next = lane.next
    }
    lane.next = undefined
    lane.held = false
    this.#size--
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one === other) return true
  const { length } = one
  if (length !== other.length) return false
  // What row keys have in common is at their beginning.
  for (let i = length - 1; i >= 0; i--) if (one[i] !== other[i]) return false
  return true
}

function bucketOf(rowKey: Uint8Array): number {
  return ((rowKey[0]! << 8) | rowKey[1]!) & (BUCKETS - 1)
}
