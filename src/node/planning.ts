/**
 * What a change would move, and how evenly the members would be loaded before and after it: computed from the same tables as the change itself, and nothing is
 * recorded. Bytes are an estimate: this node knows those of the partitions that it holds, and takes their mean for the others. Hashing spreads
 * keys evenly, so that is near, unless few keys hold most of the bytes.
 */
import { type Act, digestOf, KernelError, type Move } from '../kernel/index.js'
import type { Trees } from '../protocol/entropy/trees.js'
import type { Membership } from '../protocol/membership/membership.js'
import { departed, factsOf, presentMembers, weightAndZone } from '../protocol/membership/state.js'
import { type Prospect, prospectOf } from '../protocol/membership/table.js'
import { amountOf, amountRefusal } from './cluster-acts.js'
import type { Failure, Planned, PlannedShare, PlanRequest, Share } from './requests.js'

export function plan(request: PlanRequest, membership: Membership, trees: Trees): Planned | Failure {
  const act = actOf(request, membership)
  if ('status' in act) return act
  const { state, ring, self } = membership
  let prospect: Prospect
  try {
    prospect = prospectOf(state.birth, state.changes, self, act)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return refused(error.message)
  }
  const nameOf = (id: string) => factsOf(state, id)?.name ?? newcomerOf(request) ?? id
  const sizes = sizesOf(trees, (partition) => ring.holders[partition]!.includes(self))
  const { after } = prospect
  return {
    status: 'ok',
    partitions: { before: ring.partitions, after: after.partitions },
    copies: { before: ring.table.copies, after: after.n },
    moving: ring.moving.size,
    moves: prospect.plan.moves.map((move) =>
      planned(move, nameOf, sizes.of(ring.partitions / after.partitions)),
    ),
    members: sharesOf(membership, prospect, nameOf),
    known: sizes.known,
  }
}

function planned(
  { from, to, which }: Move,
  nameOf: (id: string) => string,
  bytesOf: (partition: number) => number | undefined,
): Planned['moves'][number] {
  const name = (id: string | undefined) => (id === undefined ? undefined : nameOf(id))
  let bytes: number | undefined = 0
  for (const partition of which) {
    const more = bytesOf(partition)
    bytes = bytes === undefined || more === undefined ? undefined : bytes + more
  }
  const rounded = bytes === undefined ? undefined : Math.round(bytes)
  return { from: name(from), to: name(to), partitions: which.length, bytes: rounded }
}

export interface Sizes {
  readonly known: number
  /** `scale`: partitions of today in one of those that are asked about, at most 1. */
  of(scale: number): (partition: number) => number | undefined
}

/** Bytes by partition, as far as this node holds them and has them counted. */
export function sizesOf(trees: Trees, isHeld: (partition: number) => boolean): Sizes {
  const known = new Map<number, number>()
  for (let partition = 0; partition < trees.shape.partitions; partition++)
    if (isHeld(partition) && trees.isReady(partition)) known.set(partition, trees.bytesOf(partition))
  const total = [...known.values()].reduce((sum, bytes) => sum + bytes, 0)
  const mean = known.size === 0 ? undefined : total / known.size
  return {
    known: known.size,
    of: (scale) => (partition) => {
      const bytes = known.get(Math.floor(partition * scale)) ?? mean
      return bytes === undefined ? undefined : bytes * scale
    },
  }
}

function sharesOf(
  { ring }: Membership,
  { after }: Prospect,
  nameOf: (id: string) => string,
): readonly PlannedShare[] {
  const { table } = ring
  const [owned, willOwn] = [new Map<string, number>(), new Map<string, number>()]
  for (const list of table.lists) for (const id of list) owned.set(id, (owned.get(id) ?? 0) + 1)
  for (const index of after.table) {
    const id = after.members[index]!
    willOwn.set(id, (willOwn.get(id) ?? 0) + 1)
  }
  const share = (
    members: readonly string[],
    dues: readonly number[],
    counts: Map<string, number>,
    id: string,
  ) => {
    const index = members.indexOf(id)
    return index < 0 ? undefined : ({ partitions: counts.get(id) ?? 0, due: dues[index]! } satisfies Share)
  }
  return [...new Set([...table.members, ...after.members])]
    .map((id) => ({
      name: nameOf(id),
      before: share(table.members, table.dues, owned, id),
      after: share(after.members, after.dues, willOwn, id),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The change as the kernel knows it, or why there can be none. */
function actOf(request: PlanRequest, membership: Membership): Act | Failure {
  if (request.kind === 'split' || request.kind === 'copies') return clusterActOf(request, membership)
  const { state, ring } = membership
  const newcomer = newcomerOf(request)
  if (newcomer !== undefined && presentMembers(state).some(({ name }) => name === newcomer))
    return refused(`A member named ${newcomer} is there already`)
  if (request.kind === 'join') {
    const { member, weight = 1, zone = '' } = request
    return { kind: 'join', member: idOfNewcomer(member), weight, zone }
  }
  const known = presentMembers(state).find(({ id, name }) => id === request.member || name === request.member)
  if (known === undefined)
    return { status: 'error', code: 'NOT_FOUND', message: `No present member is named ${request.member}.` }
  if (departed(state).has(known.id)) return refused(`${request.member} is leaving already`)
  const isGoing = request.kind === 'leave' || request.kind === 'remove'
  if (isGoing && ring.table.members.length === 1) return refused('The last member cannot go')
  return memberActOf(request, known.id, weightAndZone(state, known.id))
}

type MemberPlan = Exclude<PlanRequest, { readonly kind: 'join' | 'split' | 'copies' }>

function memberActOf(
  request: MemberPlan,
  member: string,
  place: { readonly weight: number; readonly zone: string },
): Act {
  switch (request.kind) {
    case 'weight':
      return { kind: 'weight', member, weight: request.weight }
    case 'zone':
      return { kind: 'zone', member, zone: request.zone }
    case 'replace': {
      const { weight = place.weight, zone = place.zone, by } = request
      return { kind: 'replace', member: idOfNewcomer(by), replaced: member, weight, zone }
    }
    default:
      return { kind: request.kind, member }
  }
}

function clusterActOf(
  request: Extract<PlanRequest, { readonly kind: 'split' | 'copies' }>,
  { ring }: Membership,
): Act | Failure {
  const amount = amountOf(request, ring.table)
  const refusal = amountRefusal(request.kind, amount, ring.table)
  if (refusal !== undefined) return refusal
  return request.kind === 'split' ? { kind: 'split', partitions: amount } : { kind: 'copies', copies: amount }
}

function newcomerOf(request: PlanRequest): string | undefined {
  if (request.kind === 'join') return request.member
  return request.kind === 'replace' ? request.by : undefined
}

/** It will make itself another one, at random: which partitions it gets follows from that one, how many does not. */
function idOfNewcomer(name: string): string {
  return Buffer.from(digestOf(Buffer.from(`newcomer ${name}`))).toString('hex')
}

function refused(message: string): Failure {
  return { status: 'error', code: 'BAD_PARAM', message: `${message}.` }
}
