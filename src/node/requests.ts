/**
 * What the edges (HTTP, later WebSocket) ask of a node, and what they get. Keys and values are bytes; objects come as the
 * kernel's canonical object bytes (decodeObject in src/kernel); a context is clock bytes. Outcomes are values, never exceptions;
 * `done` is called exactly once, possibly before the call returns.
 */
import type { Failure } from '../errors.js'
import type { QuorumChoice } from '../protocol/coordinator/quorum.js'
import type { HistoryMark } from '../protocol/reaping/history.js'
import type { CopiedRow } from '../wire/copied-rows.js'
import type { ClusterView, Health, RingView } from './cluster-view.js'

export type { Failure, QuorumChoice }

export interface GetRequest {
  readonly bucket: Uint8Array
  readonly key: Uint8Array
  readonly r?: QuorumChoice
  /** Nodes that stand in for owners that are away count towards R. Default: as set for the bucket, else true. */
  readonly sloppy?: boolean
  /** When the answer is no longer wanted, on the node's monotonic clock. */
  readonly deadlineMs: number
}

export interface Found {
  readonly status: 'ok'
  /** The merged object, or undefined when no replica asked has ever heard of the key. It may hold only tombstones, or nothing but a clock. */
  readonly object: Uint8Array | undefined
  /** The node that answered this read fastest ('' unknown): the hint that a context carries for the next write. */
  readonly fastest: string
}

export interface WriteRequest {
  readonly bucket: Uint8Array
  readonly key: Uint8Array
  readonly tombstone: boolean
  /** Clock bytes of the verified context; undefined = blind. A delete without one removes what a quorum read sees now. */
  readonly context: Uint8Array | undefined
  /** Empty for a delete. */
  readonly value: Uint8Array
  /** encodeAttributes of the kernel's face. */
  readonly attributes: Uint8Array
  /** Wall time of acceptance, for people. */
  readonly wallMs: number
  /** The client's own operation id (1–64 bytes), or undefined. */
  readonly operation: Uint8Array | undefined
  readonly w?: QuorumChoice
  /** Nodes that stand in for owners that are away count towards W. Default: as set for the bucket, else true. */
  readonly sloppy?: boolean
  readonly deadlineMs: number
  /** The context's hint: the node that answered the preceding read fastest, or ''. */
  readonly preferred: string
  /** Also give the merged object as this coordinator now sees it. */
  readonly returnObject: boolean
}

export interface Written {
  readonly status: 'ok'
  /** Covers this write, all that the given context covered, and versions already replaced; never another live version. */
  readonly context: Uint8Array
  readonly object: Uint8Array | undefined
  readonly fastest: string
}

export interface ListRequest {
  readonly bucket: Uint8Array
  readonly prefix: Uint8Array
  /** The last key of the page before, or undefined at the start. */
  readonly after: Uint8Array | undefined
  /** 1 … limits.listPageKeys */
  readonly limit: number
  readonly deadlineMs: number
}

export interface Listed {
  readonly status: 'ok'
  /** Live keys in byte order. */
  readonly keys: readonly Uint8Array[]
  /** False when there may be more after the last key looked at, which is `next`. */
  readonly done: boolean
  /** Where the next page goes on (exclusive); undefined when done. May lie after the last key given: what was skipped was not live. */
  readonly next: Uint8Array | undefined
}

/** What requests for keys of a bucket take where they do not say themselves. */
export interface BucketView {
  readonly r: QuorumChoice
  readonly w: QuorumChoice
  readonly sloppy: boolean
}

export interface BucketRequest {
  readonly bucket: Uint8Array
  /** What is undefined stays at the cluster's default; undefined as a whole: the bucket's properties are dropped. */
  readonly properties: Partial<BucketView> | undefined
  readonly deadlineMs: number
}

export interface BucketSet {
  readonly status: 'ok'
}

/** What an operator wants to be done with a member. */
export interface ChangeRequest {
  readonly kind: 'leave' | 'remove' | 'replace' | 'weight' | 'zone'
  /** Its name or its id. */
  readonly member: string
  readonly weight?: number | undefined
  readonly zone?: string | undefined
  /** Of a replacement: the name under which the new machine will come. */
  readonly by?: string | undefined
  readonly deadlineMs: number
}

/** What an operator wants to be done with the whole cluster. */
export type ClusterChangeRequest =
  /** So many partitions, a power of two; absent: twice as many as there are. */
  | { readonly kind: 'split'; readonly partitions?: number | undefined; readonly deadlineMs: number }
  /** N. */
  | { readonly kind: 'copies'; readonly copies: number; readonly deadlineMs: number }

/** A change whose consequences somebody wants to see before it is made. Members by name or id, but for one that is to come: by name. */
export type PlanRequest =
  | { readonly kind: 'join'; readonly member: string; readonly weight?: number; readonly zone?: string }
  | { readonly kind: 'leave' | 'remove'; readonly member: string }
  | { readonly kind: 'weight'; readonly member: string; readonly weight: number }
  | { readonly kind: 'zone'; readonly member: string; readonly zone: string }
  | {
      readonly kind: 'replace'
      readonly member: string
      readonly by: string
      readonly weight?: number
      readonly zone?: string
    }
  | { readonly kind: 'split'; readonly partitions?: number }
  | { readonly kind: 'copies'; readonly copies: number }

/** Partitions of which one member would become an owner in place of another. */
export interface PlannedMove {
  /** By name; undefined: there are more copies than before. */
  readonly from: string | undefined
  /** Undefined: there are fewer. */
  readonly to: string | undefined
  readonly partitions: number
  /** About so many bytes of objects; undefined: this node cannot tell. */
  readonly bytes: number | undefined
}

/** What a member owns: copies of partitions, and how many it should own by weight. */
export interface Share {
  readonly partitions: number
  readonly due: number
}

export interface PlannedShare {
  readonly name: string
  /** Undefined: not a member before, or after. */
  readonly before: Share | undefined
  readonly after: Share | undefined
}

export interface Planned {
  readonly status: 'ok'
  readonly partitions: { readonly before: number; readonly after: number }
  readonly copies: { readonly before: number; readonly after: number }
  /** Partitions that are on their way already; the plan begins where they arrive. */
  readonly moving: number
  readonly moves: readonly PlannedMove[]
  /** By name. */
  readonly members: readonly PlannedShare[]
  /** Partitions whose bytes this node knows since it holds them; of the others it takes the mean of these. */
  readonly known: number
}

export interface Changed {
  readonly status: 'ok'
  /** Partitions that are on their way to other owners. */
  readonly moving: number
  /** Q and N from now on; there may be fewer members than copies are wanted. */
  readonly partitions: number
  readonly copies: number
}

export interface CopyRequest {
  /** `rows`: this node's own, whole; `digests`: the same, each with the digest of its object; `kept`: what it keeps for owners that are away. */
  readonly of: 'rows' | 'digests' | 'kept'
  /** First row key, included. */
  readonly from: Uint8Array
  /** Where to stop, excluded; undefined = the end. */
  readonly to: Uint8Array | undefined
  readonly deadlineMs: number
}

export interface CopiedRange {
  readonly status: 'ok'
  /** See src/wire/copied-rows.ts. */
  readonly page: Uint8Array
}

export interface RestoreRequest {
  /** With objects that the kernel has found to be such, under their own keys. */
  readonly rows: readonly CopiedRow[]
  /** How far this member's history of reaping had come when the backup was begun, if it knows. */
  readonly mark: HistoryMark | undefined
  /** Also values that may have been deleted since. */
  readonly allowReaped: boolean
  readonly deadlineMs: number
}

export interface Restored {
  readonly status: 'ok'
  /** A quorum of the owners has them on their disks. */
  readonly written: number
  /** The owners had all of it. */
  readonly known: number
  /** Left out: they would add a value that may have been deleted since. */
  readonly held: number
  /** Not written, or only in part; they may be sent again. */
  readonly failed: number
}

export interface ExplainRequest {
  readonly bucket: Uint8Array
  readonly key: Uint8Array
  readonly deadlineMs: number
}

export interface ReplicaExplanation {
  readonly nodeId: string
  readonly name: string
  readonly answer: 'ok' | 'missing' | 'unknown' | 'timeout' | 'down' | 'refused'
  readonly tookMs: number | undefined
  /** Why not, in words, where answer is none of ok and missing. */
  readonly reason: string | undefined
  readonly object: Uint8Array | undefined
  /** This replica may lack rows and does not count towards R. */
  readonly incomplete: boolean
  /** The replica's copy is a fallback's (hinted) one. */
  readonly hint: boolean
}

export interface Explained {
  readonly status: 'ok'
  readonly partition: number
  /** The 64-bit key hash. */
  readonly hash: bigint
  readonly preferenceList: readonly {
    readonly nodeId: string
    readonly name: string
    readonly owner: boolean
  }[]
  readonly replicas: readonly ReplicaExplanation[]
}

/** Monotonic counters and gauges by Prometheus-style name without prefix; a name may carry labels as `name{a="b"}`. */
export type Measurements = ReadonlyMap<string, number>

/** What an edge holds of its node. */
export interface Database {
  /** 32 hex digits, or '' for a node that has no cluster yet. */
  readonly clusterId: string
  /** Requests of clients that may be in progress now. */
  readonly requestLimit: number
  /** May one more begin beside the `inProgress` that were given to this node and are not answered? Asked once for each, before anything is done for it. */
  admits(inProgress: number): boolean
  /** After how many seconds a client that was shed may come back; another number for each, so that they do not come together. */
  retryAfterSeconds(): number
  get(request: GetRequest, done: (outcome: Found | Failure) => void): void
  write(request: WriteRequest, done: (outcome: Written | Failure) => void): void
  list(request: ListRequest, done: (outcome: Listed | Failure) => void): void
  explain(request: ExplainRequest, done: (outcome: Explained | Failure) => void): void
  /** Undefined for a node that has no cluster yet. */
  bucket(bucket: Uint8Array): BucketView | undefined
  setBucket(request: BucketRequest, done: (outcome: BucketSet | Failure) => void): void
  /** Shows rows of this node to a backup. */
  copy(request: CopyRequest, done: (outcome: CopiedRange | Failure) => void): void
  /** Takes rows of a backup into the cluster. */
  restore(request: RestoreRequest, done: (outcome: Restored | Failure) => void): void
  /** Records an act of an operator. */
  change(request: ChangeRequest | ClusterChangeRequest, done: (outcome: Changed | Failure) => void): void
  /** What a change would move; nothing is recorded. */
  plan(request: PlanRequest): Planned | Failure
  cluster(): ClusterView
  ring(): RingView
  health(): Health
  measurements(): Measurements
}
