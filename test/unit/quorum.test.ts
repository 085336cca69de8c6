import test from 'ava'
import { QuorumTally, quorum, resolveQuorum } from '../../src/protocol/coordinator/quorum.js'

test('quorum is a majority', (t) => {
  t.deepEqual([1, 2, 3, 4, 5].map(quorum), [1, 2, 2, 3, 3])
})

test('names and numbers resolve within 1 … n, everything else is out of range', (t) => {
  t.is(resolveQuorum(undefined, 3), 2)
  t.is(resolveQuorum('one', 3), 1)
  t.is(resolveQuorum('all', 3), 3)
  t.is(resolveQuorum(3, 3), 3)
  t.is(resolveQuorum(4, 3), undefined)
  t.is(resolveQuorum(0, 3), undefined)
  t.is(resolveQuorum(1.5, 3), undefined)
})

test('a node counts once, however often it answers', (t) => {
  const tally = new QuorumTally(['a', 'b', 'c'], 2)
  tally.count('a')
  tally.count('a')
  t.is(tally.got, 1)
  t.false(tally.enough)
  tally.count('b')
  t.true(tally.enough)
})

test('hopeless as soon as those left cannot make it', (t) => {
  const tally = new QuorumTally(['a', 'b', 'c'], 2)
  tally.fail('a')
  t.false(tally.hopeless)
  tally.fail('b')
  t.true(tally.hopeless)
})

test('what failed may still count when it answers after all', (t) => {
  const tally = new QuorumTally(['a', 'b'], 2)
  tally.fail('a')
  tally.count('a')
  tally.count('b')
  t.true(tally.enough)
  tally.fail('a')
  t.true(tally.enough)
})

test('under another table only its owners count', (t) => {
  const tally = new QuorumTally(['a', 'b', 'c'], 2)
  tally.count('a')
  tally.count('b')
  tally.place(['b', 'c', 'd'])
  t.is(tally.got, 1)
  t.is(tally.open, 2)
  t.false(tally.enough)
  tally.count('d')
  t.true(tally.enough)
})
