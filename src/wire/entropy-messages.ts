/** What two owners say to each other when they compare their trees (types 40 to 47). */
import type { Digest64, ReplicaStatus } from './messages.js'

/** "Are our trees of these partitions alike?" The asker counts the partitions that both own, in order, in chunks (src/protocol/entropy). */
export interface TreeRoots {
  readonly type: 40
  readonly id: number
  readonly ring: Digest64
  readonly chunk: number
  /** 16 bytes over the roots of all partitions of the chunk. */
  readonly digest: Uint8Array
}
export interface TreeRootsFound {
  readonly type: 41
  readonly id: number
  /** `same`, or `ok` with the answerer's roots. */
  readonly status: ReplicaStatus
  /** This replica may lack rows of what was asked about. */
  readonly incomplete: boolean
  /** 16 bytes for each partition of the chunk. */
  readonly roots: Uint8Array
}
/** A node of a partition's hash tree; the asker wants those right below it. */
export interface TreePlace {
  readonly partition: number
  /** 0 = the root. */
  readonly level: number
  readonly node: number
}
export interface TreeNodes {
  readonly type: 42
  readonly id: number
  readonly ring: Digest64
  readonly places: readonly TreePlace[]
}
export interface TreeNodesFound {
  readonly type: 43
  readonly id: number
  readonly status: ReplicaStatus
  /** This replica may lack rows of what was asked about. */
  readonly incomplete: boolean
  /** 16 bytes for each node, place after place. */
  readonly nodes: Uint8Array
}
export interface SegmentKeys {
  readonly type: 44
  readonly id: number
  readonly ring: Digest64
  /** The row key to begin at; empty = the first. */
  readonly from: Uint8Array
  /** Numbers of segments, counted over the whole ring, rising. */
  readonly segments: readonly number[]
}
export interface SegmentKeysFound {
  readonly type: 45
  readonly id: number
  readonly status: ReplicaStatus
  /** This replica may lack rows of what was asked about. */
  readonly incomplete: boolean
  /** Where the list goes on; empty = nothing more in these segments. */
  readonly next: Uint8Array
  /** Rising, each with the 16-byte digest of its object; all zero = unreadable here. */
  readonly keys: readonly { readonly rowKey: Uint8Array; readonly digest: Uint8Array }[]
}
export interface SegmentRows {
  readonly type: 46
  readonly id: number
  readonly ring: Digest64
  /** Each with the skeleton of the asker's object; empty = it has none. */
  readonly keys: readonly { readonly rowKey: Uint8Array; readonly skeleton: Uint8Array }[]
}
export interface SegmentRowsFound {
  readonly type: 47
  readonly id: number
  readonly status: ReplicaStatus
  /** This replica may lack rows of what was asked about. */
  readonly incomplete: boolean
  /**
   * For the first so many of the keys asked for, at least one: the object where the asker lacks something of it, else empty; and whether
   * the answerer lacks something of the asker's.
   */
  readonly rows: readonly { readonly wants: boolean; readonly object: Uint8Array }[]
}
