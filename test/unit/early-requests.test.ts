import test from 'ava'
import { limits } from '../../src/limits.js'
import { EarlyRequests } from '../../src/node/early-requests.js'
import type { Membership } from '../../src/protocol/membership/membership.js'
import type { Digest64 } from '../../src/wire/messages.js'

const KEY = new Uint8Array(20)
const ring = (low: number) => ({ placementOf: () => ({ ring: digest(low) }) })
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
        timers.push({ atMs: nowMs + delayMs, run })
        return () => {}
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
    hold: (low: number) => {
      const look = (sinceMs?: number): boolean => {
        looked.push(nowMs)
        return early.holds(digest(low), KEY, sinceMs, (since) => look(since))
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

test('where nothing comes of it the request is answered when its time is up, and one timer is enough for all', (t) => {
  const { hold, looked, pass, timers } = world()
  t.true(hold(2))
  pass(limits.earlyMs / 2)
  t.true(hold(2))
  t.is(timers.length, 1)
  pass(limits.earlyMs / 2)
  t.is(looked.length, 4, 'the first for good, the second waits on')
  pass(limits.earlyMs)
  t.is(looked.length, 5)
  pass(limits.earlyMs)
  t.is(looked.length, 5)
})

test('there is room for so many', (t) => {
  const { hold } = world()
  for (let i = 0; i < limits.earlyRequests; i++) t.true(hold(2))
  t.false(hold(2))
})
