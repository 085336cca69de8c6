/**
 * A cluster of so many members through four phases: quiet, a change of the membership, a network that loses packets, and a member whose process stands
 * still. Virtual time and one seed: the same code gives the same numbers, but for processor time.
 */
import { digestText } from '../../src/protocol/membership/ring.js'
import type { ClusterState } from '../../src/protocol/membership/state.js'
import { SPEAKS } from '../../src/wire/versions.js'
import { Prng } from '../../test/sim/prng.js'
import { Timeline } from '../../test/sim/timeline.js'
import { Trace } from '../../test/sim/trace.js'
import { helloOf, Member } from './member.js'
import { Mesh } from './mesh.js'

export interface Measured {
  readonly members: number
  /** In a quiet second, for each node: bytes and frames that it sends, and probes among them. */
  readonly bytes: number
  readonly frames: number
  readonly probes: number
  /** A change: until the last node has adopted it, through how many nodes it came there at most, and bytes sent for it by each. */
  readonly changeMs: number
  readonly hops: number
  readonly changeBytes: number
  /** Suspicions of a node by another while every hundredth packet is lost, for each node and hour; none of them is true. */
  readonly falseSuspicions: number
  /** Of a node that stands still, and of which nobody wants anything: until half of the others, and all, suspect it. */
  readonly halfMs: number
  readonly allMs: number
  /** Processor time of a quiet second for each node, in ms, the simulation included. Measured: another one each time. */
  readonly cpuMs: number
}

export interface Extent {
  readonly quietMs: number
  readonly lossMs: number
}

/** The more members, the sooner there is enough to count. */
export function extentOf(members: number): Extent {
  const lossSeconds = Math.min(60, Math.max(10, 3_000 / members))
  return { quietMs: 10_000, lossMs: 1000 * lossSeconds }
}

export const LOSS = 0.01
const WARM_MS = 12_000
/** Until nobody waits for a lost packet any more. */
const LULL_MS = 3_000
const LONGEST_MS = 120_000
/** How exactly suspicions are timed. */
const LOOK_MS = 50

function idOf(number: number): string {
  return new Prng(`member ${number}`)
    .bytes(16)
    .reduce((hex, byte) => hex + byte.toString(16).padStart(2, '0'), '')
}

/** All have joined, and everything is settled. */
export function settledCluster(members: number): ClusterState {
  const ids = Array.from({ length: members }, (_, number) => idOf(number))
  const changes = ids.map((member, at) => ({
    ...{ stamp: at + 1, author: ids[0]!, kind: 'join' as const, member, weight: 1, zone: '', atMs: 1 },
    after: at === 0 ? [] : [{ stamp: at, author: ids[0]! }],
  }))
  const facts = ids.map((id, at) => ({
    ...{ id, name: `node-${at + 1}`, address: `10.0.0.${at}:7400`, peerAddress: `10.0.0.${at}:7500` },
    ...{ boot: 1, revision: 0, incarnation: id.slice(0, 16), session: id.slice(16) },
    ...{ incomplete: false, speaks: SPEAKS },
  }))
  facts.sort((a, b) => (a.id < b.id ? -1 : 1))
  return {
    birth: { clusterId: 'c'.repeat(32), n: 3, partitions: 1024, bornMs: 1 },
    changes,
    facts,
    buckets: [],
  }
}

export class Cluster {
  readonly timeline: Timeline
  readonly mesh: Mesh
  readonly members: readonly Member[]

  constructor(size: number) {
    const prng = new Prng(`scale ${size}`)
    this.timeline = new Timeline(prng.split('order'), new Trace(false))
    this.mesh = new Mesh(this.timeline, prng.split('network'))
    const state = settledCluster(size)
    const everybody = new Map<string, Member>()
    for (const { id } of state.facts)
      everybody.set(id, new Member(id, state, this.timeline, this.mesh, prng.split(id), everybody))
    this.members = [...everybody.values()]
    const hellos = state.facts.map(({ id }) => helloOf(state, id))
    for (const member of this.members) member.begin(hellos)
  }

  runFor(ms: number, done?: () => boolean): number {
    const fromMs = this.timeline.nowMs
    this.timeline.runUntil(fromMs + ms, done)
    return this.timeline.nowMs - fromMs
  }

  sum(of: (member: Member) => number): number {
    return this.members.reduce((sum, member) => sum + of(member), 0)
  }
}

export function measure(size: number, { quietMs, lossMs }: Extent = extentOf(size)): Measured {
  const cluster = new Cluster(size)
  cluster.runFor(WARM_MS)
  const quiet = quietPhase(cluster, quietMs)
  const change = changePhase(cluster, (quiet.bytes * size) / 1000)
  const falseSuspicions = lossPhase(cluster, lossMs)
  return { members: size, ...quiet, ...change, falseSuspicions, ...stillPhase(cluster) }
}

function quietPhase(cluster: Cluster, quietMs: number) {
  const { mesh, members } = cluster
  const before = {
    bytes: mesh.bytes,
    frames: mesh.frames,
    probes: cluster.sum(({ counts }) => counts.probes),
  }
  const cpu = process.cpuUsage()
  cluster.runFor(quietMs)
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (quietMs / 1000) * members.length
  return {
    bytes: (mesh.bytes - before.bytes) / seconds,
    frames: (mesh.frames - before.frames) / seconds,
    probes: (cluster.sum(({ counts }) => counts.probes) - before.probes) / seconds,
    cpuMs: (user + system) / 1000 / seconds,
  }
}

/** An operator gives one member another weight, at another member. */
function changePhase(cluster: Cluster, quietBytesPerMs: number) {
  const { mesh, members } = cluster
  const [asked, about] = [members[0]!, members[1]!]
  const before = mesh.bytes
  for (const member of members) member.hops = 0
  let refused = ''
  asked.keeper.changes.record(
    { kind: 'weight', member: about.id, weight: 2, deadlineMs: Infinity },
    (outcome) => {
      if (outcome.status === 'error') refused = outcome.message ?? outcome.code
    },
  )
  const digest = () => digestText(asked.membership.ring.digest)
  const old = digest()
  const waiting = new Set(members)
  const changeMs = cluster.runFor(LONGEST_MS, () => {
    if (digest() === old) return refused !== ''
    for (const member of waiting) {
      if (digestText(member.membership.ring.digest) !== digest()) return false
      waiting.delete(member)
    }
    return true
  })
  if (waiting.size > 0) throw new Error(`${waiting.size} never heard of the change. ${refused}`)
  const hops = Math.max(...members.map((member) => member.hops))
  cluster.runFor(2000)
  const changeBytes = (mesh.bytes - before - quietBytesPerMs * (changeMs + 2000)) / members.length
  return { changeMs, hops, changeBytes }
}

function lossPhase(cluster: Cluster, lossMs: number): number {
  const before = cluster.sum(({ counts }) => counts.suspicions)
  cluster.mesh.lossChance = LOSS
  cluster.runFor(lossMs)
  cluster.mesh.lossChance = 0
  const suspicions = cluster.sum(({ counts }) => counts.suspicions) - before
  cluster.runFor(LULL_MS)
  return (suspicions * 3_600_000) / lossMs / cluster.members.length
}

function stillPhase(cluster: Cluster) {
  const [still, ...others] = cluster.members as [Member, ...Member[]]
  still.frozen = true
  const left = () => others.filter(({ peers }) => peers.isUp(still.id)).length
  const fromMs = cluster.timeline.nowMs
  const until = (most: number): number => {
    while (left() > most && cluster.timeline.nowMs - fromMs < LONGEST_MS) cluster.runFor(LOOK_MS)
    return cluster.timeline.nowMs - fromMs
  }
  const [halfMs, allMs] = [until(others.length / 2), until(0)]
  if (left() > 0) throw new Error(`${left()} never suspected a node that stood still`)
  return { halfMs, allMs }
}
