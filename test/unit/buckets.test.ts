/** Properties of buckets as part of the membership state: merging, encoding, and being in force only once they are on the disk. */
import test from 'ava'
import fc from 'fast-check'
import { limits } from '../../src/limits.js'
import {
  type BucketProperties,
  type BucketRegister,
  bucketProperties,
  mergeBuckets,
  nextRegister,
} from '../../src/protocol/membership/buckets.js'
import { Membership, type MembershipEffect } from '../../src/protocol/membership/membership.js'
import { type ClusterState, mergeStates } from '../../src/protocol/membership/state.js'
import { decodeState, encodeState } from '../../src/protocol/membership/state-codec.js'
import { WireError } from '../../src/wire/bytes.js'

const ids = ['1', '2', '3'].map((digit) => digit.repeat(32))
const quorumChoice = fc.option(
  fc.oneof(fc.constantFrom('one', 'quorum', 'all'), fc.integer({ min: 1, max: 15 })),
  {
    nil: undefined,
  },
) as fc.Arbitrary<BucketProperties['r']>
const properties: fc.Arbitrary<BucketProperties | undefined> = fc.option(
  fc.record({ r: quorumChoice, w: quorumChoice, sloppy: fc.option(fc.boolean(), { nil: undefined }) }),
  { nil: undefined },
)
const register: fc.Arbitrary<BucketRegister> = fc.record({
  bucket: fc.constantFrom('a', 'b', 'ÿ', 'c'.repeat(limits.bucketBytes)),
  stamp: fc.integer({ min: 1, max: 4 }),
  author: fc.constantFrom(...ids),
  properties,
})
/** As states hold them. */
const registers = fc.array(register, { maxLength: 8 }).map((all) => {
  let merged: readonly BucketRegister[] = []
  for (const one of all) merged = mergeBuckets(merged, [one])
  return merged
})

function stateWith(buckets: readonly BucketRegister[]): ClusterState {
  const id = ids[0]!
  return {
    birth: { clusterId: 'c'.repeat(32), n: 3, partitions: 8, bornMs: 1 },
    changes: [{ stamp: 1, author: id, kind: 'join', member: id, weight: 1, zone: '', atMs: 1 }],
    facts: [
      {
        id,
        name: 'n1',
        address: 'a:1',
        peerAddress: 'a:2',
        boot: 1,
        revision: 0,
        incarnation: '0'.repeat(16),
        session: '1'.repeat(16),
        incomplete: false,
      },
    ],
    buckets,
  }
}

test('settings merge alike in any order, any number of times', (t) => {
  t.notThrows(() => {
    fc.assert(
      fc.property(registers, registers, registers, (a, b, c) => {
        const merged = encodeState(stateWith(mergeBuckets(mergeBuckets(a, b), c)))
        for (const other of [
          mergeBuckets(a, mergeBuckets(b, c)),
          mergeBuckets(mergeBuckets(c, b), a),
          mergeBuckets(mergeBuckets(mergeBuckets(a, b), c), b),
        ])
          if (Buffer.compare(encodeState(stateWith(other)), merged) !== 0) throw new Error('they differ')
      }),
      { numRuns: 2000 },
    )
  })
})

test('a state with settings goes through bytes and back, and decodes to nothing else', (t) => {
  t.notThrows(() => {
    fc.assert(
      fc.property(registers, fc.nat(), fc.nat(255), (buckets, at, byte) => {
        const bytes = encodeState(stateWith(buckets))
        const back = decodeState(bytes)
        if (Buffer.compare(encodeState(back), bytes) !== 0) throw new Error('not the same bytes')
        const spoilt = Buffer.from(bytes)
        spoilt[at % spoilt.length] = byte
        try {
          const other = decodeState(spoilt)
          if (Buffer.compare(encodeState(other), spoilt) !== 0 && spoilt[0] === 2)
            throw new Error('two encodings of one state')
        } catch (error) {
          if (!(error instanceof WireError)) throw error
        }
      }),
      { numRuns: 5000 },
    )
  })
})

test('a state from before there were settings has none', (t) => {
  const bytes = Buffer.from(encodeState(stateWith([])))
  const old = Buffer.concat([Buffer.of(1), bytes.subarray(1, bytes.length - 4)])
  t.deepEqual(decodeState(old), stateWith([]))
})

test('a setting wins over all that its author has seen', (t) => {
  const set = { r: 'one', w: undefined, sloppy: false } as const
  let known: readonly BucketRegister[] = []
  for (const next of [set, undefined, { ...set, r: 3 }] as const) {
    const made = nextRegister(known, ids[0]!, 'b', next)
    const merged = mergeBuckets([made], known)
    t.deepEqual(bucketProperties(merged).get('b'), next)
    known = merged
  }
  t.is(known.length, 1)
})

test('more buckets than a cluster may have are refused', (t) => {
  const many = Array.from({ length: limits.buckets + 1 }, (_, i) => ({
    bucket: `b${String(i).padStart(5, '0')}`,
    stamp: 1,
    author: ids[0]!,
    properties: undefined,
  }))
  t.throws(() => decodeState(encodeState(stateWith(many))), {
    instanceOf: WireError,
    message: /more buckets/,
  })
  t.is(decodeState(encodeState(stateWith(many.slice(1)))).buckets.length, limits.buckets)
})

test('a setting is in force once it is persisted; two at once are two stamps, and the later one stays', (t) => {
  const state = stateWith([])
  const membership = new Membership(state, state.facts[0]!)
  const out: MembershipEffect[] = []
  const first = membership.setBucket('b', { r: 1, w: undefined, sloppy: undefined }, out)
  const second = membership.setBucket('b', { r: 2, w: undefined, sloppy: undefined }, out)
  t.true(second > first)
  t.is(membership.buckets.size, 0)
  t.deepEqual(
    out.map(({ kind }) => kind),
    ['persist'],
  )
  const digest = membership.ring.digest
  membership.persisted(out)
  t.is(membership.buckets.get('b')?.r, 1)
  membership.persisted(out)
  t.is(membership.buckets.get('b')?.r, 2)
  t.deepEqual(membership.ring.digest, digest, 'no placement follows from it')
  t.is(out.filter(({ kind }) => kind === 'spread').length, 2)
  const elsewhere = mergeStates(state, membership.state)
  t.is(bucketProperties(elsewhere.buckets).get('b')?.r, 2)
})
