/** What a node says of itself, its cluster and its health, to whoever asks. */
import type { VersionsInUse } from '../protocol/membership/versions.js'
import type { HistoryMark } from '../protocol/reaping/history.js'
import type { Speaks } from '../wire/versions.js'

export type Liveness = 'self' | 'up' | 'suspected' | 'down'

export interface MemberView {
  readonly id: string
  readonly name: string
  /** host:port for clients (HTTP). */
  readonly address: string
  readonly peerAddress: string
  readonly zone: string
  readonly weight: number
  readonly status: 'joining' | 'member' | 'leaving' | 'removed'
  /** The name of the member that has its place now, if it was replaced. */
  readonly replacedBy: string | undefined
  readonly liveness: Liveness
  /** Rebuilding: its rows are being fetched from the other owners. */
  readonly incomplete: boolean
  /** The versions that its build speaks, as it said last; the lowest of storage is the one that its directory may hold. */
  readonly speaks: Speaks
}

/** A node that knows the secret, and that this one does not talk to. */
export interface RefusedNode {
  readonly id: string
  readonly name: string
  readonly peerAddress: string
  readonly build: string
  readonly why: 'other-cluster' | 'no-common-version'
  /** In a sentence. */
  readonly reason: string
}

export interface ClusterView {
  readonly clusterId: string
  readonly self: string
  readonly n: number
  readonly r: number
  readonly w: number
  readonly partitions: number
  /** 16 hex digits: digest of the placement table and the settings it follows from. */
  readonly ringDigest: string
  readonly members: readonly MemberView[]
  /** The versions that all members use together. */
  readonly versions: VersionsInUse
  /** In the last ten minutes. */
  readonly refused: readonly RefusedNode[]
  readonly pendingHints: number
  /** Keys of which this node holds nothing but tombstones. */
  readonly tombstones: number
  /** Members because of which it cannot let go of them, as its last attempt found; empty when nothing is to be let go of. */
  readonly reapingStoppedBy: readonly ReapingStop[]
  /** Partitions on their way to other owners, and how many of them this node has still to hand over. */
  readonly transfers: number
  readonly toHandOver: number
  /** How far they are; undefined where none moves. */
  readonly move: MoveView | undefined
  /** For a backup: how far this member's history of reaping has come; undefined where none is kept. */
  readonly reapHistory: ReapHistoryView | undefined
}

export interface ReapHistoryView extends HistoryMark {
  /** It goes back to the foundation of the cluster. */
  readonly fromFoundation: boolean
}

/** Partitions on their way to other owners because of the present change. */
export interface MoveView {
  /** That the change gives other owners, and how many of them have not come there yet. */
  readonly partitions: number
  readonly left: number
  /** As this node has seen it lately; undefined: it cannot tell yet. */
  readonly perSecond: number | undefined
  readonly leftSeconds: number | undefined
  /** Rows of moving partitions that this node has sent since it started, and their bytes; one that went to two nodes counts twice. */
  readonly rowsSent: number
  readonly bytesSent: number
  /** About so many have the partitions that new owners do not have whole, once for each of these owners; undefined: this node cannot tell. */
  readonly bytesMoving: number | undefined
  /** Of them, those that this node has as a new owner. */
  readonly bytesArrived: number
  /** Those who hold up most first. */
  readonly waitsFor: readonly {
    readonly id: string
    readonly name: string
    /** `hand-over`: send the new owners what they lack. `let-go`: record that it reads no old owner any more. `receive`: be there. */
    readonly task: 'hand-over' | 'let-go' | 'receive'
    readonly partitions: number
    /** It answers this node. */
    readonly isThere: boolean
  }[]
}

export interface ReapingStop {
  readonly id: string
  readonly name: string
  /** `away`: not to be reached. `silent`: no answer in time. `rebuilding`: it lost rows. `restarted`: in the middle of it. `unavailable`: not able to say. */
  readonly reason: 'away' | 'silent' | 'rebuilding' | 'restarted' | 'unavailable'
}

export interface RingView {
  readonly partitions: number
  readonly n: number
  readonly ringDigest: string
  readonly members: readonly { readonly id: string; readonly name: string; readonly address: string }[]
  /** For each partition the indices into `members` of its owners, in order. */
  readonly owners: readonly (readonly number[])[]
}

export interface Health {
  /** The process is up and its event loop turns. */
  readonly live: boolean
  /** The node can coordinate a request now. */
  readonly ready: boolean
  /** Why not, in words; empty when ready. */
  readonly reasons: readonly string[]
  /** What is wrong all the same, and does not keep it from serving. */
  readonly warnings: readonly string[]
}
