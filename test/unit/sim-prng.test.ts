import test from 'ava'
import { Prng } from '../sim/prng.js'

test('the same path gives the same numbers, another path others', (t) => {
  const numbers = (path: string) => {
    const prng = new Prng(path)
    return Array.from({ length: 50 }, () => prng.word())
  }
  t.deepEqual(numbers('seed 7'), numbers('seed 7'))
  t.notDeepEqual(numbers('seed 7'), numbers('seed 8'))
})

test('a stream split off does not depend on what was drawn before', (t) => {
  const fresh = new Prng('seed 7')
  const used = new Prng('seed 7')
  for (let index = 0; index < 100; index += 1) used.word()
  t.is(fresh.split('network').word(), used.split('network').word())
  t.not(fresh.split('network').word(), fresh.split('disk').word())
})

test('below is uniform within its bound', (t) => {
  const prng = new Prng('uniform')
  const counts = new Array<number>(7).fill(0)
  for (let index = 0; index < 70_000; index += 1) counts[prng.below(7)]! += 1
  for (const count of counts) t.true(Math.abs(count - 10_000) < 600, String(counts))
  t.throws(() => prng.below(0), { instanceOf: RangeError })
  t.throws(() => prng.below(2 ** 32 + 1), { instanceOf: RangeError })
})

test('shuffled keeps every element and changes their order', (t) => {
  const prng = new Prng('shuffle')
  const sorted = Array.from({ length: 40 }, (_, index) => index)
  const shuffled = prng.shuffled(sorted)
  t.notDeepEqual(shuffled, sorted)
  t.deepEqual(
    [...shuffled].sort((left, right) => left - right),
    sorted,
  )
})

test('bytes have their length and differ from call to call', (t) => {
  const prng = new Prng('bytes')
  t.is(prng.bytes(14).length, 14)
  t.notDeepEqual(prng.bytes(14), prng.bytes(14))
})
