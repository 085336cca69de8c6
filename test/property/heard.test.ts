/** What a node makes of a state does not depend on how often it has heard it: the same news, and the same answer. */
import test from 'ava'
import { Membership, type MembershipEffect } from '../../src/protocol/membership/membership.js'
import { type ClusterState, factsOf, mergeStates } from '../../src/protocol/membership/state.js'
import { encodeState } from '../../src/protocol/membership/state-codec.js'
import { MovingCluster } from '../model/moving-cluster.js'
import { Prng } from '../sim/prng.js'

const HISTORIES = 12
const STATES = 24
const STEPS_BETWEEN = 8
const HEARD = 200

function same(a: ClusterState, b: ClusterState): boolean {
  return Buffer.compare(encodeState(a), encodeState(b)) === 0
}

/** What a node should know, by merging only. */
class Expected {
  adopted: ClusterState
  #writing: ClusterState | undefined
  #next: ClusterState | undefined

  constructor(adopted: ClusterState) {
    this.adopted = adopted
  }

  get isWriting(): boolean {
    return this.#writing !== undefined
  }

  learn(state: ClusterState): { news: boolean; theyLack: boolean } {
    const base = this.#next ?? this.#writing ?? this.adopted
    const merged = mergeStates(base, state)
    const news = !same(merged, base)
    if (news) this.#next = merged
    this.#begin()
    return { news, theyLack: !same(mergeStates(this.adopted, state), state) }
  }

  persisted(): void {
    this.adopted = this.#writing!
    this.#writing = undefined
    this.#begin()
  }

  #begin(): void {
    if (this.#writing !== undefined) return
    this.#writing = this.#next
    this.#next = undefined
  }
}

test('a state that is heard again is no news and gets the answer that it would get the first time', (t) => {
  let repeated = 0
  let told = 0
  for (let history = 1; history <= HISTORIES; history++) {
    const prng = new Prng(`heard ${history}`)
    const cluster = new MovingCluster(3, 3, (below) => prng.below(below))
    const self = cluster.nodes[0]!.state.facts[0]!
    const first = cluster.nodes[0]!.state
    const states: ClusterState[] = [first]
    while (states.length < STATES) {
      for (let step = 0; step < STEPS_BETWEEN; step++) cluster.step()
      states.push(cluster.nodes[prng.below(cluster.nodes.length)]!.state)
    }
    const known = states.filter((state) => factsOf(state, self.id) !== undefined)
    const membership = new Membership(first, self)
    const expected = new Expected(first)
    membership.confirm([])
    const heard = new Set<ClusterState>()
    for (let turn = 0; turn < HEARD; turn++) {
      if (expected.isWriting && prng.below(4) === 0) {
        membership.persisted([])
        expected.persisted()
        t.true(same(membership.state, expected.adopted))
      }
      const state = known[prng.below(known.length)]!
      repeated += heard.has(state) ? 1 : 0
      heard.add(state)
      const out: MembershipEffect[] = []
      const news = membership.learn('peer', Uint8Array.from(encodeState(state)), false, out)
      const should = expected.learn(state)
      t.is(news, should.news, `history ${history}, turn ${turn}`)
      const tells = out.some(({ kind }) => kind === 'tell')
      t.is(tells, !should.news && should.theyLack, `history ${history}, turn ${turn}: the answer`)
      told += tells ? 1 : 0
    }
  }
  t.true(repeated > 500 && told > 30, `${repeated} heard again, ${told} answered`)
})
