/** Gossip of what differs: nodes that talk in summaries and news end alike, and know what whole states would have told them. */
import test from 'ava'
import fc from 'fast-check'
import { Membership, type MembershipEffect } from '../../src/protocol/membership/membership.js'
import { decodeNews, encodeNews, learnt, newsFor, rumour } from '../../src/protocol/membership/news.js'
import {
  type ClusterState,
  clusterAct,
  type MemberFacts,
  mergeStates,
  nextChange,
  withBucket,
  withChange,
  withFacts,
} from '../../src/protocol/membership/state.js'
import { encodeState } from '../../src/protocol/membership/state-codec.js'
import { decodeSummary, encodeSummary, sumsOf } from '../../src/protocol/membership/sums.js'
import { WireError } from '../../src/wire/bytes.js'
import type { Message } from '../../src/wire/messages.js'

const idOf = (number: number) => number.toString(16).padStart(32, '0')

function factsOf(number: number, boot: number): MemberFacts {
  return {
    ...{ id: idOf(number), name: `n${number}`, address: `a:${number}`, peerAddress: `p:${number}`, boot },
    ...{ revision: 0, incarnation: '0'.repeat(16), session: '1'.repeat(16), incomplete: false },
  }
}

/** As many members, settled. */
function clusterOf(members: number): ClusterState {
  const changes = Array.from({ length: members }, (_, at) => ({
    ...{ stamp: at + 1, author: idOf(1), kind: 'join', member: idOf(at + 1), weight: 1, zone: '', atMs: 1 },
    after: at === 0 ? [] : [{ stamp: at, author: idOf(1) }],
  })) as ClusterState['changes']
  const facts = Array.from({ length: members }, (_, at) => factsOf(at + 1, 1))
  return { birth: { clusterId: 'c'.repeat(32), n: 3, partitions: 8, bornMs: 1 }, changes, facts, buckets: [] }
}

/** `again`: recorded by one who lost its directory, and with that what it had recorded before: two accounts of one change. */
type Act = readonly ['boot' | 'weight' | 'bucket' | 'join' | 'split' | 'again', number, number]
const act: fc.Arbitrary<Act> = fc.tuple(
  fc.constantFrom('boot', 'weight', 'bucket', 'join', 'split', 'again'),
  fc.integer({ min: 1, max: 6 }),
  fc.integer({ min: 2, max: 5 }),
)

function afterAct(state: ClusterState, author: number, [kind, member, number]: Act): ClusterState {
  // Not of the two that talk: their own later lives are another matter.
  if (kind === 'boot') return withFacts(state, factsOf(3 + (member % 4), number))
  if (kind === 'bucket') {
    const properties = { r: number, w: undefined, sloppy: undefined }
    return withBucket(state, { bucket: `b${member}`, stamp: number, author: idOf(author), properties })
  }
  if (kind === 'split')
    return withChange(state, nextChange(state, idOf(author), clusterAct('split', 2 ** number), 1))
  if (kind === 'again')
    return withChange(state, nextChange(state, idOf(5), clusterAct('split', 2 ** number), member))
  const about = { member: idOf(kind === 'join' ? 20 + member : member), weight: number, zone: '' }
  return withChange(state, nextChange(state, idOf(author), { kind, ...about }, 1))
}

function afterActs(state: ClusterState, author: number, acts: readonly Act[]): ClusterState {
  return acts.reduce((now, one) => afterAct(now, author, one), state)
}

const text = (state: ClusterState) => Buffer.from(encodeState(state)).toString('hex')

/** Two nodes and what they say to each other; a state is on the disk at once. */
class Talk {
  readonly nodes: readonly Membership[]
  readonly said: { readonly to: Membership; readonly message: Message }[] = []
  readonly types: number[] = []

  constructor(...states: readonly ClusterState[]) {
    this.nodes = states.map((state, at) => new Membership(state, state.facts[at]!))
    for (const node of this.nodes) node.understandsNews = () => true
  }

  run(from: Membership, step: (out: MembershipEffect[]) => void): void {
    const out: MembershipEffect[] = []
    step(out)
    const others = this.nodes.filter((node) => node !== from)
    for (const effect of out) {
      if (effect.kind === 'persist') this.run(from, (more) => from.persisted(more))
      if (effect.kind === 'tell') this.#say(others.find(({ self }) => self === effect.to)!, effect.message)
      if (effect.kind === 'spread') for (const to of others) this.#say(to, effect.news())
    }
  }

  #say(to: Membership, message: Message): void {
    this.said.push({ to, message })
    this.types.push(message.type)
  }

  /** Delivers until nobody says anything any more. */
  settle(): void {
    for (let count = 0; this.said.length > 0; count++) {
      if (count > 100) throw new Error('they do not come to an end')
      const { to, message } = this.said.shift()!
      const from = this.nodes.find((node) => node !== to)!
      this.run(to, (out) => to.message(from.self, message, out))
    }
  }
}

test('two copies that went apart end as one merges whole states, in summaries and news alone', (t) => {
  const property = fc.property(
    fc.array(act, { maxLength: 8 }),
    fc.array(act, { maxLength: 8 }),
    (left, right) => {
      const base = clusterOf(6)
      const [a, b] = [afterActs(base, 1, left), afterActs(base, 2, right)]
      const talk = new Talk(a, b)
      const [one, other] = talk.nodes as [Membership, Membership]
      talk.run(one, (out) => one.greet(other.self, out))
      talk.settle()
      const wanted = text(mergeStates(a, b))
      return (
        text(mergeStates(b, a)) === wanted &&
        text(one.state) === wanted &&
        text(other.state) === wanted &&
        talk.types.every((type) => type !== 21)
      )
    },
  )
  t.notThrows(() => fc.assert(property, { numRuns: 300 }))
})

test('a member that lost its directory and recorded a change once more, at the same stamp, keeps nobody apart', (t) => {
  const base = clusterOf(6)
  const first = nextChange(base, idOf(5), clusterAct('split', 16), 1)
  const { after: _, ...unlinked } = first
  const accounts = [
    first,
    { ...first, atMs: 2 },
    { ...first, after: [{ stamp: 4, author: idOf(1) }] },
    unlinked,
  ]
  for (const [at, left] of accounts.entries()) {
    for (const right of accounts.slice(at + 1)) {
      const [a, b] = [withChange(base, left), withChange(base, right)]
      t.is(text(mergeStates(a, b)), text(mergeStates(b, a)))
      t.is(mergeStates(a, b).changes.length, base.changes.length + 1)
      const talk = new Talk(a, b)
      const [one, other] = talk.nodes as [Membership, Membership]
      talk.run(one, (out) => one.greet(other.self, out))
      talk.settle()
      t.is(text(one.state), text(other.state))
      t.is(one.ring.digest.low, other.ring.digest.low)
    }
  }
})

test('what a node has adopted reaches one that knew as much, and one that knew less asks', (t) => {
  const base = clusterOf(6)
  for (const behind of [[], [['weight', 3, 4]], [['boot', 3, 4]]] as Act[][]) {
    const a = afterActs(base, 1, behind)
    const talk = new Talk(a, base)
    const [one, other] = talk.nodes as [Membership, Membership]
    const next = afterAct(a, 1, ['join', 1, 2])
    talk.run(one, (out) => one.offer(next, out))
    talk.settle()
    t.is(text(one.state), text(next))
    t.true(sumsOf(other.state).words.every((word, at) => at >= 128 || word === sumsOf(next).words[at]))
    t.is(talk.types.includes(27), behind[0]?.[0] === 'weight')
  }
})

test('copies that are alike say one digest; one restart among two hundred members says little', (t) => {
  const base = clusterOf(200)
  const same = new Talk(base, base)
  const [one, other] = same.nodes as [Membership, Membership]
  same.run(one, (out) => one.greet(other.self, out))
  same.settle()
  t.deepEqual(same.types.slice(0, 1), [20])
  const later = withFacts(base, factsOf(77, 9))
  const told = newsFor(later, decodeSummary(encodeSummary(sumsOf(base))))!
  t.true(told.facts.some(({ id, boot }) => id === idOf(77) && boot === 9))
  t.true(encodeNews(told).length < encodeState(later).length / 10)
  t.is(rumour(base, later).facts.length, 1)
})

test('news of changes is taken only beside all that its teller knew', (t) => {
  const base = clusterOf(6)
  const first = afterAct(base, 1, ['weight', 2, 3])
  const second = afterAct(first, 1, ['weight', 3, 3])
  const news = rumour(first, second)
  const lacking = learnt(base, news)
  t.true(lacking.lacks)
  t.is(lacking.state.changes, base.changes)
  t.is(text(mergeStates(first, learnt(first, news).state)), text(second))
  t.false(learnt(second, news).lacks)
})

test('a later life of this node is noticed in news, too; and one that knows none confirms it', (t) => {
  const base = clusterOf(3)
  const later = withFacts(base, factsOf(1, 5))
  const talk = new Talk(base, later)
  const [one, other] = talk.nodes as [Membership, Membership]
  const out: MembershipEffect[] = []
  one.message(
    other.self,
    { type: 28, id: 0, summary: new Uint8Array(0), news: encodeNews(rumour(base, later)) },
    out,
  )
  t.like(out, [{ kind: 'superseded', boot: 5 }])

  const restarted = new Talk(base, withFacts(base, factsOf(3, 2)))
  const [again, peer] = restarted.nodes as [Membership, Membership]
  t.false(again.confirmed)
  restarted.run(peer, (effects) => peer.greet(again.self, effects))
  restarted.settle()
  t.true(again.confirmed)
})

test('news survive their encoding; any other bytes are a typed error', (t) => {
  const base = clusterOf(6)
  const news = rumour(
    base,
    afterActs(base, 1, [
      ['weight', 2, 3],
      ['boot', 4, 2],
      ['bucket', 1, 2],
    ]),
  )
  const bytes = encodeNews(news)
  t.deepEqual(decodeNews(bytes), news)
  for (let length = 0; length < bytes.length; length++)
    t.throws(() => decodeNews(bytes.subarray(0, length)), { instanceOf: WireError })
  t.throws(() => decodeSummary(bytes), { instanceOf: WireError })
})
