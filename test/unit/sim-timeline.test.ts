import test from 'ava'
import { Prng } from '../sim/prng.js'
import { SimProcess } from '../sim/process.js'
import { Timeline } from '../sim/timeline.js'
import { Trace } from '../sim/trace.js'

function timeline(seed = 'timeline'): Timeline {
  return new Timeline(new Prng(seed), new Trace(false))
}

const nobody = { uncaught: () => {}, crashed: () => {} }

test('events run in the order of their times, and time is theirs', (t) => {
  const time = timeline()
  const seen: number[] = []
  for (const delay of [30, 10, 20, 10.5]) time.after(delay, 'event', () => seen.push(time.nowMs))
  time.runUntil(100)
  t.deepEqual(seen, [10, 10.5, 20, 30])
  t.is(time.nowMs, 100)
  t.is(time.ran, 4)
})

test('events of one time run in an order that the seed decides', (t) => {
  const order = (seed: string) => {
    const time = timeline(seed)
    const seen: number[] = []
    for (let index = 0; index < 8; index += 1) time.after(1, 'event', () => seen.push(index))
    time.runUntil(1)
    return seen.join()
  }
  t.is(order('one'), order('one'))
  t.true(new Set(['one', 'two', 'three', 'four'].map(order)).size > 1)
})

test('a cancelled event does not run', (t) => {
  const time = timeline()
  const event = time.after(1, 'event', () => t.fail())
  event.run = undefined
  time.runUntil(5)
  t.is(time.ran, 0)
})

test('runUntil stops at the condition and leaves the rest', (t) => {
  const time = timeline()
  let ran = 0
  for (let index = 1; index <= 10; index += 1) time.after(index, 'event', () => (ran += 1))
  time.runUntil(100, () => ran === 4)
  t.is(ran, 4)
  t.is(time.nowMs, 4)
  t.is(time.pending, 6)
})

test('the trace tells two runs apart by one event', (t) => {
  const hash = (delay: number) => {
    const trace = new Trace(false)
    const time = new Timeline(new Prng('trace'), trace)
    for (let index = 0; index < 20; index += 1) time.after(index * delay, 'event', () => {})
    time.runUntil(1_000)
    return trace.hash
  }
  t.is(hash(1), hash(1))
  t.not(hash(1), hash(1.001))
})

test('a stopped process hears everything when it goes on, timers first; a killed one nothing', (t) => {
  const time = timeline()
  const process = new SimProcess('n1', time, nobody)
  const heard: string[] = []
  process.timer(5, 'timer', () => heard.push('timer'))
  process.stop()
  process.enter('frame', () => heard.push('frame'))
  time.runUntil(10)
  t.deepEqual(heard, [])
  process.resume()
  t.deepEqual(heard, ['timer', 'frame'])
  process.timer(1, 'late timer', () => heard.push('late timer'))
  process.kill()
  process.enter('late frame', () => heard.push('late frame'))
  time.runUntil(20)
  t.deepEqual(heard, ['timer', 'frame'])
})

test('what a node throws is told, and ends its process', (t) => {
  const time = timeline()
  const told: string[] = []
  const sink = {
    uncaught: (error: unknown, during: string) => told.push(`${during}: ${error}`),
    crashed: () => {},
  }
  const process = new SimProcess('n1', time, sink)
  process.enter('frame', () => {
    throw new Error('oh')
  })
  t.deepEqual(told, ['frame: Error: oh'])
  t.false(process.alive)
})

test('a cancelled timer is forgotten', (t) => {
  const process = new SimProcess('n1', timeline(), nobody)
  const cancel = process.timer(5, 'timer', () => t.fail())
  t.is(process.timers, 1)
  cancel()
  cancel()
  t.is(process.timers, 0)
})
