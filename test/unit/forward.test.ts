import test from 'ava'
import { ForwardMachine } from '../../src/protocol/coordinator/forward.js'
import { objectOf } from '../model/objects.js'
import { begin, closes, FIELDS, KEY, NOTHING, outcome, sent, step } from './machines.js'

const FORWARD = {
  type: 7,
  rowKey: KEY,
  w: 0,
  blind: true,
  returnObject: false,
  strict: false,
  context: NOTHING,
  ...FIELDS,
} as const

test('forward: a write is offered first to a peer not heard from just now', (t) => {
  const machine = new ForwardMachine(1, FORWARD, [{ id: 'b', fresh: false, lateAfterMs: 50 }], 3, 100)
  t.deepEqual(sent(begin(machine)), ['b:15'])
  t.deepEqual(sent(step(machine, { kind: 'answer', from: 'b', message: { type: 16, id: 1 } })), ['b:7'])
})

test('forward: a write goes to a second owner only if the first certainly did not begin it', (t) => {
  const targets = [
    { id: 'b', fresh: true, lateAfterMs: 50 },
    { id: 'c', fresh: true, lateAfterMs: 50 },
  ]
  const refused = new ForwardMachine(1, FORWARD, targets, 3, 100)
  begin(refused)
  const no = { status: 'error', begun: false, code: 'NOT_READY', message: '', numbers: [] } as const
  t.deepEqual(sent(step(refused, { kind: 'answer', from: 'b', message: { type: 8, id: 1, outcome: no } })), [
    'c:7',
  ])
  const lost = new ForwardMachine(2, FORWARD, targets, 3, 100)
  begin(lost)
  const out = step(lost, { kind: 'lost', to: 'b' })
  t.deepEqual(sent(out), [])
  t.like(outcome(out), { code: 'TIMEOUT' })
  const unsent = new ForwardMachine(3, FORWARD, targets, 3, 100)
  begin(unsent)
  t.deepEqual(sent(step(unsent, { kind: 'unsent', to: 'b' })), ['c:7'])
})

test('forward: a read is asked of the next owner when the first is lost', (t) => {
  const targets = [
    { id: 'b', fresh: true, lateAfterMs: 50 },
    { id: 'c', fresh: true, lateAfterMs: 50 },
  ]
  const machine = new ForwardMachine(1, { type: 5, rowKey: KEY, r: 0, strict: false }, targets, 3, 100)
  begin(machine)
  t.deepEqual(sent(step(machine, { kind: 'lost', to: 'b' })), ['c:5'])
  t.like(outcome(step(machine, { kind: 'lost', to: 'c' })), {
    status: 'unreached',
    failure: { code: 'QUORUM_UNMET' },
  })
})

const TWO = [
  { id: 'b', fresh: true, lateAfterMs: 50 },
  { id: 'c', fresh: true, lateAfterMs: 50 },
]
const READ = { type: 5, rowKey: KEY, r: 0, strict: false } as const
const shown = (id: number, from: string, value: string) =>
  ({
    kind: 'answer',
    from,
    message: {
      type: 6,
      id,
      outcome: { status: 'ok', known: true, object: objectOf('x', { value }), fastest: from },
    },
  }) as const

test('forward: a read that takes unusually long is asked of the next owner as well, and the first answer counts', (t) => {
  for (const first of ['b', 'c']) {
    const machine = new ForwardMachine(1, READ, TWO, 3, 100)
    begin(machine)
    t.is(machine.lateMs, 50)
    t.deepEqual(sent(step(machine, { kind: 'late' })), ['c:5'])
    const out = step(machine, shown(1, first, 'v'))
    t.like(outcome(out), { status: 'ok', fastest: first })
    t.true(closes(out))
  }
})

test('forward: a hedged read waits for the other owner when one fails, and is lost only with both', (t) => {
  const no = { status: 'error', begun: false, code: 'QUORUM_UNMET', message: '', numbers: [] } as const
  const refused = (from: string) =>
    ({ kind: 'answer', from, message: { type: 6, id: 1, outcome: no } }) as const
  const machine = new ForwardMachine(1, READ, TWO, 3, 100)
  begin(machine)
  step(machine, { kind: 'late' })
  t.deepEqual(step(machine, refused('c')), [])
  t.like(outcome(step(machine, shown(1, 'b', 'v'))), { fastest: 'b' })
  const both = new ForwardMachine(1, READ, TWO, 3, 100)
  begin(both)
  step(both, { kind: 'late' })
  t.deepEqual(step(both, { kind: 'lost', to: 'b' }), [])
  t.deepEqual(step(both, refused('b')), [], 'it is not waited for any more')
  t.like(outcome(step(both, refused('c'))), { code: 'QUORUM_UNMET' })
})

test('forward: an offer that nobody takes goes to the next owner; a write that was handed over never does', (t) => {
  const offered = new ForwardMachine(
    1,
    FORWARD,
    [{ id: 'b', fresh: false, lateAfterMs: 50 }, TWO[1]!],
    3,
    100,
  )
  t.deepEqual(sent(begin(offered)), ['b:15'])
  t.deepEqual(sent(step(offered, { kind: 'late' })), ['c:7'])
  t.deepEqual(step(offered, { kind: 'answer', from: 'b', message: { type: 16, id: 1 } }), [], 'too late')
  const given = new ForwardMachine(1, FORWARD, TWO, 3, 100)
  t.deepEqual(sent(begin(given)), ['b:7'])
  t.deepEqual(step(given, { kind: 'late' }), [])
  t.is(given.lateMs, Number.POSITIVE_INFINITY)
})
