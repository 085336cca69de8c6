/** What people and clients are shown of a running node. */

import type { ReplicaAnswer } from '../protocol/coordinator/explain.js'
import { quorum } from '../protocol/coordinator/quorum.js'
import type { Membership } from '../protocol/membership/membership.js'
import { digestText } from '../protocol/membership/ring.js'
import {
  departed,
  factsOf,
  gone,
  isArrival,
  successorOf,
  weightAndZone,
} from '../protocol/membership/state.js'
import { speaksOf } from '../protocol/membership/versions.js'
import type { ClusterView, MemberView, RingView } from './cluster-view.js'
import type { StorageGuard } from './guard/index.js'
import type { Peers } from './peers.js'
import type { Explained } from './requests.js'
import type { RunningNode } from './running.js'

/** Of a node that has no cluster yet. */
export const NO_CLUSTER: ClusterView = {
  clusterId: '',
  self: '',
  n: 0,
  r: 0,
  w: 0,
  partitions: 0,
  ringDigest: '',
  members: [],
  versions: { wire: 0, storage: 0 },
  refused: [],
  pendingHints: 0,
  tombstones: 0,
  reapingStoppedBy: [],
  transfers: 0,
  toHandOver: 0,
  move: undefined,
  reapHistory: undefined,
}

export function clusterView(running: RunningNode): ClusterView {
  const { membership, peers, replica, transfers, reaper } = running
  const { versions } = running.keeper
  const { history } = reaper
  const { state, ring, self } = membership
  const statusOf = statuses(membership)
  return {
    clusterId: state.birth.clusterId,
    self,
    n: ring.n,
    r: quorum(ring.n),
    w: quorum(ring.n),
    partitions: ring.partitions,
    ringDigest: digestText(ring.digest),
    members: state.facts
      .filter(({ id }) => isJoined(membership, id))
      .map(({ id }) => memberView(membership, peers, id, statusOf(id))),
    versions: versions.inUse,
    refused: versions.refusedNodes,
    pendingHints: replica.hints.count.hints,
    tombstones: replica.tombstones.count,
    reapingStoppedBy: reaper.stoppedBy.map(({ member, reason }) => {
      return { id: member, name: factsOf(state, member)?.name ?? member, reason }
    }),
    transfers: transfers.moving,
    toHandOver: transfers.handover.left,
    /** Asked only where it is wanted: every moving partition is looked at. */
    get move() {
      return transfers.progress((peer) => peers.isUp(peer))
    },
    reapHistory: history && {
      history: history.name,
      rounds: history.rounds,
      fromFoundation: history.fromFoundation,
    },
  }
}

function isJoined({ state }: Membership, id: string): boolean {
  return state.changes.some((change) => isArrival(change) && change.member === id)
}

/** `joining`: nothing is read from it yet, as its rows are still on their way. */
function statuses({ state, ring }: Membership): (id: string) => MemberView['status'] {
  const [away, leaving] = [gone(state), departed(state)]
  const isRead = new Set(ring.moving.size === 0 ? ring.members : ring.owners.flat())
  return (id) => {
    if (away.has(id)) return 'removed'
    if (leaving.has(id)) return 'leaving'
    return ring.moving.size > 0 && !isRead.has(id) ? 'joining' : 'member'
  }
}

function memberView(
  membership: Membership,
  peers: Peers,
  id: string,
  status: MemberView['status'],
): MemberView {
  const facts = factsOf(membership.state, id)!
  const { weight, zone } = weightAndZone(membership.state, id)
  const { name, address, peerAddress, incomplete } = facts
  const successor = successorOf(membership.state, id)
  const liveness = id === membership.self ? 'self' : peers.stateOf(id)
  return {
    id,
    name,
    address,
    peerAddress,
    zone,
    weight,
    incomplete,
    liveness,
    status,
    replacedBy:
      successor === undefined ? undefined : (factsOf(membership.state, successor)?.name ?? successor),
    speaks: speaksOf(facts),
  }
}

export function ringView({ state, ring }: Membership): RingView {
  const index = new Map(ring.members.map((id, i) => [id, i]))
  return {
    partitions: ring.partitions,
    n: ring.n,
    ringDigest: digestText(ring.digest),
    members: ring.members.map((id) => ({
      id,
      name: factsOf(state, id)?.name ?? id,
      address: factsOf(state, id)?.address ?? '',
    })),
    owners: ring.owners.map((owners) => owners.map((id) => index.get(id)!)),
  }
}

/** Where a key is, as it is now; what its replicas answer is put beside that. */
export function whereabouts(
  { ring, state }: Membership,
  rowKey: Uint8Array,
): (hash: bigint, answers: readonly ReplicaAnswer[]) => Explained {
  const nameOf = (id: string) => factsOf(state, id)?.name ?? id
  const owners = ring.ownersOf(rowKey)
  const preferenceList = ring.preferenceList(rowKey).map((nodeId) => {
    return { nodeId, name: nameOf(nodeId), owner: owners.includes(nodeId) }
  })
  const partition = ring.partitionOf(rowKey)
  return (hash, answers) => {
    const replicas = answers.map((answer) => ({ ...answer, name: nameOf(answer.nodeId) }))
    return { status: 'ok', partition, hash, preferenceList, replicas }
  }
}

/** Why this node cannot coordinate requests now, in words; empty when it can. */
export function reasonsNotReady(
  { membership, peers, keeper, isTooSmall }: RunningNode,
  guard: StorageGuard,
  awaitMembers = 1,
): string[] {
  const storage = guard.state === 'open' ? [] : [`the storage is ${guard.state}`]
  const seconds = Math.round(guard.stalledMs / 1000)
  if (seconds > 0) storage.push(`the disk has not finished a write for ${seconds} s`)
  const joining = keeper.holdsWrites ? ['a node is joining'] : []
  const small = isTooSmall ? [`writes wait until ${awaitMembers} members are there`] : []
  return [...storage, ...joining, ...small, ...tooFew(membership, peers)]
}

function tooFew({ ring, self }: Membership, peers: Peers): string[] {
  const reachable = ring.members.filter((id) => id === self || peers.isUp(id)).length
  const needed = quorum(ring.n)
  return reachable >= needed
    ? []
    : [`only ${reachable} of ${ring.members.length} members can be reached, and a quorum needs ${needed}`]
}

/** What is wrong with this node's data without keeping it from coordinating, in words. */
export function warningsOf(guard: StorageGuard, membership: Membership, rowsToRecover: number): string[] {
  const warnings: string[] = []
  if (guard.stats.tablesDamaged > 0)
    warnings.push(
      'a table of the database is damaged: listings and comparisons are refused here, until it is taken out, for which all other owners of its keys have to be up; if they are, and this stays, rebuild the node',
    )
  if (guard.refusal(false) === 'full')
    warnings.push(
      'there is less room than the floor on the disk: this node takes no rows until there is more',
    )
  if (membership.own.incomplete)
    warnings.push('this replica lost rows and is being filled again; it does not count for reads until then')
  if (rowsToRecover > 0) warnings.push(`${rowsToRecover} rows are being fetched from other replicas`)
  return warnings
}
