/** Versions that nodes speak: what two have in common, what all use, and what facts and records say of them. */
import test from 'ava'
import { decodeIdentity, encodeIdentity } from '../../src/node/records.js'
import type { ClusterState, MemberFacts } from '../../src/protocol/membership/state.js'
import { mergeStates } from '../../src/protocol/membership/state.js'
import { decodeState, encodeState } from '../../src/protocol/membership/state-codec.js'
import { asFacts, isOddOneOut, readableByAll, versionsInUse } from '../../src/protocol/membership/versions.js'
import { WireError } from '../../src/wire/bytes.js'
import { FIRST, highestCommon, mismatch, type Speaks } from '../../src/wire/versions.js'

function speaks(wire: readonly [number, number], storage: readonly [number, number] = [1, 1]): Speaks {
  return { wire: { min: wire[0], max: wire[1] }, storage: { min: storage[0], max: storage[1] } }
}

const ids = ['1', '2', '3'].map((digit) => digit.repeat(32))

/** A cluster of as many members as there are ranges; undefined: the member's facts do not say. */
function stateOf(ranges: readonly (Speaks | undefined)[]): ClusterState {
  const members = ids.slice(0, ranges.length)
  return {
    birth: { clusterId: 'c'.repeat(32), n: 3, partitions: 8, bornMs: 1 },
    changes: members.map((member, at) => ({
      ...{ stamp: at + 1, author: ids[0]!, kind: 'join', member, weight: 1, zone: '', atMs: 1 },
      after: [],
    })),
    facts: members.map((id, at): MemberFacts => {
      const told = ranges[at]
      return {
        ...{ id, name: `n${at + 1}`, address: 'a:1', peerAddress: 'a:2', boot: 1, revision: 0 },
        ...{ incarnation: '0'.repeat(16), session: '1'.repeat(16), incomplete: false },
        ...(told === undefined ? {} : { speaks: told }),
      }
    }),
    buckets: [],
  }
}

test('the highest common version, and a sentence where there is none', (t) => {
  t.is(highestCommon({ min: 1, max: 4 }, { min: 2, max: 3 }), 3)
  t.is(highestCommon({ min: 1, max: 1 }, { min: 2, max: 3 }), undefined)
  const n1 = { name: 'n1', build: '', speaks: speaks([1, 2], [2, 2]) }
  const n2 = { name: 'n2', build: '0.9', speaks: speaks([2, 3], [1, 1]) }
  t.is(mismatch(n1, { ...n2, speaks: speaks([2, 3], [1, 2]) }), undefined)
  t.is(mismatch(n1, n2), 'n1 speaks storage version 2 and n2 (Rotunda 0.9) 1: n1 is too new for n2')
  t.is(mismatch(n2, n1), 'n2 (Rotunda 0.9) speaks storage version 1 and n1 2: n2 is too old for n1')
})

test('the wire version in use is what all speak, down to the one that says nothing; it falls again', (t) => {
  const own = speaks([1, 3])
  const both = versionsInUse(stateOf([own, speaks([1, 2])]), own)
  t.is(both.wire, 2)
  t.is(versionsInUse(stateOf([own, speaks([2, 3]), undefined]), own, both).wire, 1)
})

test('a machine for which a place is kept holds nothing up before it has come', (t) => {
  const own = speaks([1, 3], [2, 2])
  const { facts, ...rest } = stateOf([own, own, undefined])
  const waiting = { ...rest, facts: facts.map((one, at) => (at === 2 ? { ...one, boot: 0 } : one)) }
  t.deepEqual(versionsInUse(waiting, own), { wire: 3, storage: 2 })
  t.is(readableByAll(waiting, own), 2)
  t.deepEqual(versionsInUse({ ...rest, facts }, own), { wire: 1, storage: 1 }, 'once it is there it does')
})

test('the storage version in use is what all have recorded, and never falls', (t) => {
  const own = speaks([1, 1], [2, 3])
  t.is(versionsInUse(stateOf([own, speaks([1, 1], [1, 3])]), own).storage, 1)
  const all = versionsInUse(stateOf([own, speaks([1, 1], [2, 3])]), own)
  t.is(all.storage, 2)
  t.is(versionsInUse(stateOf([own, undefined]), own, all).storage, 2)
  t.is(readableByAll(stateOf([own, speaks([1, 1], [1, 3])]), own), 3)
  t.is(readableByAll(stateOf([own, undefined]), own), 1)
})

test('one that most others refuse is the odd one out, unless somebody talked to it', (t) => {
  t.true(isOddOneOut(2, 2, false))
  t.false(isOddOneOut(2, 2, true))
  t.false(isOddOneOut(2, 1, false))
  t.true(isOddOneOut(1, 1, false))
  t.false(isOddOneOut(0, 0, false))
})

test('facts that say nothing new are written as before; what they say survives the codec and merging', (t) => {
  t.deepEqual(asFacts(FIRST, 1), {})
  t.deepEqual(asFacts(speaks([1, 2], [1, 2]), 2), { speaks: speaks([1, 2], [2, 2]) })
  const silent = stateOf([undefined, undefined])
  t.is(encodeState(silent)[0], 3)
  const telling = stateOf([speaks([1, 2], [2, 4]), undefined])
  const bytes = encodeState(telling)
  t.is(bytes[0], 4)
  t.deepEqual(decodeState(bytes), telling)
  t.deepEqual(mergeStates(silent, telling), mergeStates(telling, silent))
  for (let length = 0; length < bytes.length; length++)
    t.throws(() => decodeState(bytes.subarray(0, length)), { instanceOf: WireError })
  const redundant = encodeState({
    ...telling,
    facts: telling.facts.map((one) => ({ ...one, speaks: FIRST })),
  })
  t.throws(() => decodeState(redundant), { message: /what silence says/ })
})

test('the identity says which storage version a directory may hold; the first is written as before', (t) => {
  const identity = { nodeId: ids[0]!, name: 'n1', bootBase: 3, storage: 1 }
  t.is(encodeIdentity(identity)[0], 1)
  t.deepEqual(decodeIdentity(encodeIdentity(identity)), identity)
  const later = { ...identity, storage: 7 }
  t.is(encodeIdentity(later)[0], 2)
  t.deepEqual(decodeIdentity(encodeIdentity(later)), later)
})
