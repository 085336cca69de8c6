/**
 * Which nodes own which partition (crates/kernel/src/placement): a function of the recorded membership changes, in whatever order
 * they are given, so that every node that has heard the same changes computes the same table.
 */
import { binding } from './binding.js'
import { type ChangeMark, MAX_COPIES, partitionCount } from './changes.js'
import { KernelError, wholeNumber } from './codes.js'
import { Reader } from './reader.js'

export interface Placement {
  /** Q in force: as the cluster was born, or as it was split since. */
  readonly partitions: number
  /** N in force: as the cluster was born, or as it was changed since; whatever the number of members. */
  readonly n: number
  /** Owners of each partition: N, or the members if these are fewer. */
  readonly copies: number
  /** Ids of the present members, sorted. */
  readonly members: string[]
  /** In the order of `members`. */
  readonly weights: number[]
  readonly zones: string[]
  /** Copies of partitions that each member should hold; it holds this rounded down or up, except after a split, until the next change. */
  readonly dues: number[]
  /** Ids that left, were removed or were replaced; they never return. Sorted. */
  readonly gone: string[]
  /** The latest changes: what a change recorded now says in `after`. */
  readonly heads: ChangeMark[]
  /** Changes that are void: recorded by a member that was removed or replaced, and unseen by whoever did that. */
  readonly voided: ChangeMark[]
  /** Index in `members` of the i-th owner of partition p, at `p * copies + i`. */
  readonly table: Uint16Array
}

/** Partitions of which one member becomes an owner in place of another. */
export interface Move {
  /** Who is an owner no longer; undefined: there are more copies than before. */
  readonly from: string | undefined
  /** Who is an owner now; undefined: there are fewer copies. */
  readonly to: string | undefined
  /** Which partitions, of the `partitions` after the change. */
  readonly which: Uint16Array
}

/** What a change would move. */
export interface Plan {
  /** Q after the change. */
  readonly partitions: number
  /** By `from` and `to`; empty: nothing moves. */
  readonly moves: readonly Move[]
}

/**
 * Members and table after the packed changes, in a cluster born with `partitions` (a power of two up to 65,536) and `copies` (1 to 16)
 * owners of each. Throws KernelError `bad-changes` for bytes that encodeChanges never makes.
 */
export function placementTable(partitions: number, copies: number, changes: Uint8Array): Placement {
  checkBirth(partitions, copies)
  return unpackPlacement(orBadChanges(() => binding.placementTable(partitions, copies, changes)))
}

const checkpoints = new FinalizationRegistry<number>((handle) => binding.placementFree(handle))

/** A placement that shortens the way to the next one: what it has computed is not computed again. Immutable. */
export class PlacementCheckpoint {
  readonly placement: Placement
  readonly #handle: number

  /** As placementTable. */
  static of(partitions: number, copies: number, changes: Uint8Array): PlacementCheckpoint {
    checkBirth(partitions, copies)
    return new PlacementCheckpoint(
      orBadChanges(() => binding.placementCheckpoint(partitions, copies, changes)),
    )
  }

  private constructor(handle: number) {
    this.#handle = handle
    checkpoints.register(this, handle)
    this.placement = unpackPlacement(orBadChanges(() => binding.placementOf(handle)))
  }

  /** After these changes: all of them, in any order, not only those that are new. The same as from the beginning, whatever they are. */
  after(changes: Uint8Array): PlacementCheckpoint {
    return new PlacementCheckpoint(orBadChanges(() => binding.placementAdvance(this.#handle, changes)))
  }

  /** What would move if these were all the changes. */
  plan(changes: Uint8Array): Plan {
    return unpackPlan(orBadChanges(() => binding.placementPlan(this.#handle, changes)))
  }
}

function checkBirth(partitions: number, copies: number): void {
  partitionCount(partitions)
  wholeNumber('copies', copies, 1, MAX_COPIES)
}

function orBadChanges<T>(call: () => T): T {
  try {
    return call()
  } catch (cause) {
    throw new KernelError('bad-changes', (cause as Error).message)
  }
}

/** Bytes of a packed placement before its lists. */
const PLACEMENT_HEAD = 28

function unpackPlacement(packed: Buffer): Placement {
  const reader = new Reader(packed, 'bad-changes', PLACEMENT_HEAD)
  const id = () => idAt(reader)
  const members: string[] = []
  const weights: number[] = []
  const dues: number[] = []
  const zones: string[] = []
  for (let left = packed.readUInt32LE(12); left > 0; left--) {
    members.push(id())
    weights.push(double(reader))
    dues.push(double(reader))
    zones.push((reader.take(reader.byte()) as Buffer).toString('utf8'))
  }
  const times = <T>(count: number, read: () => T) => Array.from({ length: count }, read)
  const mark = () => ({ stamp: double(reader), author: id() })
  const gone = times(packed.readUInt32LE(16), id)
  const heads = times(packed.readUInt32LE(20), mark)
  const voided = times(packed.readUInt32LE(24), mark)
  const table = shorts(reader, reader.left / 2)
  const [partitions, n, copies] = [packed.readUInt32LE(0), packed.readUInt32LE(4), packed.readUInt32LE(8)]
  return { partitions, n, copies, members, weights, zones, dues, gone, heads, voided, table }
}

const NOBODY = '0'.repeat(32)

function unpackPlan(packed: Buffer): Plan {
  const reader = new Reader(packed, 'bad-changes', 8)
  const somebody = () => {
    const id = idAt(reader)
    return id === NOBODY ? undefined : id
  }
  const moves = Array.from({ length: packed.readUInt32LE(4) }, () => {
    const [from, to] = [somebody(), somebody()]
    return { from, to, which: shorts(reader, (reader.take(4) as Buffer).readUInt32LE()) }
  })
  return { partitions: packed.readUInt32LE(0), moves }
}

function idAt(reader: Reader): string {
  return (reader.take(16) as Buffer).toString('hex')
}

function double(reader: Reader): number {
  return (reader.take(8) as Buffer).readDoubleLE()
}

function shorts(reader: Reader, count: number): Uint16Array {
  const bytes = reader.take(2 * count) as Buffer
  return Uint16Array.from({ length: count }, (_, i) => bytes.readUInt16LE(2 * i))
}
