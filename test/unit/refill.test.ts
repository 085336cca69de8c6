/** A replica that lost the end of its log: with whom it compares trees, and when it counts again. */
import test from 'ava'
import type { ExchangeOutcome } from '../../src/protocol/entropy/exchange.js'
import { isCovered, TreeRefill } from '../../src/protocol/entropy/refill.js'
import { sharedPartitions } from '../../src/protocol/entropy/schedule.js'

const OUTCOME: ExchangeOutcome = {
  result: 'repaired',
  differing: 1,
  pulled: 1,
  pushed: 0,
  falseAlarms: 0,
  doubtful: false,
}
const DOUBTFUL = { ...OUTCOME, doubtful: true }
const everybody = () => true

function refill(owners: readonly (readonly string[])[]): TreeRefill {
  return new TreeRefill('a', { owners }, sharedPartitions(owners, 'a'))
}

/** Whom it asks, one after the other, as long as there is somebody; each exchange ends as `outcomes` says of the peer. */
function course(one: TreeRefill, outcomes: Readonly<Record<string, ExchangeOutcome>>, nowMs = 0): string[] {
  const asked: string[] = []
  for (let chunk = one.next(nowMs, everybody); chunk !== undefined; chunk = one.next(nowMs, everybody)) {
    asked.push(chunk.peer)
    one.ended(chunk, outcomes[chunk.peer] ?? OUTCOME, nowMs)
  }
  return asked
}

test('of three owners both others are exchanged with, of five a majority of the others', (t) => {
  const three = refill([['a', 'b', 'c']])
  t.false(three.isComplete)
  t.deepEqual(course(three, {}), ['b', 'c'])
  t.true(three.isComplete)
  const five = refill([['a', 'b', 'c', 'd', 'e']])
  t.deepEqual(course(five, {}), ['b', 'c', 'd'])
  t.true(five.isComplete)
})

test('a partition that is not covered keeps all of it from counting', (t) => {
  const one = refill([
    ['a', 'b'],
    ['c', 'a'],
    ['b', 'c'],
  ])
  const first = one.next(0, (peer) => peer === 'b')!
  t.deepEqual([first.peer, first.partitions], ['b', [0]])
  one.ended(first, OUTCOME, 0)
  t.false(one.isComplete)
  t.deepEqual(course(one, {}), ['c'])
  t.true(one.isComplete)
})

test('one that is away is not asked, and nothing is asked twice at a time', (t) => {
  const one = refill([['a', 'b', 'c']])
  const chunk = one.next(0, (peer) => peer === 'c')!
  t.is(chunk.peer, 'c')
  t.is(
    one.next(0, (peer) => peer === 'c'),
    undefined,
  )
  one.ended(chunk, OUTCOME, 0)
  t.is(
    one.next(1e9, (peer) => peer === 'c'),
    undefined,
  )
  t.false(one.isComplete)
})

test('an exchange that was broken off is tried again a little later', (t) => {
  const one = refill([['a', 'b']])
  t.deepEqual(course(one, { b: { ...OUTCOME, result: 'late' } }), ['b'])
  t.false(one.isComplete)
  t.deepEqual(course(one, {}, 100), [])
  t.deepEqual(course(one, {}, 10_000), ['b'])
  t.true(one.isComplete)
})

test('doubtful owners count only where there is nobody else, and are asked again', (t) => {
  const five = refill([['a', 'b', 'c', 'd', 'e']])
  t.deepEqual(course(five, { b: DOUBTFUL, c: DOUBTFUL }), ['b', 'c', 'd', 'e'])
  t.true(five.isComplete, 'all others have been exchanged with')
  const away = refill([['a', 'b', 'c', 'd', 'e']])
  for (const peer of ['b', 'c', 'd']) {
    const chunk = away.next(0, (one) => one === peer)!
    away.ended(chunk, peer === 'd' ? OUTCOME : DOUBTFUL, 0)
  }
  t.false(away.isComplete, 'e may hold what the doubtful ones have lost')
  const again = away.next(10_000, (one) => one === 'b')!
  away.ended(again, OUTCOME, 10_000)
  t.false(away.isComplete)
  away.ended(away.next(10_000, (one) => one === 'c')!, OUTCOME, 10_000)
  t.true(away.isComplete)
})

test('who owns alone has nobody to ask', (t) => {
  t.true(refill([['a'], ['b']]).isComplete)
  t.true(isCovered(['a'], 'a', { sound: new Set(), exchanged: new Set() }))
})
