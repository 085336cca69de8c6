import test from 'ava'
import { Backoff } from '../../src/io/network/backoff.js'
import { Fifo } from '../../src/io/network/fifo.js'

const at = (place: 'least' | 'most') => ({
  below: (bound: number) => (place === 'least' ? 0 : bound - 1),
  bytes: () => new Uint8Array(0),
})

test('waits double from the least to the most, and are jittered over the whole range', (t) => {
  const options = { leastMs: 50, mostMs: 5_000 }
  const longest = new Backoff(options, at('most'))
  const shortest = new Backoff(options, at('least'))
  const waits = Array.from({ length: 9 }, () => longest.nextMs())
  t.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000])
  t.deepEqual(
    Array.from({ length: 9 }, () => shortest.nextMs()),
    Array(9).fill(50),
  )
  longest.reset()
  t.is(longest.nextMs(), 100)
})

test('no number of failures makes a wait that is not one', (t) => {
  const backoff = new Backoff({ leastMs: 50, mostMs: 5_000 }, at('most'))
  for (let i = 0; i < 5_000; i++) backoff.nextMs()
  t.is(backoff.nextMs(), 5_000)
})

test('a queue gives back what was put in, in order, however long', (t) => {
  const queue = new Fifo<number>()
  const expected: number[] = []
  let next = 0
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < round % 17; i++) {
      queue.push(next)
      expected.push(next++)
    }
    t.is(queue.peek(), expected[0])
    for (let i = 0; i < round % 13; i++) if (queue.shift() !== expected.shift()) t.fail(`at ${round}`)
    t.is(queue.length, expected.length)
  }
  while (queue.length > 0) t.is(queue.shift(), expected.shift())
  t.is(queue.shift(), undefined)
  t.is(queue.length, 0)
})
