/**
 * What nodes say to each other. A frame holds a batch of messages; each message is
 *
 *   u8 type, u32 id, u32 length of the body, body
 *
 * `id` belongs to the asker; an answer quotes it. `ring` is the digest of the placement table under which a request was sent:
 * a node never answers under a table that differs from its own, it answers `stale` with its membership state instead.
 * Times on the wire are time left, never clock readings.
 */

import type {
  SegmentKeys,
  SegmentKeysFound,
  SegmentRows,
  SegmentRowsFound,
  TreeNodes,
  TreeNodesFound,
  TreeRoots,
  TreeRootsFound,
} from './entropy-messages.js'
import type { ReapMessage } from './reaping-messages.js'

export type * from './entropy-messages.js'
export type * from './reaping-messages.js'

export const MessageType = {
  replicaWrite: 1,
  replicaWritten: 2,
  replicaRead: 3,
  replicaRow: 4,
  forwardRead: 5,
  forwardReadDone: 6,
  forwardWrite: 7,
  forwardWriteDone: 8,
  rangeRead: 9,
  rangeRows: 10,
  listKeys: 11,
  keyPage: 12,
  ping: 13,
  pong: 14,
  forwardOffer: 15,
  forwardAccept: 16,
  hintedWrite: 17,
  gossipDigest: 20,
  gossipState: 21,
  joinRequest: 22,
  joinAnswer: 23,
  joinPrepare: 24,
  joinPrepared: 25,
  joinAbort: 26,
  gossipSummary: 27,
  gossipNews: 28,
  treeRoots: 40,
  treeRootsFound: 41,
  treeNodes: 42,
  treeNodesFound: 43,
  segmentKeys: 44,
  segmentKeysFound: 45,
  segmentRows: 46,
  segmentRowsFound: 47,
  reapAsk: 48,
  reapAnswer: 49,
  reapAgree: 50,
  reapDrop: 51,
  reapDropped: 52,
  reapFlush: 53,
  reapFlushed: 54,
} as const

/** How a replica answered. The order is the wire's: append, never renumber. */
export const ReplicaStatus = {
  /** Written: durable in the mode in force. Read: see the object. */
  ok: 0,
  /** Read: the object equals the one whose digest was sent. */
  same: 1,
  /** Read: certainly no row. */
  missing: 2,
  /** Read: there may be a row that cannot be trusted. Never to be taken for missing. */
  unknown: 3,
  /** Another placement table is in force here; `state` carries the membership it follows from. */
  stale: 4,
  /** Storage is fenced or closed. */
  unavailable: 5,
  /** Storage is below its free-space floor. */
  full: 6,
  /** Queues are full; nothing was begun. */
  overloaded: 7,
  /** The bytes were not a valid object. */
  refused: 8,
  /** Written: held in memory, and the disk has it later (durability `buffered`). It counts towards W, and is no durable copy. */
  buffered: 9,
  /** Read: another object than the one whose digest was sent; `object` is its skeleton, which tells whether it is worth asking for. */
  skeleton: 10,
} as const
export type ReplicaStatus = (typeof ReplicaStatus)[keyof typeof ReplicaStatus]

/** 64 bits as two unsigned 32-bit halves: cheap to compare, cheap to send. */
export interface Digest64 {
  readonly high: number
  readonly low: number
}

export interface ReplicaWrite {
  readonly type: 1
  readonly id: number
  readonly leftMs: number
  readonly ring: Digest64
  readonly rowKey: Uint8Array
  readonly object: Uint8Array
  /** Answer when the disk has it, whatever the mode in force is. */
  readonly durable: boolean
}
export interface ReplicaWritten {
  readonly type: 2
  readonly id: number
  readonly status: ReplicaStatus
  /** Only with `stale`. */
  readonly state: Uint8Array
}
export interface ReplicaRead {
  readonly type: 3
  readonly id: number
  readonly leftMs: number
  readonly ring: Digest64
  readonly rowKey: Uint8Array
  /** 16 bytes: digest of the asker's own object; all zero = it has none; empty = send the object in any case. */
  readonly digest: Uint8Array
}
export interface ReplicaRow {
  readonly type: 4
  readonly id: number
  readonly status: ReplicaStatus
  /** This replica may lack rows: its versions count, its silence about others does not, and it does not count towards R. */
  readonly incomplete: boolean
  readonly object: Uint8Array
  readonly state: Uint8Array
}
export interface ForwardRead {
  readonly type: 5
  readonly id: number
  readonly leftMs: number
  readonly rowKey: Uint8Array
  /** 0 = the default quorum; 255 = all (from wire version 2 on). */
  readonly r: number
  /** Only owners count. */
  readonly strict: boolean
}
export interface ForwardReadDone {
  readonly type: 6
  readonly id: number
  readonly outcome:
    | RemoteFailure
    | {
        readonly status: 'ok'
        readonly known: boolean
        readonly object: Uint8Array
        readonly fastest: string
      }
}
export interface ForwardWrite {
  readonly type: 7
  readonly id: number
  readonly leftMs: number
  readonly rowKey: Uint8Array
  /** 0 = the default quorum; 255 = all (from wire version 2 on). */
  readonly w: number
  readonly tombstone: boolean
  readonly blind: boolean
  readonly returnObject: boolean
  /** Only owners count. */
  readonly strict: boolean
  readonly wallMs: number
  readonly context: Uint8Array
  readonly attributes: Uint8Array
  readonly operation: Uint8Array
  readonly value: Uint8Array
}
export interface ForwardWriteDone {
  readonly type: 8
  readonly id: number
  readonly outcome:
    | RemoteFailure
    | {
        readonly status: 'ok'
        readonly context: Uint8Array
        readonly known: boolean
        readonly object: Uint8Array
        readonly fastest: string
      }
}
/** Why a forwarded request failed; `begun` is false when it certainly had no effect, so that another owner may be asked. */
export interface RemoteFailure {
  readonly status: 'error'
  readonly begun: boolean
  readonly code: string
  readonly message: string
  readonly numbers: readonly (readonly [string, number])[]
}
export interface RangeRead {
  readonly type: 9
  readonly id: number
  readonly ring: Digest64
  readonly from: Uint8Array
  readonly maxRows: number
  readonly maxBytes: number
}
export interface RangeRows {
  readonly type: 10
  readonly id: number
  readonly status: ReplicaStatus
  readonly incomplete: boolean
  /** Where the scan goes on; empty = the range is finished. */
  readonly next: Uint8Array
  readonly rows: readonly { readonly rowKey: Uint8Array; readonly object: Uint8Array }[]
}
export interface ListKeys {
  readonly type: 11
  readonly id: number
  readonly ring: Digest64
  readonly bucket: Uint8Array
  readonly prefix: Uint8Array
  /** Empty = from the start. */
  readonly after: Uint8Array
  readonly limit: number
}
export interface KeyPage {
  readonly type: 12
  readonly id: number
  readonly status: ReplicaStatus
  readonly incomplete: boolean
  readonly state: Uint8Array
  /** Keys with the 16-byte version digest of their object, and whether a live version is in it; an empty digest = unreadable. */
  readonly keys: readonly { readonly key: Uint8Array; readonly live: boolean; readonly digest: Uint8Array }[]
  readonly done: boolean
}
export interface Ping {
  readonly type: 13
  readonly id: number
}
export interface Pong {
  readonly type: 14
  readonly id: number
}
/** "Would you take a write from me?": asked of a peer not heard from just now, so that a paused one is never handed a write. */
export interface ForwardOffer {
  readonly type: 15
  readonly id: number
}
export interface ForwardAccept {
  readonly type: 16
  readonly id: number
}
/** A replica write for an owner that is away: keep it durably, and hand it on when it is back. Answered by ReplicaWritten. */
export interface HintedWrite {
  readonly type: 17
  readonly id: number
  readonly leftMs: number
  readonly ring: Digest64
  /** Node id of the owner, 32 hex digits. */
  readonly target: string
  readonly rowKey: Uint8Array
  readonly object: Uint8Array
}
export interface GossipDigest {
  readonly type: 20
  readonly id: number
  /** 16 bytes. */
  readonly digest: Uint8Array
}
export interface GossipState {
  readonly type: 21
  readonly id: number
  readonly state: Uint8Array
  /** The sender lacks nothing we know of: no answer is wanted. */
  readonly final: boolean
}
export interface JoinRequest {
  readonly type: 22
  readonly id: number
  readonly nodeId: string
  readonly name: string
  readonly address: string
  readonly peerAddress: string
  readonly zone: string
  readonly weight: number
  readonly boot: number
  readonly incarnation: string
  /** It is to come in as somebody's replacement. */
  readonly place?: Place | undefined
}
/** The place that a newcomer is to take. */
export interface Place {
  /** Name or id of the member that has it. */
  readonly of: string
  /** Whose weight it is to have: that of the member, instead of its own. */
  readonly weight: boolean
  /** Likewise the zone. */
  readonly zone: boolean
}
export interface JoinAnswer {
  readonly type: 23
  readonly id: number
  readonly verdict: 'accepted' | 'later' | 'refused'
  /** A sentence, unless accepted. */
  readonly reason: string
  /** The id to use from now on: another than asked for when an empty directory comes back under a member's name. */
  readonly nodeId: string
  /** Added to the boot counter of the new directory, so that it counts on from the old one. */
  readonly bootBase: number
  readonly state: Uint8Array
}
export interface JoinPrepare {
  readonly type: 24
  readonly id: number
  readonly nodeId: string
  readonly ring: Digest64
}
export interface JoinPrepared {
  readonly type: 25
  readonly id: number
  readonly verdict: 'ready' | 'busy' | 'data' | 'stale'
  readonly state: Uint8Array
}
export interface JoinAbort {
  readonly type: 26
  readonly id: number
  readonly nodeId: string
}

/** "This is what I know, in short; what do I lack?" Wire version 2. */
export interface GossipSummary {
  readonly type: 27
  readonly id: number
  readonly summary: Uint8Array
}
/** Part of a membership state. Wire version 2. */
export interface GossipNews {
  readonly type: 28
  readonly id: number
  /** What the sender knows, in short, where it wants to be told what it lacks; else empty. */
  readonly summary: Uint8Array
  readonly news: Uint8Array
}

export type Message =
  | ReplicaWrite
  | ReplicaWritten
  | ReplicaRead
  | ReplicaRow
  | ForwardRead
  | ForwardReadDone
  | ForwardWrite
  | ForwardWriteDone
  | RangeRead
  | RangeRows
  | ListKeys
  | KeyPage
  | Ping
  | Pong
  | ForwardOffer
  | ForwardAccept
  | HintedWrite
  | GossipDigest
  | GossipState
  | JoinRequest
  | JoinAnswer
  | JoinPrepare
  | JoinPrepared
  | JoinAbort
  | GossipSummary
  | GossipNews
  | TreeRoots
  | TreeRootsFound
  | TreeNodes
  | TreeNodesFound
  | SegmentKeys
  | SegmentKeysFound
  | SegmentRows
  | SegmentRowsFound
  | ReapMessage
