import test from 'ava'
import { makeRowKey, objectDigest } from '../../src/kernel/index.js'
import { Drain } from '../../src/node/drain.js'
import { Flush, type FlushEffect } from '../../src/protocol/reaping/flush.js'
import { allKeys, bothKeys, hasKey, keysIn, noKeys } from '../../src/protocol/reaping/key-set.js'
import { ReapMarks } from '../../src/protocol/reaping/marks.js'
import { type ReapEffect, ReapRound } from '../../src/protocol/reaping/round.js'
import { objectOf } from '../model/objects.js'

const STATE = new Uint8Array(16)
const key = (name: string) => makeRowKey(Buffer.from('b'), Buffer.from(name))
const candidate = (name: string, owners: string[]) => ({
  rowKey: key(name),
  isLive: false,
  digest: new Uint8Array(16),
  owners,
})

/** Four members, of whom d owns nothing; two keys. */
function begin() {
  const keys = [candidate('k1', ['a', 'b', 'c']), candidate('k2', ['a', 'b', 'c'])]
  const members = ['a', 'b', 'c', 'd']
  const round = new ReapRound({ id: 7, self: 'a', members, state: STATE, keys, deadlineMs: 1_000 })
  const out: ReapEffect[] = []
  round.start(out)
  return { round, out }
}

/** What has left since the last look: to whom, and of which type. */
function sent(out: ReapEffect[]): string[] {
  const found = out.flatMap((effect) =>
    effect.kind === 'send' ? [`${effect.message.type} ${effect.to}`] : [],
  )
  out.length = 0
  return found
}

function answer(
  round: ReapRound,
  from: string,
  type: 49 | 52,
  clean: number,
  out: ReapEffect[],
  status: 0 | 2 | 4 = 0,
): void {
  round.step({ kind: 'answer', from, message: { type, id: 7, status, clean: Uint8Array.of(clean) } }, out)
}

test('nothing goes before every member has vouched twice, and the conductor lets go last', (t) => {
  const { round, out } = begin()
  t.deepEqual(sent(out), ['48 a', '48 b', '48 c', '48 d'])
  for (const member of ['a', 'b', 'c']) answer(round, member, 49, 3, out)
  t.deepEqual(sent(out), [])
  answer(round, 'd', 49, 3, out)
  t.deepEqual(sent(out), ['50 a', '50 b', '50 c', '50 d'])
  for (const member of ['d', 'c', 'b']) answer(round, member, 49, 3, out)
  t.deepEqual(sent(out), [])
  answer(round, 'a', 49, 1, out)
  t.deepEqual(sent(out), ['51 b', '51 c'])
  answer(round, 'b', 52, 1, out)
  answer(round, 'c', 52, 1, out)
  t.deepEqual(sent(out), ['51 a'])
  answer(round, 'a', 52, 1, out)
  t.deepEqual(out, [{ kind: 'ended', outcome: { reaped: [0], stoppedBy: [] } }])
})

test('one member that is away, refuses or is silent stops the round and is named', (t) => {
  const stopped = (run: (round: ReapRound, out: ReapEffect[]) => void) => {
    const { round, out } = begin()
    sent(out)
    run(round, out)
    const [effect] = out
    return effect?.kind === 'ended' ? effect.outcome.stoppedBy : 'goes on'
  }
  t.deepEqual(
    stopped((round, out) => round.step({ kind: 'lost', to: 'd' }, out)),
    [{ member: 'd', reason: 'away' }],
  )
  t.deepEqual(
    stopped((round, out) => answer(round, 'c', 49, 3, out, 4)),
    [{ member: 'c', reason: 'stale' }],
  )
  t.deepEqual(
    stopped((round, out) => {
      for (const member of ['a', 'b', 'c']) answer(round, member, 49, 3, out)
      round.tick(1_000, out)
    }),
    [{ member: 'd', reason: 'silent' }],
  )
  // It has answered already; and whoever is no member has no say.
  t.is(
    stopped((round, out) => {
      answer(round, 'd', 49, 3, out)
      round.step({ kind: 'lost', to: 'd' }, out)
      answer(round, 'e', 49, 0, out)
    }),
    'goes on',
  )
})

test('an owner that keeps its row keeps the conductor from letting go', (t) => {
  const { round, out } = begin()
  for (const member of ['a', 'b', 'c', 'd']) answer(round, member, 49, 3, out)
  for (const member of ['a', 'b', 'c', 'd']) answer(round, member, 49, 3, out)
  answer(round, 'b', 52, 3, out)
  answer(round, 'c', 52, 2, out)
  const last = out.at(-1)
  t.true(last?.kind === 'send' && last.message.type === 51 && last.to === 'a')
  t.deepEqual(last?.kind === 'send' && last.message.type === 51 && [...last.message.clean], [2])
})

test('a key that nobody finds clean ends the round; so does another membership', (t) => {
  const { round, out } = begin()
  for (const member of ['a', 'b', 'c', 'd']) answer(round, member, 49, 0, out)
  t.deepEqual(out.at(-1), { kind: 'ended', outcome: { reaped: [], stoppedBy: [] } })
  const other = begin()
  other.round.abandon(other.out)
  t.is(other.out.at(-1)?.kind, 'ended')
})

test('whatever touches a key spoils it for the rounds that watch it, and for no other', (t) => {
  const marks = new ReapMarks()
  const keys = [candidate('k1', []), candidate('k2', [])]
  marks.begin('a', 7, STATE, keys, 0)
  marks.begin('b', 9, STATE, [candidate('k3', [])], 0)
  marks.touched(key('k2'))
  marks.touched(key('another'))
  t.deepEqual(keysIn(marks.cleanOf('a', 7)!.clean, 2), [0])
  t.deepEqual(keysIn(marks.cleanOf('b', 9)!.clean, 1), [0])
  t.is(marks.cleanOf('a', 8), undefined)
  // What the conductor has not found clean everywhere does not become clean again.
  t.deepEqual(keysIn(marks.cleanOf('a', 7, Uint8Array.of(2))!.clean, 2), [])
  marks.begin('a', 8, STATE, keys, 0)
  t.is(marks.cleanOf('a', 7), undefined)
  t.deepEqual(keysIn(marks.cleanOf('a', 8)!.clean, 2), [0, 1])
  marks.tick(60_000)
  t.is(marks.cleanOf('a', 8), undefined)
})

test('what was agreed to go is known for a while, that very state only', (t) => {
  const marks = new ReapMarks()
  const object = objectOf('x', { value: 'v' })
  const digest = new Uint8Array(16)
  objectDigest(object, digest)
  marks.begin('a', 7, STATE, [{ rowKey: key('k1'), digest }], 0)
  t.false(marks.isReaped(key('k1'), object))
  t.is(marks.reap('a', 8, allKeys(1), 0), undefined)
  t.is(marks.reap('a', 7, allKeys(1), 0)?.length, 1)
  t.true(marks.isReaped(key('k1'), object))
  t.false(marks.isReaped(key('k2'), object))
  t.false(marks.isReaped(key('k1'), objectOf('y', { value: 'v' })))
  marks.tick(30_000)
  t.false(marks.isReaped(key('k1'), object))
})

test('a flush is complete when all others have answered, and fails with the first that is away', (t) => {
  const out: FlushEffect[] = []
  const flush = new Flush(5, ['b', 'c'], 1_000)
  flush.start(out)
  t.is(out.length, 2)
  const flushed = (from: string) => flush.step({ kind: 'answer', from, message: { type: 54, id: 5 } }, out)
  flushed('b')
  flushed('b')
  t.is(out.length, 2)
  flushed('c')
  t.deepEqual(out.at(-1), { kind: 'flushed', complete: true })
  const failing = new Flush(6, ['b'], 1_000)
  const told: FlushEffect[] = []
  failing.start(told)
  failing.step({ kind: 'lost', to: 'b' }, told)
  failing.tick(1_000, told)
  t.deepEqual(told.slice(1), [{ kind: 'flushed', complete: false }])
  const alone: FlushEffect[] = []
  new Flush(7, [], 1_000).start(alone)
  t.deepEqual(alone, [{ kind: 'flushed', complete: true }])
})

test('a drain waits for what is under way, and not for what begins afterwards', (t) => {
  const drain = new Drain()
  const over: string[] = []
  drain.after(() => over.push('nothing'))
  t.deepEqual(over, ['nothing'])
  const [first, second] = [drain.enter(), drain.enter()]
  drain.after(() => over.push('both'))
  const later = drain.enter()
  drain.leave(second)
  t.deepEqual(over, ['nothing'])
  drain.after(() => over.push('all'))
  drain.leave(first)
  t.deepEqual(over, ['nothing', 'both'])
  drain.leave(later)
  t.deepEqual(over, ['nothing', 'both', 'all'])
})

test('sets of keys: any bytes of a peer will do', (t) => {
  const keys = allKeys(10)
  t.deepEqual([...keys], [0xff, 0x03])
  t.deepEqual(keysIn(bothKeys(keys, Uint8Array.of(0x81)), 10), [0, 7])
  t.deepEqual(keysIn(bothKeys(keys, new Uint8Array(100).fill(0xff)), 10).length, 10)
  t.false(hasKey(noKeys(3), 1))
  t.false(hasKey(new Uint8Array(0), 500))
})
