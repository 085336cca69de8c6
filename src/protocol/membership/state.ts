/**
 * Who belongs to the cluster. The state is a set that only grows, so that any two copies merge to the same third one, in any
 * order, any number of times:
 *
 *   - the cluster's birth (id, N, Q), written once;
 *   - changes (join, remove, …), each with a Lamport stamp and its author: explicit acts of people, never of failure detectors;
 *   - for each member its latest facts (addresses, boot, incarnation), the later (boot, revision) winning;
 *   - for each bucket that an operator has set something for, the latest setting;
 *
 * The placement table follows from birth and changes alone; facts may change without moving anything.
 */
import type { Digest64 } from '../../wire/messages.js'
import { type BucketRegister, mergeBuckets } from './buckets.js'

export interface Birth {
  /** 32 hex digits. */
  readonly clusterId: string
  /** Copies of each key, as configured; with fewer members it is their number. */
  readonly n: number
  readonly partitions: number
  /** Wall time, for people. */
  readonly bornMs: number
}

export type ChangeKind = 'join' | 'leave' | 'remove' | 'weight' | 'zone'

export interface Change {
  readonly stamp: number
  readonly author: string
  readonly kind: ChangeKind
  readonly member: string
  readonly weight: number
  readonly zone: string
  /** Wall time, for people. */
  readonly atMs: number
}

export interface MemberFacts {
  readonly id: string
  readonly name: string
  /** Where clients reach it. */
  readonly address: string
  /** Where nodes reach it. */
  readonly peerAddress: string
  readonly boot: number
  /** Counts changes within one boot. */
  readonly revision: number
  /** 16 hex digits; new after every unclean start. */
  readonly incarnation: string
  /** 16 hex digits, new with every start: tells two runs apart that claim the same boot (a directory restored from an old copy). */
  readonly session: string
  /** It may lack rows and is being filled again. */
  readonly incomplete: boolean
}

export interface ClusterState {
  readonly birth: Birth
  /** Sorted by changeOrder, without repetition. */
  readonly changes: readonly Change[]
  /** Sorted by id. */
  readonly facts: readonly MemberFacts[]
  /** Sorted by bucket. */
  readonly buckets: readonly BucketRegister[]
}

export function changeOrder(a: Change, b: Change): number {
  return (
    a.stamp - b.stamp ||
    order(a.author, b.author) ||
    order(a.kind, b.kind) ||
    order(a.member, b.member) ||
    a.weight - b.weight ||
    order(a.zone, b.zone)
  )
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Commutative, associative, idempotent. States of different clusters never meet: the handshake keeps strangers out. */
export function mergeStates(a: ClusterState, b: ClusterState): ClusterState {
  if (a.birth.clusterId !== b.birth.clusterId) throw new RangeError('two clusters cannot be merged')
  return {
    birth: a.birth,
    changes: mergeChanges(a.changes, b.changes),
    facts: mergeFacts(a.facts, b.facts),
    buckets: mergeBuckets(a.buckets, b.buckets),
  }
}

function mergeChanges(a: readonly Change[], b: readonly Change[]): readonly Change[] {
  const sorted = [...a, ...b].sort(changeOrder)
  return sorted.filter((change, i) => i === 0 || changeOrder(sorted[i - 1]!, change) !== 0)
}

function mergeFacts(a: readonly MemberFacts[], b: readonly MemberFacts[]): readonly MemberFacts[] {
  const latest = new Map<string, MemberFacts>()
  for (const facts of [...a, ...b]) {
    const known = latest.get(facts.id)
    if (known === undefined || isLater(facts, known)) latest.set(facts.id, facts)
  }
  return [...latest.values()].sort((x, y) => order(x.id, y.id))
}

/** Later boot, then later revision; equal ones differ only if two processes live under one identity, and any fixed choice will do. */
function isLater(a: MemberFacts, b: MemberFacts): boolean {
  return (
    (a.boot - b.boot ||
      a.revision - b.revision ||
      order(a.session, b.session) ||
      order(factsKey(a), factsKey(b))) > 0
  )
}

function factsKey(facts: MemberFacts): string {
  return JSON.stringify([facts.name, facts.address, facts.peerAddress, facts.incarnation, facts.incomplete])
}

/** The stamp for a new change: after all that its author has seen. */
export function nextStamp(state: ClusterState): number {
  return state.changes.reduce((highest, change) => Math.max(highest, change.stamp), 0) + 1
}

export function withChange(state: ClusterState, change: Change): ClusterState {
  return { ...state, changes: mergeChanges(state.changes, [change]) }
}

export function withFacts(state: ClusterState, facts: MemberFacts): ClusterState {
  return { ...state, facts: mergeFacts(state.facts, [facts]) }
}

export function withBucket(state: ClusterState, register: BucketRegister): ClusterState {
  return { ...state, buckets: mergeBuckets(state.buckets, [register]) }
}

/** Ids that were removed or left: they never return. */
export function departed(state: ClusterState): ReadonlySet<string> {
  const gone = state.changes.filter(({ kind }) => kind === 'remove' || kind === 'leave')
  return new Set(gone.map(({ member }) => member))
}

/** Members present: joined and not departed, by id. */
export function presentMembers(state: ClusterState): readonly MemberFacts[] {
  const gone = departed(state)
  const joined = new Set(state.changes.filter(({ kind }) => kind === 'join').map(({ member }) => member))
  return state.facts.filter(({ id }) => joined.has(id) && !gone.has(id))
}

export function factsOf(state: ClusterState, id: string): MemberFacts | undefined {
  return state.facts.find((facts) => facts.id === id)
}

export function weightAndZone(state: ClusterState, id: string): { weight: number; zone: string } {
  let weight = 1
  let zone = ''
  for (const change of state.changes) {
    if (change.member !== id) continue
    if (change.kind === 'join' || change.kind === 'weight') weight = change.weight
    if (change.kind === 'join' || change.kind === 'zone') zone = change.zone
  }
  return { weight, zone }
}

export type { Digest64 }
