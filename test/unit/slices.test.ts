import test from 'ava'
import { readEach } from '../../src/node/read-each.js'
import type { LocalRow } from '../../src/node/replica.js'
import { Slices } from '../../src/node/slices.js'

/** A clock that each item moves on, and turns that are run by hand. */
function world(itemMs: number) {
  let nowMs = 0
  const turns: (() => void)[] = []
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs }
  const slices = new Slices(clock, { afterTurn: (run) => void turns.push(run) })
  const seen: number[] = []
  const item = (index: number) => {
    seen.push(index)
    nowMs += itemMs
  }
  return { slices, turns, seen, item, pass: (ms: number) => (nowMs += ms) }
}

test('a slice ends when its time is up, and the next begins in another turn', (t) => {
  const { slices, turns, seen, item } = world(0.75)
  let done = 0
  slices.each('scan', 7, item, () => done++)
  t.deepEqual([seen.length, done, turns.length], [3, 0, 1])
  turns.shift()!()
  t.deepEqual([seen.length, done, turns.length], [6, 0, 1])
  turns.shift()!()
  t.deepEqual([seen, done, turns.length], [[0, 1, 2, 3, 4, 5, 6], 1, 0])
  const durations = slices.durations('scan')
  t.deepEqual([durations.total, durations.longestMs], [3, 2.25])
})

test('where no time passes within a turn, a slice has so many items', (t) => {
  const { slices, turns, seen, item } = world(0)
  let done = 0
  slices.each('scan', 2_500, item, () => done++)
  const sizes = [seen.length]
  while (turns.length > 0) {
    turns.shift()!()
    sizes.push(seen.length)
  }
  t.deepEqual([sizes, done], [[1_024, 2_048, 2_500], 1])
})

test('one item is never cut, and nothing to do is done at once', (t) => {
  const { slices, turns, seen, item } = world(9)
  let done = 0
  slices.each('scan', 0, item, () => done++)
  t.deepEqual([seen.length, done, turns.length], [0, 1, 0])
  slices.each('scan', 1, item, () => done++)
  t.deepEqual([seen.length, done, turns.length], [1, 2, 0])
})

test('what runs within a slice is part of it, also where it fails', (t) => {
  const { slices, pass } = world(0)
  slices.run('exchange', () => slices.run('rebuild', () => pass(3)))
  t.throws(() =>
    slices.run('handoff', () => {
      pass(1)
      throw new Error('on purpose')
    }),
  )
  t.deepEqual([slices.durations('exchange').longestMs, slices.durations('rebuild').total], [3, 0])
  t.is(slices.durations('handoff').longestMs, 1)
  slices.run('reaping', () => pass(5))
  t.is(slices.durations('reaping').longestMs, 5)
})

test('large rows are read a few at a time, small ones many, and no more than wanted', (t) => {
  const sizes: number[] = []
  const read = (rowBytes: number, most: number) => {
    sizes.length = 0
    const object = new Uint8Array(rowBytes)
    const seen: number[] = []
    let done = 0
    const readMany = (keys: readonly Uint8Array[], answer: (rows: readonly LocalRow[]) => void) => {
      sizes.push(keys.length)
      answer(keys.map(() => ({ object, known: true, incomplete: false })))
    }
    const guard = { slices: world(0).slices }
    const keys = Array.from({ length: 100 }, () => new Uint8Array(1))
    readEach({ guard, replica: { readMany } }, keys, {
      kind: 'exchange',
      each: (_, index) => {
        seen.push(index)
        return seen.length < most
      },
      done: () => void done++,
    })
    t.is(done, 1)
    return seen
  }
  t.deepEqual(read(1024 * 1024, 7), [0, 1, 2, 3, 4, 5, 6])
  t.deepEqual(sizes, [4, 1, 1, 1])
  t.is(read(100, 1_000).length, 100)
  t.deepEqual(sizes, [4, 64, 32])
})
