/** Plans against what happens when the change is recorded. */
import test from 'ava'
import { makeRow } from '../../bench/entropy/replica.js'
import { plan } from '../../src/node/planning.js'
import type { Planned, PlanRequest } from '../../src/node/requests.js'
import { Trees } from '../../src/protocol/entropy/trees.js'
import { Membership } from '../../src/protocol/membership/membership.js'
import { Ring } from '../../src/protocol/membership/ring.js'
import {
  type Act,
  type ClusterState,
  clusterAct,
  factsOf,
  nextChange,
  withChange,
  withFacts,
} from '../../src/protocol/membership/state.js'

const Q = 64
const ROWS = 2_000

function idOf(number: number): string {
  return number.toString(16).padStart(32, '0')
}

function arrived(state: ClusterState, number: number): ClusterState {
  return withFacts(state, {
    id: idOf(number),
    name: `n${number}`,
    address: 'a:1',
    peerAddress: 'a:2',
    boot: 1,
    revision: 0,
    incarnation: '0'.repeat(16),
    session: '1'.repeat(16),
    incomplete: false,
  })
}

/** Members n1, n2 …, of which n1 is asked. */
function cluster(members: number): Membership {
  const birth = { clusterId: idOf(0xabc), n: 3, partitions: Q, bornMs: 1 }
  let state: ClusterState = { birth, changes: [], facts: [], buckets: [] }
  for (let number = 1; number <= members; number++) {
    const act = { kind: 'join', member: idOf(number), weight: 1, zone: '' } as const
    state = arrived({ ...state, changes: [...state.changes, nextChange(state, idOf(1), act, 0)] }, number)
  }
  return new Membership(state, factsOf(state, idOf(1))!)
}

/** The rows of which n1 is an owner, in its trees; their objects have 1 KB or so. */
function treesOf(ring: Ring): Trees {
  const trees = new Trees(ring.partitions, true)
  for (let key = 0; key < ROWS; key++) {
    const { rowKey, row } = makeRow(`key ${key}`, 1, 1, 1_000)
    if (ring.holdersOf(rowKey).includes(idOf(1))) trees.committed(rowKey, undefined, row as Uint8Array)
    trees.settle()
  }
  return trees
}

function planned(request: PlanRequest, membership = cluster(4)): Planned {
  const outcome = plan(request, membership, treesOf(membership.ring))
  if (outcome.status === 'error') throw new Error(outcome.message)
  return outcome
}

function ringAfter({ state }: Membership, act: Act): Ring {
  return new Ring(withChange(state, nextChange(state, idOf(1), act, 0)))
}

function copiesOf({ table }: Ring): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const id of table.lists.flat()) {
    const name = `n${Number.parseInt(id, 16)}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

function sharesAfter({ members }: Planned): Record<string, number> {
  const present = members.filter(({ after }) => after !== undefined)
  return Object.fromEntries(present.map(({ name, after }) => [name, after!.partitions]))
}

test('what is planned for members that are there is what happens when it is recorded', (t) => {
  const member = idOf(2)
  const place = { member, weight: 1, zone: '' }
  const cases: [PlanRequest, Act][] = [
    [
      { kind: 'leave', member: 'n2' },
      { kind: 'leave', ...place },
    ],
    [
      { kind: 'weight', member: 'n2', weight: 2 },
      { kind: 'weight', ...place, weight: 2 },
    ],
    [
      { kind: 'zone', member: 'n2', zone: 'b' },
      { kind: 'zone', ...place, zone: 'b' },
    ],
    [{ kind: 'copies', copies: 2 }, clusterAct('copies', 2)],
    [{ kind: 'split', partitions: 256 }, clusterAct('split', 256)],
  ]
  for (const [request, act] of cases) {
    const membership = cluster(4)
    const seen = planned(request, membership)
    const ring = ringAfter(membership, act)
    t.deepEqual(sharesAfter(seen), copiesOf(ring), request.kind)
    const scale = ring.partitions / Q
    let moved = 0
    ring.table.lists.forEach((list, partition) => {
      const before = membership.ring.table.lists[Math.floor(partition / scale)]!
      moved += list.filter((id) => !before.includes(id)).length
    })
    const sent = seen.moves.filter(({ to }) => to !== undefined)
    t.is(
      sent.reduce((sum, { partitions }) => sum + partitions, 0),
      moved,
      request.kind,
    )
  }
})

test('a machine that is to come gets its due from all others, and a replacement exactly what the dead one had', (t) => {
  const join = planned({ kind: 'join', member: 'n9', weight: 2 })
  t.deepEqual(
    join.moves.map(({ to }) => to),
    ['n9', 'n9', 'n9', 'n9'],
  )
  t.is(sharesAfter(join).n9, Q, 'twice the weight: capped at one copy of everything')
  const replace = planned({ kind: 'replace', member: 'n3', by: 'n9' })
  t.deepEqual(
    replace.moves.map(({ from, to, partitions }) => [from, to, partitions]),
    [['n3', 'n9', 48]],
  )
  t.is(replace.members.find(({ name }) => name === 'n3')!.after, undefined)
})

test('bytes are those of the rows that are here, and their mean where they are not', (t) => {
  const { moves, known } = planned({ kind: 'leave', member: 'n2' })
  t.is(known, 48)
  const [partitions, bytes] = moves.reduce(
    ([sum, total], move) => [sum + move.partitions, total + move.bytes!],
    [0, 0],
  )
  const expected = (partitions * ROWS * 1_050) / Q
  t.true(Math.abs(bytes / expected - 1) < 0.15, `${bytes} bytes of ${partitions} partitions`)
  const stranger = cluster(4)
  const empty = plan({ kind: 'leave', member: 'n2' }, stranger, new Trees(Q, false))
  t.true(empty.status === 'ok' && empty.known === 0 && empty.moves.every((move) => move.bytes === undefined))
})

test('a split moves nothing, and what cannot be is refused with the reason', (t) => {
  const split = planned({ kind: 'split' })
  t.deepEqual(split.moves, [])
  t.deepEqual(split.partitions, { before: Q, after: 2 * Q })
  const membership = cluster(4)
  const refusal = (request: PlanRequest) => {
    const outcome = plan(request, membership, new Trees(Q, true))
    return outcome.status === 'error' ? outcome.message : undefined
  }
  t.regex(refusal({ kind: 'split', partitions: 64 })!, /64 partitions already/)
  t.regex(refusal({ kind: 'split', partitions: 100 })!, /power of two/)
  t.regex(refusal({ kind: 'copies', copies: 3 })!, /N is 3 already/)
  t.regex(refusal({ kind: 'join', member: 'n2' })!, /n2 is there already/)
  t.regex(refusal({ kind: 'zone', member: 'n7', zone: 'a' })!, /No present member is named n7/)
  const alone = plan({ kind: 'leave', member: 'n1' }, cluster(1), new Trees(Q, true))
  t.true(alone.status === 'error' && alone.message === 'The last member cannot go.')
})

test('nothing is remembered of a plan', (t) => {
  const membership = cluster(4)
  const before = membership.ring.table
  planned({ kind: 'join', member: 'n9' }, membership)
  t.is(new Ring(membership.state).table, before)
  t.deepEqual(sharesAfter(planned({ kind: 'split' }, membership)), { n1: 96, n2: 96, n3: 96, n4: 96 })
})
