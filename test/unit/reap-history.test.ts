/** What a member remembers of rounds of reaping: enough to say that nothing of a range can have gone since, and never more. */
import test from 'ava'
import fc from 'fast-check'
import { ReapHistory } from '../../src/protocol/reaping/history.js'
import { WireError } from '../../src/wire/bytes.js'

const NAME = '00112233aabbccdd'
const key = (first: number, second: number) => Uint8Array.of(first, second, 1, 98, 107)

test('a key that was vouched for may have gone after any earlier mark, and not after a later one', (t) => {
  const history = new ReapHistory(NAME, false, 1)
  history.vouching([key(0x12, 0x34)])
  history.vouching([key(0xff, 0xff)])
  const at = (rounds: number) => history.since({ history: NAME, rounds })
  t.true(history.hasGone(key(0x12, 0x34), at(0)))
  t.false(history.hasGone(key(0x12, 0x34), at(1)))
  t.true(history.hasGone(key(0xff, 0xff), at(1)))
  t.false(history.hasGone(key(0xff, 0xff), at(2)))
  t.false(history.hasGone(key(0x80, 0), at(0)))
})

test('with a mark of another history nothing is certain, unless this one goes back to the foundation', (t) => {
  const other = { history: 'ffffffffffffffff', rounds: 7 }
  const later = new ReapHistory(NAME, false, 1)
  t.true(later.hasGone(key(1, 1), later.since(other)))
  t.true(later.hasGone(key(1, 1), later.since(undefined)))
  const first = new ReapHistory(NAME, true, 1)
  first.vouching([key(2, 2)])
  t.false(first.hasGone(key(1, 1), first.since(other)))
  t.false(first.hasGone(key(1, 1), first.since(undefined)))
  t.true(first.hasGone(key(2, 2), first.since(undefined)))
})

test('it comes back from its record as it was', (t) => {
  const rounds = fc.array(fc.array(fc.tuple(fc.nat(255), fc.nat(255)), { maxLength: 5 }), { maxLength: 8 })
  fc.assert(
    fc.property(rounds, fc.boolean(), (all, founded) => {
      const history = new ReapHistory(NAME, founded, 4)
      for (const keys of all) history.vouching(keys.map(([one, other]) => key(one, other)))
      const { bytes, written } = history.record()
      t.is(history.rounds, 0)
      written()
      const again = ReapHistory.resume(bytes, 5)!
      t.deepEqual([again.name, again.fromFoundation, again.rounds], [history.name, founded, all.length])
      for (const [one, other] of all.flat())
        for (let since = 0; since <= all.length; since++)
          t.is(again.hasGone(key(one, other), since), history.hasGone(key(one, other), since))
    }),
    { numRuns: 50 },
  )
})

test('a record cut short or changed is a WireError, or another history, and nothing else', (t) => {
  const history = new ReapHistory(NAME, true, 1)
  history.vouching([key(1, 2), key(3, 4)])
  const { bytes } = history.record()
  for (let end = 0; end < bytes.length; end++) {
    try {
      ReapHistory.resume(bytes.subarray(0, end), 2)
    } catch (error) {
      t.true(error instanceof WireError)
    }
  }
  t.throws(() => ReapHistory.resume(Uint8Array.of(2), 2), { instanceOf: WireError })
})

test('a number that a crash may take is not shown: another round could get it again', (t) => {
  const history = new ReapHistory(NAME, false, 1)
  history.record().written()
  history.vouching([key(1, 1)])
  const { bytes, written } = history.record()
  history.vouching([key(2, 2)])
  t.is(history.rounds, 0)
  t.true(history.hasGone(key(1, 1), history.since({ history: NAME, rounds: history.rounds })))
  written()
  t.is(history.rounds, 1)
  t.is(ReapHistory.resume(bytes, 2)!.rounds, 1)
})

test('a start that did not keep it ends it', (t) => {
  const { bytes } = new ReapHistory(NAME, true, 7).record()
  t.is(ReapHistory.resume(bytes, 8)?.boot, 8)
  for (const boot of [1, 6, 7, 9, 10]) t.is(ReapHistory.resume(bytes, boot), undefined)
})
