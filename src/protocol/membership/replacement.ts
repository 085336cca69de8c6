/**
 * A new machine in the place of a dead one (decision 62). The newcomer gets an identity of its own, and owns what the dead member owned; who that was
 * never counts again. Two ways lead there: the newcomer asks for the place when it joins, or an operator records first who will come, and the place waits for a machine
 * with that name.
 */
import type { Place } from '../../wire/messages.js'
import type { Membership } from './membership.js'
import type { Ring } from './ring.js'
import {
  type Act,
  type ClusterState,
  departed,
  factsOf,
  isAwaited,
  type MemberFacts,
  nextChange,
  presentMembers,
  successorOf,
  weightAndZone,
  withChange,
  withFacts,
} from './state.js'

/** Why a place cannot be taken now (`later`), or never. */
export interface Obstacle {
  readonly verdict: 'refused' | 'later'
  readonly reason: string
}

/** The member whose place may be taken; `isUp`: whether this node hears it. */
export function vacant(
  { state, ring, self }: Pick<Membership, 'state' | 'ring' | 'self'>,
  nameOrId: string,
  isUp: (id: string) => boolean,
): MemberFacts | Obstacle {
  const old = presentMembers(state).find(({ id, name }) => id === nameOrId || name === nameOrId)
  if (old === undefined)
    return refused(`No present member is named ${nameOrId}, so there is no place to take.`)
  if (old.id === self || isUp(old.id)) return refused(alive(nameOrId))
  if (departed(state).has(old.id))
    return refused(`${nameOrId} is leaving, and others own what it owned: remove it if it is dead.`)
  if (ring.moving.size > 0 && !isConcerned(ring, old.id)) return { verdict: 'later', reason: MOVING }
  return old
}

/** Partitions that move may wait for it: then it must be possible to replace it. */
function isConcerned(ring: Ring, id: string): boolean {
  for (const partition of ring.moving.keys()) if (ring.holders[partition]!.includes(id)) return true
  return false
}

export function alive(name: string): string {
  return `${name} is alive: only a member that is dead can be replaced. Let it leave instead, which hands over what it holds.`
}

function refused(reason: string): Obstacle {
  return { verdict: 'refused', reason }
}

/** Is this member in the place that the newcomer asks for: does the same machine ask again, or is it the one that the place waits for? */
export function isInPlace(state: ClusterState, member: MemberFacts, { of }: Place): boolean {
  return state.changes.some((change) => {
    if (change.member !== member.id || change.replaced === undefined) return false
    return change.replaced === of || factsOf(state, change.replaced)?.name === of
  })
}

/** With the newcomer in the place of `old`. */
export function withReplacement(
  state: ClusterState,
  author: string,
  { old, newcomer, weight, zone }: { old: string; newcomer: MemberFacts; weight?: number; zone?: string },
  wallMs: number,
): ClusterState {
  const inherited = weightAndZone(state, old)
  const act: Act = {
    kind: 'replace',
    member: newcomer.id,
    replaced: old,
    weight: weight ?? inherited.weight,
    zone: zone ?? inherited.zone,
  }
  return withFacts(withChange(state, nextChange(state, author, act, wallMs)), newcomer)
}

/** What is known of a machine that has not come yet. */
export function awaited(id: string, name: string): MemberFacts {
  const none = '0'.repeat(16)
  const nowhere = { address: '', peerAddress: '' }
  return { id, name, ...nowhere, boot: 0, revision: 0, incarnation: none, session: none, incomplete: false }
}

/**
 * A place that is kept in vain, by the state, for the machine of `self`: that is in already, under another id. A sponsor that had not heard of the place let it in by
 * itself; or the machine was given the place, but the answer got lost, and it asked another sponsor in the same start. Either way nothing is held there,
 * and nobody else will come: names are unique.
 */
export function placeInVain(state: ClusterState, self: string): MemberFacts | undefined {
  const own = factsOf(state, self)
  const isSame = (one: MemberFacts) => isAwaited(one) || one.session === own?.session
  const others = state.facts.filter((one) => one.id !== self && one.name === own?.name && isSame(one))
  if (others.length === 0) return undefined
  const present = presentMembers(state)
  return present.some(({ id }) => id === self) ? others.find((one) => present.includes(one)) : undefined
}

/** To the node of a directory that was removed or replaced. */
export function farewell(state: ClusterState, id: string): string {
  const by = successorOf(state, id)
  const name = by === undefined ? undefined : (factsOf(state, by)?.name ?? by)
  const what = name === undefined ? 'was removed from the cluster' : `was replaced by ${name}`
  return `This node ${what}, for ever. It serves nothing, and its data directory is left as it is; to use the machine again, start it with an empty one.`
}

export const MOVING = 'Partitions are still moving because of an earlier change.'
