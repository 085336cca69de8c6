/** What the node knows of its cluster and of itself, as JSON. */
import type { ClusterView, MemberView, MoveView, RingView } from '../node/cluster-view.js'
import type { Exchange } from './exchange.js'
import { sendJson } from './json.js'
import { parseQuery } from './query.js'
import { refuseBody } from './values.js'

/** How a client places a key by itself. */
const HASH_RULE = {
  algorithm: 'md5',
  input: 'one byte with the length of the bucket, the bucket, the key',
  hash: 'the first 8 bytes of the digest as a big-endian number of 64 bits',
  partition: 'hash >> (64 - log2(partitions))',
} as const

function refuseExtras(exchange: Exchange): void {
  parseQuery(exchange.target, [])
  refuseBody(exchange)
}

function memberJson(member: MemberView): Record<string, unknown> {
  const { id, name, address, peerAddress, zone, weight, status, liveness, incomplete, replacedBy } = member
  const more = replacedBy === undefined ? {} : { replacedBy }
  const { wire, storage } = member.speaks
  const speaks = { wire: [wire.min, wire.max], storage: [storage.min, storage.max] }
  return { id, name, address, peerAddress, zone, weight, status, liveness, incomplete, speaks, ...more }
}

function moveJson({ perSecond, leftSeconds, bytesMoving, waitsFor, ...counts }: MoveView) {
  const { partitions, left, rowsSent, bytesSent, bytesArrived } = counts
  return {
    partitions,
    left,
    perSecond: perSecond ?? null,
    leftSeconds: leftSeconds ?? null,
    rowsSent,
    bytesSent,
    bytesMoving: bytesMoving ?? null,
    bytesArrived,
    waitsFor: waitsFor.map(({ id, name, task, partitions: held, isThere }) => {
      return { id, name, task, partitions: held, isThere }
    }),
  }
}

function historyJson({ reapHistory }: ClusterView): Record<string, unknown> | null {
  if (reapHistory === undefined) return null
  const { history, rounds, fromFoundation } = reapHistory
  return { history, rounds, fromFoundation }
}

function clusterJson(view: ClusterView): Record<string, unknown> {
  return {
    clusterId: view.clusterId,
    self: view.self,
    n: view.n,
    r: view.r,
    w: view.w,
    q: view.partitions,
    ringDigest: view.ringDigest,
    pendingHints: view.pendingHints,
    tombstones: view.tombstones,
    reapingStoppedBy: view.reapingStoppedBy.map(({ id, name, reason }) => ({ id, name, reason })),
    transfers: view.transfers,
    toHandOver: view.toHandOver,
    move: view.move === undefined ? null : moveJson(view.move),
    reapHistory: historyJson(view),
    versions: { wire: view.versions.wire, storage: view.versions.storage },
    refused: view.refused.map(({ id, name, peerAddress, build, why, reason }) => {
      return { id, name, peerAddress, build, why, reason }
    }),
    members: view.members.map(memberJson),
  }
}

export function showCluster(exchange: Exchange): void {
  refuseExtras(exchange)
  sendJson(exchange, clusterJson(exchange.edge.database.cluster()))
}

function ringJson(view: RingView): Record<string, unknown> {
  return {
    q: view.partitions,
    n: view.n,
    ringDigest: view.ringDigest,
    hashRule: HASH_RULE,
    members: view.members.map(({ id, name, address }) => ({ id, name, address })),
    partitions: view.owners,
  }
}

export function showRing(exchange: Exchange): void {
  refuseExtras(exchange)
  sendJson(exchange, ringJson(exchange.edge.database.ring()))
}

/** 200 while the process turns; an orchestrator restarts it otherwise. */
export function showLive(exchange: Exchange): void {
  refuseExtras(exchange)
  const { live, reasons } = exchange.edge.database.health()
  if (live) sendJson(exchange, { live })
  else exchange.fail('NOT_READY', { beside: { live, reasons } })
}

/** 200 while this node can coordinate a request; a balancer sends it none otherwise. */
export function showReady(exchange: Exchange): void {
  refuseExtras(exchange)
  const { ready, reasons, warnings } = exchange.edge.database.health()
  const more = warnings.length > 0 ? { warnings } : {}
  if (ready) sendJson(exchange, { ready, ...more })
  else exchange.fail('NOT_READY', { beside: { ready, reasons, ...more } })
}

/** The answer to everything while the edge closes. */
export function refuseClosing(exchange: Exchange): void {
  exchange.fail('NOT_READY', { message: 'This node is stopping; it did nothing for this request.' })
}
