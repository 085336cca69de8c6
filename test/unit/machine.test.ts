/** The real clock, random numbers and scheduler keep what their ports promise. */
import test from 'ava'
import { machineClock } from '../../src/io/clock.js'
import { systemRandom } from '../../src/io/random.js'
import { eventLoopScheduler } from '../../src/io/scheduler.js'

test('below: whole numbers within the bound, all of them, evenly', (t) => {
  const counts = Array.from({ length: 6 }, () => 0)
  for (let draw = 0; draw < 60_000; draw++) counts[systemRandom.below(6)]!++
  // The chance that a fair die strays this far (10 standard deviations) is below 10^-22.
  for (const count of counts) t.true(Math.abs(count - 10_000) < 1_000, counts.join(' '))
  t.is(systemRandom.below(1), 0)
  const widest = systemRandom.below(2 ** 32)
  t.true(Number.isInteger(widest) && widest >= 0 && widest < 2 ** 32)
  for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
    t.throws(() => systemRandom.below(bound), { instanceOf: RangeError })
})

test('bytes: as many as asked for, fresh each time, and ours to keep', (t) => {
  const drawn = Array.from({ length: 2_000 }, () => systemRandom.bytes(16))
  const texts = drawn.map((bytes) => Buffer.from(bytes).toString('hex'))
  t.is(new Set(texts).size, 2_000)
  systemRandom.bytes(4_000)
  systemRandom.bytes(4_000)
  t.deepEqual(
    drawn.map((bytes) => Buffer.from(bytes).toString('hex')),
    texts,
  )
  for (const length of [0, 1, 4_096, 4_097, 100_000]) t.is(systemRandom.bytes(length).length, length)
  const many = systemRandom.bytes(100_000)
  t.true(new Set(many).size === 256)
})

test('the monotonic clock goes forward; the wall clock is the date', (t) => {
  let last = machineClock.monotonicMs()
  for (let reading = 0; reading < 10_000; reading++) {
    const now = machineClock.monotonicMs()
    t.true(now >= last)
    last = now
  }
  t.true(Math.abs(machineClock.wallMs() - Date.now()) < 1_000)
})

test('afterTurn runs once, after the promises and callbacks of this turn', async (t) => {
  const order: string[] = []
  eventLoopScheduler.afterTurn(() => order.push('after'))
  process.nextTick(() => order.push('tick'))
  await Promise.resolve().then(() => order.push('promise'))
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  t.deepEqual(order.slice(2), ['after'])
  t.deepEqual(order.slice(0, 2).sort(), ['promise', 'tick'])
})

test('after runs once, unless cancelled, and a very long delay is not a short one', async (t) => {
  const ran: string[] = []
  eventLoopScheduler.after(1, () => ran.push('short'))
  eventLoopScheduler.after(1, () => ran.push('cancelled'))()
  const cancel = eventLoopScheduler.after(2 ** 40, () => ran.push('long'))
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => {}, 1_000)
    eventLoopScheduler.after(20, () => {
      clearInterval(keepAlive)
      resolve()
    })
  })
  cancel()
  t.deepEqual(ran, ['short'])
})
