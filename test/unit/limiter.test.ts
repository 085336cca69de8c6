import test from 'ava'
import * as fc from 'fast-check'
import { Limiter } from '../../src/protocol/admission/limiter.js'
import { RetrySpread } from '../../src/protocol/admission/retry-spread.js'

const LOOK_MS = 25
const OPTIONS = { targetMs: 10, intervalMs: 250, least: 1, most: 10_000 }

/** A node in virtual time: so much work a millisecond, one queue, and clients who each ask again when they are answered. */
class Loop {
  readonly limiter: Limiter
  nowMs = 0
  inProgress = 0
  served = 0
  shed = 0
  readonly #perMs: number

  constructor(perMs: number, options = OPTIONS) {
    this.limiter = new Limiter(0, options)
    this.#perMs = perMs
  }

  /** How long what comes now waits. */
  get waitMs(): number {
    return this.inProgress / this.#perMs
  }

  arrive(requests: number): void {
    for (let one = 0; one < requests; one++) {
      if (this.limiter.admits(this.inProgress)) this.inProgress++
      else this.shed++
    }
  }

  /** For `ms`, with so many arriving in each millisecond. */
  run(ms: number, arrivals: (nowMs: number) => number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs++) {
      this.arrive(arrivals(this.nowMs))
      const done = Math.min(this.inProgress, this.#perMs)
      this.inProgress -= done
      this.served += done
      if (this.nowMs % LOOK_MS === 0) this.limiter.look(this.waitMs, this.nowMs)
    }
  }
}

test('whatever is looked at, the limit is whole and between least and most; least itself is never below 1', (t) => {
  const waits = fc.array(
    fc.tuple(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })), fc.nat(20_000)),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(waits, fc.integer({ min: -3, max: 40 }), (looks, least) => {
      const limiter = new Limiter(0, { ...OPTIONS, least })
      looks.forEach(([waitedMs, inProgress], i) => {
        const admitted = limiter.admits(inProgress)
        if (admitted !== inProgress < limiter.limit) throw new Error('admits and limit disagree')
        limiter.look(waitedMs, i * LOOK_MS)
        const { limit } = limiter
        if (!Number.isInteger(limit) || limit < Math.max(1, least) || limit > OPTIONS.most)
          throw new Error(`limit ${limit}`)
      })
    }),
  )
  t.pass()
})

test('a queue that stands is cut down to the target, and what is served stays as much', (t) => {
  const loop = new Loop(2)
  loop.run(1_000, () => 100)
  loop.run(4_000, () => 10)
  const { served, shed } = loop
  t.true(shed > 0)
  loop.run(5_000, () => 10)
  t.true(loop.waitMs <= 2 * OPTIONS.targetMs, `waits ${loop.waitMs} ms`)
  t.true(loop.served - served >= 0.99 * 2 * 5_000, `served ${loop.served - served}`)
})

test('a burst that is worked off within the target costs nobody a refusal, however many they are', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 100, max: 3_000 }), (perMs, everyMs) => {
      const loop = new Loop(perMs)
      loop.run(20_000, (nowMs) => (nowMs % everyMs === 0 ? perMs * OPTIONS.targetMs : 0))
      if (loop.shed > 0) throw new Error(`${loop.shed} shed`)
    }),
  )
  t.pass()
})

test('one long pause changes nothing: it is a look among many', (t) => {
  const limiter = new Limiter(0, OPTIONS)
  for (let look = 0; look < 400; look++) {
    limiter.admits(100)
    limiter.look(look % 20 === 7 ? 5_000 : 1, look * LOOK_MS)
    t.is(limiter.limit, OPTIONS.most)
  }
})

test('after a flood the limit comes back to where it was, within seconds, and lets a burst in again', (t) => {
  const loop = new Loop(2)
  loop.run(10_000, () => 20)
  t.true(loop.limiter.limit < 100)
  loop.run(15_000, () => 1)
  t.is(loop.limiter.limit, OPTIONS.most)
  const { shed } = loop
  loop.arrive(1_000)
  t.is(loop.shed, shed)
})

test('a limit is not lowered again before what was in progress has come down to it', (t) => {
  const limiter = new Limiter(0, OPTIONS)
  const look = (inProgress: number, from: number) => {
    for (let i = from; i < from + 12; i++) {
      limiter.admits(inProgress)
      limiter.look(100, i * LOOK_MS)
    }
    return limiter.limit
  }
  const first = look(1_000, 0)
  t.is(first, 500)
  t.is(look(900, 12), first)
  t.is(look(600, 24), first)
  t.true(look(400, 36) < 300)
})

test('those who are shed are told different seconds, evenly; more of them are told more', (t) => {
  const spread = new RetrySpread()
  const counts = (answers: number) => {
    const seconds = new Map<number, number>()
    for (let i = 0; i < answers; i++) {
      const next = spread.next()
      seconds.set(next, (seconds.get(next) ?? 0) + 1)
    }
    return seconds
  }
  t.deepEqual([...counts(1_000).keys()].sort(), [1, 2])
  for (let second = 1; second <= 10; second++) spread.look(100 * second, 10_000 * second)
  t.is(spread.spanSeconds, 30)
  const many = counts(3_000)
  t.is(many.size, 30)
  for (const [second, count] of many) t.true(count >= 98 && count <= 102, `${second}: ${count}`)
  for (let second = 1; second <= 40; second++) spread.look(1_000 + 100 * second, 100_000)
  t.is(spread.spanSeconds, 2)
})
