/** When a member dials the addresses that it was started with, and whom a rumour is told. */
import test from 'ava'
import { Seeds } from '../../src/node/seeds.js'
import { someOf } from '../../src/node/some-of.js'
import type { Membership } from '../../src/protocol/membership/membership.js'
import { Prng } from '../sim/prng.js'

const AFTER_MS = 1000

function world(addresses: readonly string[], afterMs = AFTER_MS) {
  const dialled: string[] = []
  const connected = new Set<string>()
  const ids = ['a', 'b', 'c']
  const membership = {
    self: 'a',
    own: { peerAddress: 'own:1' },
    state: {
      changes: ids.map((member) => ({ kind: 'join', member })),
      facts: ids.map((id) => ({ id })),
    },
  } as unknown as Membership
  const seeds = new Seeds({
    ...{ membership, addresses, afterMs, peers: { isConnected: (id) => connected.has(id) } },
    network: {
      dial: (address) => dialled.push(address),
      undial: (address) => dialled.splice(dialled.indexOf(address), 1),
    },
  })
  return { seeds, dialled, connected }
}

test('seeds are dialled once a member was missing for long, never the own address, and let go when all are there', (t) => {
  const { seeds, dialled, connected } = world(['own:1', 'x:1', 'y:1'])
  connected.add('b')
  seeds.tick(0)
  seeds.tick(AFTER_MS - 1)
  t.deepEqual(dialled, [])
  seeds.tick(AFTER_MS)
  seeds.tick(AFTER_MS + 50)
  t.deepEqual(dialled, ['x:1', 'y:1'])
  connected.add('c')
  seeds.tick(AFTER_MS + 100)
  t.deepEqual(dialled, [])
  // A short absence does not count on from the long one.
  connected.delete('c')
  seeds.tick(AFTER_MS + 200)
  t.deepEqual(dialled, [])
})

test('without seeds, or where it is switched off, nobody is dialled', (t) => {
  for (const { seeds, dialled } of [world([]), world(['x:1'], 0)]) {
    for (const nowMs of [0, AFTER_MS, 60_000]) seeds.tick(nowMs)
    t.deepEqual(dialled, [])
  }
})

test('some of many: as many as wanted, no one twice, each as likely as any; all of few', (t) => {
  const prng = new Prng('some of')
  t.deepEqual(someOf([1, 2, 3], 3, prng), [1, 2, 3])
  const counts = new Map<number, number>()
  const all = Array.from({ length: 10 }, (_, at) => at)
  for (let round = 0; round < 5000; round++) {
    const some = someOf(all, 4, prng)
    t.is(new Set(some).size, 4)
    for (const one of some) counts.set(one, (counts.get(one) ?? 0) + 1)
  }
  t.is(counts.size, 10)
  for (const count of counts.values()) t.true(Math.abs(count - 2000) < 200)
})
