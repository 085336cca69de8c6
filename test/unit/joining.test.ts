/** Machines that come in while somebody has not heard, or cannot write down, what was said of them. */
import test from 'ava'
import { MembershipChanges } from '../../src/node/changes.js'
import { Membership, type MembershipEffect } from '../../src/protocol/membership/membership.js'
import { awaited, placeInVain, withReplacement } from '../../src/protocol/membership/replacement.js'
import { Sponsor, type SponsorView } from '../../src/protocol/membership/sponsor.js'
import {
  type ClusterState,
  type MemberFacts,
  mergeStates,
  nextChange,
  removed,
  withChange,
  withChangeOfNothing,
  withFacts,
} from '../../src/protocol/membership/state.js'
import { FIRST } from '../../src/wire/versions.js'

const idOf = (number: number) => number.toString(16).padStart(32, '0')
const [N1, N2, N3, N4] = [idOf(1), idOf(2), idOf(3), idOf(4)]
const PLACE = idOf(9)
const VIEW: SponsorView = { empty: true, wallMs: 1, isUp: () => true, speaks: () => FIRST }

/** Every start has a session of its own. */
function factsOf(id: string, name: string, session = id.slice(16)): MemberFacts {
  return {
    ...{ id, name, address: `${name}:1`, peerAddress: `${name}:2`, boot: 1, revision: 0 },
    ...{ incarnation: session, session, incomplete: false },
  }
}

function joined(state: ClusterState, facts: MemberFacts, with_ = withChangeOfNothing): ClusterState {
  const act = { kind: 'join', member: facts.id, weight: 1, zone: '' } as const
  return withFacts(with_(state, nextChange(state, N1, act, 1)), facts)
}

const birth = { clusterId: 'c'.repeat(32), n: 3, partitions: 8, bornMs: 1 }
const THREE = [N1, N2, N3].reduce((state, id, at) => joined(state, factsOf(id, `n${at + 1}`)), {
  birth,
  changes: [],
  facts: [],
  buckets: [],
} as ClusterState)

/** The place of n3 is kept for n4. */
const KEPT = withReplacement(THREE, N1, { old: N3, newcomer: awaited(PLACE, 'n4') }, 1)

function promised(): { membership: Membership; sponsor: Sponsor } {
  const membership = new Membership(THREE, THREE.facts[1]!)
  const sponsor = new Sponsor(membership)
  sponsor.prepare(N4, membership.ring.digest, VIEW, 0)
  return { membership, sponsor }
}

test('a promise that lapses voids the newcomer of whom nothing was heard', (t) => {
  const { membership, sponsor } = promised()
  t.true(sponsor.holdsWrites)
  sponsor.tick(10_000, 1, [])
  t.deepEqual(removed(mergeStates(membership.latest, joined(THREE, factsOf(N4, 'n4')))), [N4])
  t.false(sponsor.holdsWrites)
})

test('a promise holds on while the outcome is known and cannot be written', (t) => {
  const { membership, sponsor } = promised()
  const out: MembershipEffect[] = []
  membership.offer(joined(THREE, factsOf(N4, 'n4')), out)
  sponsor.tick(60_000, 1, out)
  t.true(sponsor.holdsWrites, 'it goes by the old table still')
  membership.persisted(out)
  sponsor.adopted(out)
  t.false(sponsor.holdsWrites)
  t.deepEqual(removed(membership.latest), [])
  t.true(membership.ring.members.includes(N4))
})

test('a place is kept in vain for a machine that is in already under another id', (t) => {
  t.is(placeInVain(KEPT, N1), undefined)
  const twice = mergeStates(KEPT, joined(THREE, factsOf(N4, 'n4'), withChange))
  t.is(placeInVain(twice, N4)?.id, PLACE)
  t.is(placeInVain(twice, N1), undefined, 'that machine says so itself')
  t.is(placeInVain(KEPT, PLACE), undefined, 'its own')
})

test('what one start was given twice it gives up once, and another machine of that name keeps what it has', (t) => {
  const inVain = (facts: MemberFacts) =>
    placeInVain(mergeStates(withFacts(KEPT, facts), joined(THREE, factsOf(N4, 'n4'), withChange)), N4)
  t.is(inVain(factsOf(PLACE, 'n4', factsOf(N4, 'n4').session))?.id, PLACE)
  t.is(inVain(factsOf(PLACE, 'n4')), undefined)
})

test('a machine that a place is kept for in vain has the place removed, once', (t) => {
  const state = mergeStates(KEPT, joined(THREE, factsOf(N4, 'n4'), withChange))
  const membership = new Membership(state, factsOf(N4, 'n4'))
  const told: unknown[] = []
  let offered = 0
  const changes = new MembershipChanges({
    membership,
    clock: { wallMs: () => 1 },
    log: { info: (event, fields) => told.push([event, fields]) },
    peers: { isConnected: () => true },
    newId: () => idOf(99),
    offer: (next) => {
      offered++
      membership.offer(next, [])
    },
  })
  changes.adopted()
  t.is(offered, 0, 'an old copy of its directory says nothing')
  membership.confirm([])
  changes.adopted()
  changes.adopted()
  t.is(offered, 1)
  t.deepEqual(removed(membership.latest), [N3, PLACE])
  t.deepEqual(told, [['place-given-up', { member: 'n4', id: PLACE }]])
})
