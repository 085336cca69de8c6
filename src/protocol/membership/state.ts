/**
 * Who belongs to the cluster. The state is a set that only grows, so that any two copies merge to the same third one, in any
 * order, any number of times:
 *
 *   - the cluster's birth (id, and the N and Q that it began with), written once;
 *   - changes (join, remove, split, …), each with a Lamport stamp and its author: explicit acts of people, never of failure detectors;
 *   - for each member its latest facts (addresses, boot, incarnation), the later (boot, revision) winning;
 *   - for each bucket that an operator has set something for, the latest setting;
 *   - of partitions on their way to other owners, how far they have come (moves.ts).
 *
 * The placement table follows from birth and changes alone; facts may change without moving anything.
 */
import type { ChangeMark } from '../../kernel/index.js'
import type { Digest64 } from '../../wire/messages.js'
import type { Speaks } from '../../wire/versions.js'
import { type BucketRegister, mergeBuckets } from './buckets.js'
import { type Moves, mergeMoves, type Settled, sameList, splitMoves } from './moves.js'
import { type Table, tableOf } from './table.js'

const NOBODY: readonly never[] = []

export interface Birth {
  /** 32 hex digits. */
  readonly clusterId: string
  /** Copies of each key that it began with; with fewer members it is their number. */
  readonly n: number
  /** Those that it began with. */
  readonly partitions: number
  /** Wall time, for people. */
  readonly bornMs: number
}

export type ChangeKind = 'join' | 'leave' | 'remove' | 'weight' | 'zone' | 'replace' | 'split' | 'copies'

export interface Change {
  readonly stamp: number
  readonly author: string
  readonly kind: ChangeKind
  /** Of a replacement: the newcomer. Empty where the whole cluster is concerned: of `split` and `copies`. */
  readonly member: string
  readonly weight: number
  readonly zone: string
  /** Wall time, for people. */
  readonly atMs: number
  /** The latest changes that its author had seen; absent in states of versions that did not say. */
  readonly after?: readonly ChangeMark[]
  /** Of a removal or replacement: the highest stamp of the changes of whoever is gone that its author had seen; what that one recorded later is void. */
  readonly seen?: number
  /** Of a split: there are at least so many partitions. Of `copies`: the N that is wanted. */
  readonly amount?: number
  /** Of a replacement: who is gone for ever, and owned what the newcomer owns now. */
  readonly replaced?: string
}

/** What a change says, apart from when and by whom. */
export type Act = Pick<Change, 'kind' | 'member' | 'weight' | 'zone' | 'amount' | 'replaced'>

/** An act that concerns the whole cluster. */
export function clusterAct(kind: 'split' | 'copies', amount: number): Act {
  return { kind, member: '', weight: 1, zone: '', amount }
}

/** Q in force: it only grows, and no split is ever void. */
export function partitionsIn(birth: Birth, changes: readonly Change[]): number {
  return changes.reduce(
    (most, { kind, amount = 1 }) => (kind === 'split' ? Math.max(most, amount) : most),
    birth.partitions,
  )
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
  /** The versions that its build speaks; absent: the first ones (wire/versions.ts). */
  readonly speaks?: Speaks
}

export interface ClusterState {
  readonly birth: Birth
  /** Sorted by changeOrder, without repetition. */
  readonly changes: readonly Change[]
  /** Sorted by id. */
  readonly facts: readonly MemberFacts[]
  /** Sorted by bucket. */
  readonly buckets: readonly BucketRegister[]
  /** Absent: every partition is settled with the list that the present table gives it. */
  readonly moves?: Moves
}

export function changeOrder(a: Change, b: Change): number {
  return (
    a.stamp - b.stamp ||
    order(a.author, b.author) ||
    order(a.kind, b.kind) ||
    order(a.member, b.member) ||
    a.weight - b.weight ||
    order(a.zone, b.zone) ||
    (a.amount ?? 0) - (b.amount ?? 0) ||
    order(a.replaced ?? '', b.replaced ?? '')
  )
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Commutative, associative, idempotent. States of different clusters never meet: the handshake keeps strangers out. */
export function mergeStates(a: ClusterState, b: ClusterState): ClusterState {
  if (a.birth.clusterId !== b.birth.clusterId) throw new RangeError('two clusters cannot be merged')
  const merged = {
    birth: a.birth,
    changes: mergeChanges(a.changes, b.changes),
    facts: mergeFacts(a.facts, b.facts),
    buckets: mergeBuckets(a.buckets, b.buckets),
  }
  if (a.moves === undefined && b.moves === undefined && areAlike(a.changes, b.changes)) return merged
  return canonical({ ...merged, moves: mergeMoves(movesOf(a), movesOf(b)) })
}

/** The longer list itself where it holds all of the other: what follows from it need not be computed anew. */
export function mergeChanges(a: readonly Change[], b: readonly Change[]): readonly Change[] {
  if (areAlike(a, b)) return a
  const sorted = [...a, ...b].sort(changeOrder)
  const merged: Change[] = []
  for (const change of sorted) {
    const last = merged.at(-1)
    if (last === undefined || changeOrder(last, change) !== 0) merged.push(change)
    else if (accountOrder(last, change) < 0) merged[merged.length - 1] = change
  }
  if (areAlike(merged, a)) return a
  return areAlike(merged, b) ? b : merged
}

function areAlike(a: readonly Change[], b: readonly Change[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((change, i) => {
    const other = b[i]!
    return change === other || (changeOrder(change, other) === 0 && accountOrder(change, other) === 0)
  })
}

/**
 * What was seen and what time it was when one change was recorded. A member that recorded one, lost its directory before all had heard of it, and records the same again
 * may give it the same stamp, and so there are two accounts of it. All members go by one of them, whichever.
 */
function accountOrder(a: Change, b: Change): number {
  return a.atMs - b.atMs || (a.seen ?? -1) - (b.seen ?? -1) || marksOrder(a.after, b.after)
}

function marksOrder(a: Change['after'], b: Change['after']): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
  const differs = a.findIndex((mark, i) => mark.stamp !== b[i]?.stamp || mark.author !== b[i]?.author)
  const [mine, others] = [a[differs], b[differs]]
  if (mine === undefined || others === undefined) return a.length - b.length
  return mine.stamp - others.stamp || order(mine.author, others.author)
}

/** Where every partition has come to where the table wants it. */
const settledWith = new WeakMap<Table, Moves>()

/** How far every partition has come, spelt out. */
export function movesOf(state: ClusterState): Moves {
  if (state.moves !== undefined) return splitMoves(state.moves, partitionsIn(state.birth, state.changes))
  const table = tableOf(state.birth, state.changes)
  const known = settledWith.get(table)
  if (known !== undefined) return known
  const { level, lists } = table
  const moves = { settled: lists.map((list) => ({ level, list })), handings: [], left: [] }
  settledWith.set(table, moves)
  return moves
}

/** States that mean the same have the same bytes. */
function canonical(state: ClusterState & { readonly moves: Moves }): ClusterState {
  const { settled, handings, left } = state.moves
  const { level, lists } = tableOf(state.birth, state.changes)
  const isPlain = (one: Settled, partition: number) =>
    one.level === level && sameList(one.list, lists[partition]!)
  if (handings.length + left.length > 0 || !settled.every(isPlain)) return state
  const { moves: _, ...rest } = state
  return rest
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
export function isLater(a: MemberFacts, b: MemberFacts): boolean {
  return (
    (a.boot - b.boot ||
      a.revision - b.revision ||
      order(a.session, b.session) ||
      order(factsKey(a), factsKey(b))) > 0
  )
}

function factsKey(facts: MemberFacts): string {
  const { name, address, peerAddress, incarnation, incomplete, speaks } = facts
  return JSON.stringify([name, address, peerAddress, incarnation, incomplete, speaks])
}

/** A change that `author` records now, after all that it has seen. */
export function nextChange(state: ClusterState, author: string, act: Act, atMs: number): Change {
  const { changes, birth } = state
  const stamp = highestStamp(changes) + 1
  const after = changes.length === 0 ? [] : tableOf(birth, changes).heads
  const change = { stamp, author, ...act, atMs, after }
  const away = goneBy(act)
  if (away === undefined) return change
  return { ...change, seen: highestStamp(changes.filter((one) => one.author === away)) }
}

function highestStamp(changes: readonly Change[]): number {
  return changes.reduce((highest, { stamp }) => Math.max(highest, stamp), 0)
}

/** Partitions stay where they are settled until they have been handed over to where the change wants them. */
export function withChange(state: ClusterState, change: Change): ClusterState {
  const changes = mergeChanges(state.changes, [change])
  const moves = splitMoves(movesOf(state), partitionsIn(state.birth, changes))
  return canonical({ ...state, changes, moves })
}

/** A change made while no member holds a row, and none takes any: there is nothing to hand over. */
export function withChangeOfNothing(state: ClusterState, change: Change): ClusterState {
  const { moves, ...rest } = state
  const changes = mergeChanges(state.changes, [change])
  if (moves === undefined || moves.left.length === 0) return { ...rest, changes }
  const settled = movesOf({ ...rest, changes }).settled
  return { ...rest, changes, moves: { settled, handings: [], left: moves.left } }
}

export function withMoves(state: ClusterState, moves: Moves): ClusterState {
  return canonical({ ...state, moves })
}

export function withFacts(state: ClusterState, facts: MemberFacts): ClusterState {
  return { ...state, facts: mergeFacts(state.facts, [facts]) }
}

export function withBucket(state: ClusterState, register: BucketRegister): ClusterState {
  return { ...state, buckets: mergeBuckets(state.buckets, [register]) }
}

/** Ids that were removed or left: they never return. One that leaves is still at work until it has handed over what it holds. */
export function departed(state: ClusterState): ReadonlySet<string> {
  return new Set(tableOf(state.birth, state.changes).gone)
}

/** Who is not there any more because of this, without having been asked. */
function goneBy(act: Act): string | undefined {
  if (act.kind === 'replace') return act.replaced
  return act.kind === 'remove' ? act.member : undefined
}

/** Ids that were removed or replaced, sorted: nothing is to be expected of them. */
export function removed(state: ClusterState): readonly string[] {
  const asked = new Set(state.changes.flatMap((change) => goneBy(change) ?? []))
  if (asked.size === 0) return NOBODY
  return tableOf(state.birth, state.changes).gone.filter((id) => asked.has(id))
}

/** Ids that nobody talks to any more: removed, or left with nothing to hand over. */
export function gone(state: ClusterState): ReadonlySet<string> {
  return new Set([...removed(state), ...(state.moves?.left ?? [])])
}

/** Members present: joined and not gone, by id. Those that are leaving are among them. */
export function presentMembers(state: ClusterState): readonly MemberFacts[] {
  const away = gone(state)
  const joined = new Set(state.changes.filter(isArrival).map(({ member }) => member))
  return state.facts.filter(({ id }) => joined.has(id) && !away.has(id))
}

/** By it the member came into the cluster. */
export function isArrival({ kind }: Act): boolean {
  return kind === 'join' || kind === 'replace'
}

/** Who took the place of `id`, if anybody did. */
export function successorOf(state: ClusterState, id: string): string | undefined {
  return state.changes.find(({ replaced }) => replaced === id)?.member
}

/** A place that was taken over for a machine which has not come yet: it never held anything. */
export function isAwaited({ boot }: MemberFacts): boolean {
  return boot === 0
}

export function factsOf(state: ClusterState, id: string): MemberFacts | undefined {
  return state.facts.find((facts) => facts.id === id)
}

export function weightAndZone(state: ClusterState, id: string): { weight: number; zone: string } {
  let weight = 1
  let zone = ''
  for (const change of state.changes) {
    if (change.member !== id) continue
    if (isArrival(change) || change.kind === 'weight') weight = change.weight
    if (isArrival(change) || change.kind === 'zone') zone = change.zone
  }
  return { weight, zone }
}

export type { Digest64 }
