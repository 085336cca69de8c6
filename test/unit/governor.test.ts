import test from 'ava'
import { XorShift } from '../../bench/load/xorshift.js'
import { Governor, TASKS } from '../../src/protocol/background/governor.js'

const TICK_MS = 25
const OPTIONS = { least: 100, most: 20_000, windowMs: 500, longestMs: 5_000 }

/** A node in virtual time whose clients take longer the more background work is done beside them. */
class World {
  readonly governor = new Governor(0, OPTIONS)
  readonly random = new XorShift(7)
  nowMs = 0
  units = 0
  /** Latencies of the ticks of the last run. */
  p99s: number[] = []
  /** Begun ones too. */
  #requests = 0

  /** `requests` a second that take `baseMs`, and `msOfUnits` more for each thousand units a second done beside them. */
  run(
    seconds: number,
    requests: number,
    baseMs: number,
    msOfUnits: number,
    wanted = Number.POSITIVE_INFINITY,
  ): void {
    let left = wanted
    this.p99s = []
    for (const endMs = this.nowMs + seconds * 1_000; this.nowMs < endMs; this.nowMs += TICK_MS) {
      this.governor.tick(this.nowMs)
      let units = 0
      while (left > 0 && this.governor.take('handoff', 2)) {
        units += 2
        left -= 2
      }
      this.units += units
      const p99Ms = baseMs + (msOfUnits * units) / TICK_MS
      this.p99s.push(p99Ms)
      this.#requests += (requests * TICK_MS) / 1_000
      for (; this.#requests >= 1; this.#requests--)
        this.governor.served(p99Ms * (0.3 + (0.7 * this.random.below(1_000)) / 1_000))
    }
  }

  /** The mean of the latter half. */
  get settledMs(): number {
    const half = this.p99s.slice(this.p99s.length / 2)
    return half.reduce((sum, ms) => sum + ms, 0) / half.length
  }
}

test('with nobody there it soon goes as fast as it can', (t) => {
  const world = new World()
  world.run(5, 0, 0, 0)
  t.is(world.governor.grant, OPTIONS.most)
})

test('work begins gently beside clients that keep the node busy, and at eight times its least rate where nobody is', (t) => {
  const busy = new World()
  busy.run(10, 1_000, 10, 0, 0)
  t.is(busy.governor.grant, 2 * OPTIONS.least)
  const idle = new World()
  idle.run(10, 0, 10, 0, 0)
  t.is(idle.governor.grant, 8 * OPTIONS.least)
})

test('clients are slowed down by no more than half, and the work goes on at more than the least', (t) => {
  const world = new World()
  world.run(10, 1_000, 10, 0, 0)
  t.true(Math.abs(world.governor.quietMs - 10) < 2, `quiet ${world.governor.quietMs}`)
  const before = world.units
  // At a grant of 5,000 clients would take twice as long.
  world.run(60, 1_000, 10, 2)
  t.true(world.settledMs <= 15, `p99 ${world.settledMs}`)
  const rate = (world.units - before) / 60
  t.true(rate > 3 * OPTIONS.least && rate < 4_000, `${rate} a second`)
})

test('what hurts however little there is of it still gets the least', (t) => {
  const world = new World()
  world.run(10, 1_000, 10, 0, 0)
  const before = world.units
  world.run(60, 1_000, 10, 1_000)
  const rate = (world.units - before) / 60
  t.true(rate >= 0.9 * OPTIONS.least, `${rate} a second`)
})

test('what is quiet is learned anew: clients that have become slower by themselves do not stop the work', (t) => {
  const world = new World()
  world.run(10, 1_000, 10, 0, 0)
  world.run(60, 1_000, 40, 0)
  t.true(Math.abs(world.governor.quietMs - 40) < 10, `quiet ${world.governor.quietMs}`)
  const before = world.units
  world.run(60, 1_000, 40, 0)
  t.true((world.units - before) / 60 > 100 * OPTIONS.least)
})

test('work that is there from the start does not pass for quiet', (t) => {
  const world = new World()
  world.run(90, 1_000, 10, 2)
  t.true(world.governor.quietMs < 14, `quiet ${world.governor.quietMs}`)
  t.true(world.settledMs <= 16, `p99 ${world.settledMs}`)
})

test('no task takes what belongs to another, and a large step is paid off', (t) => {
  const governor = new Governor(0, OPTIONS)
  let nowMs = 0
  const units = new Map(TASKS.map((task) => [task, 0]))
  for (let i = 0; i < 400; i++, nowMs += TICK_MS) {
    governor.tick(nowMs)
    // Enough answers, too slow ones: the grant goes to the least.
    for (let answer = 0; answer < 25; answer++) governor.served(i < 80 ? 10 : 1_000)
    for (const task of TASKS) {
      const cost = task === 'rebuild' ? 64 : 1
      while (governor.take(task, cost)) units.set(task, units.get(task)! + cost)
    }
  }
  for (const [task, spent] of units) {
    t.true(spent >= (0.9 * OPTIONS.least * nowMs) / 1_000, `${task} ${spent}`)
    t.is(governor.spentBy(task), spent)
  }
})

test('a clock that stands or goes back grants nothing', (t) => {
  const governor = new Governor(1_000, OPTIONS)
  governor.spend('trees', 10)
  for (let i = 0; i < 100; i++) governor.tick(1_000)
  for (let i = 0; i < 100; i++) governor.tick(1_000 - i)
  t.false(governor.may('trees'))
  t.true(governor.may('exchange'))
})

test('clients who go away while it listens do not stop the work', (t) => {
  const world = new World()
  world.run(30, 400, 10, 1_000)
  t.is(world.governor.grant, OPTIONS.least)
  // At the least grant every tenth window is made quiet. Nobody is heard in the next one, or hardly anybody.
  for (let again = 0; again < 20; again++) {
    while (world.governor.grant > 0) world.run(TICK_MS / 1_000, 400, 10, 1_000)
    const before = world.units
    world.run(30, again, 10, 0)
    t.true(world.units - before > 10 * OPTIONS.least, `${world.units - before} units in 30 s`)
    world.run(30, 400, 10, 1_000)
  }
})

test('whatever clients do, work gets two thirds of the least in any half minute', (t) => {
  const random = new XorShift(11)
  const oneOf = <T>(values: readonly T[]): T => values[random.below(values.length)]!
  for (let history = 0; history < 12; history++) {
    const world = new World()
    for (let phase = 0; phase < 12; phase++) {
      const [requests, baseMs, msOfUnits] = [
        oneOf([0, 1, 3, 15, 19, 50, 400, 2_000]),
        oneOf([1, 10, 80]),
        oneOf([0, 5, 1_000]),
      ]
      const before = world.units
      world.run(30, requests, baseMs, msOfUnits)
      const share = (world.units - before) / (30 * OPTIONS.least)
      t.true(
        share > 2 / 3,
        `${share} of the least, history ${history}, phase ${phase}: ${requests} requests/s`,
      )
    }
  }
})

test('a window in which it listens is silent, also for a task that asks now and then for much', (t) => {
  const governor = new Governor(0, OPTIONS)
  let [listened, taken] = [0, 0]
  for (let nowMs = 0; nowMs < 120_000; nowMs += TICK_MS) {
    governor.tick(nowMs)
    const isListening = governor.grant === 0
    if (isListening) listened++
    if (nowMs % 200 === 0 && governor.take('rebuild', 32) && isListening) taken++
    // Always twice as slow as the first windows said.
    for (let i = 0; i < 20; i++) governor.served(nowMs < 2_000 ? 5 : 20)
  }
  t.true(listened > 20, `${listened} ticks in which it listened`)
  t.is(taken, 0)
  t.true(governor.quietMs > 15, `${governor.quietMs} ms are quiet now`)
})
