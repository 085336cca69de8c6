import test from 'ava'
import { choiceOf, forwardedChoice, isOutOfRange } from '../../src/node/orders.js'
import type { Placement } from '../../src/protocol/effects.js'

const RING = { high: 0, low: 1 }
const FIVE = ['a', 'b', 'c', 'd', 'e']
/** N is on its way from five to three. */
const SHRINKING: Placement = { ring: RING, owners: FIVE, others: [['a', 'b', 'c']], beyond: [] }
const everybody = () => true
const nobody = () => false

test('a quorum is forwarded as a quorum: whoever coordinates counts it in each list by its length', (t) => {
  t.is(forwardedChoice('quorum', SHRINKING, everybody), 0)
  t.is(forwardedChoice(undefined, SHRINKING, everybody), 0)
  t.is(choiceOf(0), undefined)
})

test('all is forwarded as all where the owners understand it, else as the longest list in force', (t) => {
  t.is(choiceOf(forwardedChoice('all', SHRINKING, everybody)), 'all')
  t.is(forwardedChoice('all', SHRINKING, nobody), 5)
  const growing = { ...SHRINKING, owners: ['a', 'b', 'c'], others: [FIVE] }
  t.is(forwardedChoice('all', growing, nobody), 5)
  t.is(
    forwardedChoice('all', { ring: RING, owners: ['a', 'b'], beyond: [] }, (owner) => owner === 'a'),
    2,
  )
})

test('one and numbers are forwarded as they are', (t) => {
  t.is(choiceOf(forwardedChoice('one', SHRINKING, everybody)), 1)
  t.is(choiceOf(forwardedChoice(4, SHRINKING, everybody)), 4)
})

test('a number beyond N is refused to a client and not to a node that forwards what it had let in', (t) => {
  t.true(isOutOfRange(4, { forwarded: false }, 3))
  t.false(isOutOfRange(4, { forwarded: true }, 3))
  t.false(isOutOfRange(3, { forwarded: false }, 3))
})
