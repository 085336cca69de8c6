/** What a node is made of, and how it is told to be. */
import type { Clock } from '../ports/clock.js'
import type { Engine } from '../ports/engine.js'
import type { Log } from '../ports/log.js'
import type { Network } from '../ports/network.js'
import type { Random } from '../ports/random.js'
import type { Scheduler } from '../ports/scheduler.js'
import type { SideFile } from '../ports/side-file.js'
import type { Space } from '../ports/space.js'
import type { Place } from '../wire/messages.js'
import type { Speaks } from '../wire/versions.js'
import type { Durability } from './guard/index.js'

export type { Place }

export interface NodePorts {
  readonly clock: Clock
  readonly random: Random
  readonly scheduler: Scheduler
  readonly log: Log
  readonly engine: Engine
  readonly sideFile: SideFile
  readonly space: Space
  readonly network: Network
}

export interface NodeOptions {
  /** Unique in the cluster. */
  readonly name: string
  /** host:port told to clients. */
  readonly address: string
  /** host:port told to other nodes. */
  readonly peerAddress: string
  readonly zone: string
  /** Share of the data relative to others; 1 is usual. */
  readonly weight: number
  /** Peer addresses to join through; with an empty directory and none, a new cluster begins. A member dials them when it misses another one. */
  readonly join: readonly string[]
  /** The place of a dead member (name or id) that it is to take when it joins, and whether with that one's weight and zone. */
  readonly place?: Place
  /** For how long it misses one before that; 0 = never. Default `limits.seedsAfterMs`. */
  readonly seedsAfterMs?: number
  /** Clients' writes are held back while the cluster has fewer members. */
  readonly awaitMembers?: number
  /** So long after its start a member serves no client unless it has heard another one, which would know if it was removed meanwhile; default 0. */
  readonly hearMembersMs?: number
  /** How long two replicas go without comparing their trees, about; 0 = this node begins no exchange. */
  readonly exchangeEveryMs?: number
  /** Exchanges of trees that this node conducts at a time, each with another peer: how many it hands over to at once. Default `limits.exchanges`. */
  readonly transfers?: number
  /** Bytes of rows a second that this node sends at most to new owners and to replicas that are filled or repaired; default: no limit but the governor. */
  readonly transferRate?: number
  /** How often this node conducts a round of reaping while it has tombstones to let go of, about; 0 = never. Default `limits.reapEveryMs`. */
  readonly reapEveryMs?: number
  /** A tombstone is left alone for so long; default `limits.reapAfterMs`. */
  readonly reapAfterMs?: number
  /** Entries of a clock that are left alone, although nothing is left of their actors; default `limits.spareEntries`. */
  readonly spareEntries?: number
  /** A key whose clock has more of them is left alone for so long; default `limits.shedAfterMs`. */
  readonly shedAfterMs?: number
  /** The rounds of reaping are remembered, so that an old backup can be told from one that brings back what was deleted. Default: false. */
  readonly reapHistory?: boolean
  /** Only at a cluster's birth: copies of each key, and partitions (a power of two). */
  readonly n?: number
  readonly partitions?: number
  readonly durability: Durability
  readonly freeSpaceFloorBytes: number
  readonly cacheBytes: number
  /** Objects above this are shown to coordinators without their values first; default `limits.shownWholeBytes`. */
  readonly shownWholeBytes?: number
  /** Bytes that may be kept for owners that are away; default `limits.hintBytes`. */
  readonly hintBytes?: number
  /** The version of the package, told to other nodes for their logs; default ''. */
  readonly build?: string
  /** The versions of wire and storage that this node speaks; default: what this build does. Another range makes it an earlier build among others. */
  readonly speaks?: Speaks
}

export interface StartFailure {
  /**
   * `config`: what was asked for cannot be (exit 2). `fault`: it should have worked (exit 1). `superseded`: this directory is an old
   * copy; set it aside and start on an empty one with `join`. `left`: it was asked to leave, and everything is with others (exit 0). `removed`: somebody removed or replaced it (exit 1). `stuck`: its storage
   * never closes, and neither does the node: only the end of the process helps (exit 1).
   */
  readonly kind: 'config' | 'fault' | 'superseded' | 'left' | 'removed' | 'stuck'
  /** One sentence or two for the operator. */
  readonly message: string
  readonly join?: readonly string[]
}

/** What a node at work asks of its options. */
export type RunningOptions = Pick<
  NodeOptions,
  | 'awaitMembers'
  | 'exchangeEveryMs'
  | 'transfers'
  | 'transferRate'
  | 'hintBytes'
  | 'reapEveryMs'
  | 'reapAfterMs'
  | 'shownWholeBytes'
  | 'spareEntries'
  | 'shedAfterMs'
  | 'speaks'
  | 'join'
  | 'seedsAfterMs'
>
