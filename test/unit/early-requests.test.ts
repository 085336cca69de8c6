import test from 'ava'
import { limits } from '../../src/limits.js'
import { EarlyRequests } from '../../src/node/early-requests.js'
import type { Membership } from '../../src/protocol/membership/membership.js'
import type { Digest64 } from '../../src/wire/messages.js'

const KEY = new Uint8Array(20)
const ring = (low: number) => ({ digest: digest(low), placementOf: () => ({ ring: digest(low) }) })
const digest = (low: number): Digest64 => ({ high: 0, low })

/** A node whose ring is told by a number. */
function world() {
  let nowMs = 1_000
  const timers: { atMs: number; run: () => void }[] = []
  const membership = { ring: ring(1), isAdopting: true }
  const early = new EarlyRequests({
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs },
    scheduler: {
      after: (delayMs: number, run: () => void) => {
        const timer = { atMs: nowMs + delayMs, run }
        timers.push(timer)
        return () => {
          if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1)
        }
      },
      afterTurn: (run: () => void) => run(),
    },
    membership: membership as unknown as Membership,
  })
  const looked: number[] = []
  return {
    early,
    looked,
    membership,
    timers,
    adopt: (low: number) => {
      membership.ring = ring(low)
      early.adopted()
    },
    pass: (ms: number) => {
      nowMs += ms
      for (const timer of timers.splice(0)) {
        if (timer.atMs > nowMs) timers.push(timer)
        else timer.run()
      }
    },
    /** As an answerer does: again and again until it has to answer. */
    hold: (low: number, objectBytes = 1) => {
      const object = new Uint8Array(objectBytes)
      const named = { id: 1, ring: digest(low), rowKey: KEY, leftMs: 1_000 }
      const request = { ...named, type: 1, object, durable: false } as const
      const look = (sinceMs?: number): boolean => {
        looked.push(nowMs)
        return early.holds(request, sinceMs, (since) => look(since))
      }
      return look()
    },
  }
}

test('a request that names the lists about to be adopted is looked at again as soon as they are', (t) => {
  const { hold, looked, adopt, membership } = world()
  t.true(hold(2))
  t.is(looked.length, 1)
  membership.isAdopting = false
  adopt(2)
  t.is(looked.length, 2)
  adopt(3)
  t.is(looked.length, 2, 'it was answered')
})

test('it waits for a second state where that is on its way too', (t) => {
  const { hold, looked, adopt, membership } = world()
  t.true(hold(3))
  adopt(2)
  t.is(looked.length, 2)
  membership.isAdopting = false
  adopt(3)
  t.is(looked.length, 3)
})

test('nothing waits where nothing is about to be adopted, or where it is the peer that is behind', (t) => {
  const { hold, adopt, membership } = world()
  membership.isAdopting = false
  t.false(hold(2))
  adopt(2)
  membership.isAdopting = true
  t.false(hold(1), 'the lists from before')
  t.true(hold(3))
})

test('states that change no list do not make a peer that is behind look early', (t) => {
  const { hold, adopt } = world()
  adopt(2)
  adopt(2)
  t.false(hold(1), 'still the lists from before')
  t.true(hold(3))
})

test('where nothing comes of it each request is answered when its own time is up', (t) => {
  const { hold, looked, pass, timers } = world()
  t.true(hold(2))
  pass(limits.earlyMs / 2)
  t.true(hold(2))
  pass(limits.earlyMs / 2)
  t.is(looked.length, 3, 'the first for good')
  pass(limits.earlyMs / 2)
  t.is(looked.length, 4, 'the second, after as long')
  t.is(timers.length, 0)
  pass(limits.earlyMs)
  t.is(looked.length, 4)
})

test('a timer that is a little early makes nobody wait twice as long', (t) => {
  const { hold, looked, pass, timers } = world()
  t.true(hold(2))
  timers[0]!.atMs -= 0.4
  pass(limits.earlyMs - 0.4)
  t.is(looked.length, 2, 'not yet')
  pass(0.5)
  t.is(looked.length, 3)
  t.is(timers.length, 0)
})

test('a node that stops looks at nothing any more', (t) => {
  const { early, hold, looked, pass, adopt } = world()
  t.true(hold(2))
  early.stop()
  adopt(2)
  pass(limits.earlyMs)
  t.is(looked.length, 1)
})

test('there is room for so many bytes, and for as many again when they have gone', (t) => {
  const { hold, adopt, membership } = world()
  const half = limits.earlyBytes / 2 - KEY.length
  t.true(hold(2, half) && hold(2, half))
  t.false(hold(2))
  membership.isAdopting = false
  adopt(2)
  membership.isAdopting = true
  t.true(hold(3, half) && hold(3, half))
})

test('there is room for so many', (t) => {
  const { hold } = world()
  for (let i = 0; i < limits.earlyRequests; i++) t.true(hold(2))
  t.false(hold(2))
})
