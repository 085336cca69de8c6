import test from 'ava'
import { QuorumTally } from '../../src/protocol/coordinator/quorum.js'
import { ReadMachine } from '../../src/protocol/coordinator/read.js'
import { WriteMachine } from '../../src/protocol/coordinator/write.js'
import type { Effect, Input, Machine } from '../../src/protocol/effects.js'
import { DeliverMachine } from '../../src/protocol/hints/deliver.js'
import type { Message } from '../../src/wire/messages.js'
import { ReplicaStatus } from '../../src/wire/messages.js'
import { actorOf, objectOf, valuesOf } from '../model/objects.js'
import { closes, FIELDS, KEY, NOTHING, outcome } from './machines.js'

const PLACEMENT = { ring: { high: 1, low: 2 }, owners: ['a', 'b', 'c'], beyond: ['d', 'e'] }
const OBJECT = objectOf('x', { value: 'v' })

function run(machine: Machine, ...inputs: Input[]): Effect[] {
  const out: Effect[] = []
  for (const input of inputs) machine.step(input, 0, out)
  return out
}

function writing(needed: number, { self = 'a', sloppy = true, placement = PLACEMENT } = {}): WriteMachine {
  const machine = new WriteMachine({
    id: 1,
    self,
    rowKey: KEY,
    task: { kind: 'write', write: FIELDS, context: NOTHING },
    needed,
    sloppy,
    durableBy: 'self',
    placement,
    returnObject: false,
    deadlineMs: 100,
  })
  machine.start(0, [])
  return machine
}

function reading(needed: number, { self = 'a', sloppy = true } = {}): ReadMachine {
  const placement = PLACEMENT
  const machine = new ReadMachine({ id: 1, self, rowKey: KEY, needed, sloppy, placement, deadlineMs: 100 })
  machine.start(0, [])
  return machine
}

const applied = { kind: 'applied', code: 1, object: OBJECT, actor: actorOf('x') } as const
const settled = { kind: 'settled', fault: undefined } as const
const unsent = (to: string) => ({ kind: 'unsent', to }) as const
const suspected = (to: string) => ({ kind: 'suspected', to }) as const

function stored(from: string, status: ReplicaStatus = ReplicaStatus.ok) {
  return { kind: 'answer', from, message: { type: 2, id: 1, status, state: NOTHING } as Message } as const
}

function shown(from: string, object: Uint8Array | undefined) {
  const status = object === undefined ? ReplicaStatus.missing : ReplicaStatus.ok
  const message = {
    type: 4,
    id: 1,
    status,
    incomplete: false,
    object: object ?? NOTHING,
    state: NOTHING,
  } as Message
  return { kind: 'answer', from, message } as const
}

const local = (object: Uint8Array | undefined) =>
  ({ kind: 'row', object, known: true, counts: true }) as const
const sent = (out: readonly Effect[]) =>
  out.flatMap((effect) => {
    if (effect.kind !== 'send') return []
    const { message } = effect
    return [`${effect.to}:${message.type}${message.type === 17 ? ` for ${message.target}` : ''}`]
  })
const kept = (out: readonly Effect[]) =>
  out.flatMap((effect) =>
    effect.kind === 'merge' && effect.conversation === 0 ? (effect.hintFor ?? []) : [],
  )

test('tally: those who stand in count only as far as the owners cannot', (t) => {
  const tally = new QuorumTally(['a', 'b', 'c'], 2, true)
  tally.count('a')
  tally.fail('c')
  t.is(tally.standIn('c', PLACEMENT, 'a'), 'd')
  tally.countStandIn('d')
  t.false(tally.enough, 'b may still answer, and is an owner')
  tally.fail('b')
  t.true(tally.enough)
  t.false(tally.hopeless)
})

test('tally: nobody counts who was not asked, nobody twice, and with a strict quorum nobody but owners', (t) => {
  const tally = new QuorumTally(['a', 'b', 'c'], 3, true)
  tally.count('a')
  tally.fail('b')
  tally.fail('c')
  t.is(tally.standIn('b', PLACEMENT, 'a'), 'd')
  tally.countStandIn('e')
  tally.countStandIn('d')
  tally.countStandIn('d')
  t.is(tally.gotInAll, 2)
  t.false(tally.enough)
  const strict = new QuorumTally(['a', 'b', 'c'], 2)
  strict.count('a')
  strict.fail('b')
  strict.fail('c')
  strict.standIn('b', PLACEMENT, 'a')
  strict.countStandIn('d')
  t.false(strict.enough)
  t.true(strict.hopeless)
})

test('write: the copy of an owner that is away goes to the next node beyond the owners, with a hint', (t) => {
  const machine = writing(2)
  t.deepEqual(sent(run(machine, applied)), ['b:1', 'c:1'])
  t.deepEqual(sent(run(machine, unsent('b'))), ['d:17 for b'])
  t.deepEqual(sent(run(machine, suspected('c'))), ['e:17 for c'])
  t.is(outcome(run(machine, settled)), undefined)
  t.like(outcome(run(machine, stored('d'))), { status: 'ok' })
})

test('write: with a strict quorum a hint is kept all the same, and counts for nothing', (t) => {
  const machine = writing(2, { sloppy: false })
  run(machine, applied, settled)
  t.deepEqual(sent(run(machine, unsent('b'))), ['d:17 for b'])
  t.is(outcome(run(machine, stored('d'))), undefined)
  t.like(outcome(run(machine, unsent('c'))), { code: 'QUORUM_UNMET' })
})

test('write: one that merely takes its time is waited for', (t) => {
  const machine = writing(2)
  run(machine, applied, settled, unsent('b'))
  t.is(outcome(run(machine, stored('d'))), undefined)
  t.like(outcome(run(machine, stored('c'))), { status: 'ok' })
})

test('write: where nobody is left to ask, the coordinator keeps the hint, which counts for nothing', (t) => {
  const machine = writing(2)
  run(machine, applied, settled)
  t.deepEqual(kept(run(machine, unsent('b'), unsent('d'), unsent('e'))), ['b'])
  const out = run(machine, unsent('c'))
  t.deepEqual(kept(out), ['c'])
  t.like(outcome(out), { code: 'QUORUM_UNMET', numbers: { got: 1 } })
  t.true(closes(out))
})

test('write: a stand-in that has no room is passed over; an owner without room gets a hint', (t) => {
  const machine = writing(2)
  run(machine, applied, settled)
  t.deepEqual(sent(run(machine, stored('b', ReplicaStatus.full))), ['d:17 for b'])
  t.deepEqual(sent(run(machine, stored('d', ReplicaStatus.full))), ['e:17 for b'])
})

test('write: an owner that dies after the answer is not forgotten', (t) => {
  const machine = writing(2)
  const answered = run(machine, applied, settled, stored('b'))
  t.like(outcome(answered), { status: 'ok' })
  t.false(closes(answered))
  t.deepEqual(sent(run(machine, { kind: 'lost', to: 'c' })), ['d:17 for c'])
  const last = run(machine, stored('d'))
  t.true(closes(last))
  t.is(outcome(last), undefined, 'one answer is enough')
})

test('write: with every owner away a node that is none mints into what it keeps for them, and counts once', (t) => {
  const machine = writing(1, { self: 'e' })
  const out: Effect[] = []
  machine.start(0, out)
  t.like(out[0], { kind: 'write', hintFor: ['a', 'b', 'c'] })
  t.deepEqual(sent(run(machine, applied)), ['a:1', 'b:1', 'c:1'])
  t.deepEqual(sent(run(machine, unsent('a'))), [], 'this node itself stands in for the first')
  t.deepEqual(sent(run(machine, unsent('b'))), ['d:17 for b'])
  run(machine, unsent('c'), unsent('d'))
  t.like(outcome(run(machine, settled)), { status: 'ok' })
  const two = writing(2, { self: 'e' })
  const out2 = run(two, applied, settled, unsent('a'), unsent('b'), unsent('c'), unsent('d'))
  t.like(outcome(out2), { code: 'QUORUM_UNMET', numbers: { needed: 2, got: 1 } })
})

test('read: for an owner that is away the next node is asked, merged, and counted only if it must be', (t) => {
  const machine = reading(2)
  t.deepEqual(sent(run(machine, local(undefined))), ['b:3', 'c:3'])
  t.deepEqual(sent(run(machine, unsent('b'))), ['d:3'])
  t.is(outcome(run(machine, shown('d', OBJECT))), undefined)
  const out = run(machine, shown('c', undefined))
  t.deepEqual(valuesOf((outcome(out) as { object: Uint8Array }).object), ['v'])
  t.deepEqual(sent(out), ['c:1'], 'owners are repaired, and nobody else')
})

test('read: with the owners too few, those who stand in make the quorum; never with a strict one', (t) => {
  for (const sloppy of [true, false]) {
    const machine = reading(2, { sloppy })
    run(machine, local(OBJECT), unsent('b'), unsent('c'))
    const answer = outcome(run(machine, shown('d', undefined)))
    if (sloppy) t.like(answer, { status: 'ok' })
    else t.is((answer as { status: string } | undefined)?.status === 'ok', false)
  }
})

test('read: with every owner away it is answered from what is kept here', (t) => {
  const machine = reading(1, { self: 'e' })
  run(machine, local(OBJECT))
  const out = run(machine, unsent('a'), unsent('b'), unsent('c'), unsent('d'))
  t.deepEqual(valuesOf((outcome(out) as { object: Uint8Array }).object), ['v'])
  t.false(
    out.some(({ kind }) => kind === 'merge'),
    'no row of its own is made of it',
  )
})

function delivering(): DeliverMachine {
  const machine = new DeliverMachine(1, KEY, 'b', PLACEMENT, 100)
  machine.start(0, [])
  return machine
}

const held = { kind: 'hint', found: 'held', object: OBJECT, number: 7 } as const

test('deliver: the hint is let go only after the target has said that it holds it durably', (t) => {
  const machine = delivering()
  t.deepEqual(sent(run(machine, held)), ['b:1'])
  t.deepEqual(run(machine, stored('c')), [], 'that is somebody else')
  const released = run(machine, stored('b'))
  t.like(released[0], { kind: 'release', target: 'b', number: 7 })
  t.is(outcome(released), undefined)
  t.is(outcome(run(machine, settled)), 'delivered')
})

test('deliver: whatever goes wrong leaves the hint where it is', (t) => {
  for (const input of [
    unsent('b'),
    suspected('b'),
    { kind: 'lost', to: 'b' } as const,
    stored('b', ReplicaStatus.full),
    stored('b', ReplicaStatus.unavailable),
  ]) {
    const machine = delivering()
    run(machine, held)
    const out = run(machine, input)
    t.is(outcome(out), 'failed')
    t.false(out.some(({ kind }) => kind === 'release'))
  }
  const unreadable = run(delivering(), { kind: 'hint', found: 'unknown', object: NOTHING, number: 0 })
  t.is(outcome(unreadable), 'unreadable')
  const late: Effect[] = []
  const slow = delivering()
  run(slow, held)
  slow.expire(100, late)
  t.is(outcome(late), 'failed')
})

test('deliver: what was kept for a node that owns the key no more goes to all who do', (t) => {
  const moved = { ...PLACEMENT, owners: ['a', 'c', 'd'] }
  const machine = new DeliverMachine(1, KEY, 'b', moved, 100)
  machine.start(0, [])
  t.deepEqual(sent(run(machine, held)), ['a:1', 'c:1', 'd:1'])
  t.deepEqual(run(machine, stored('a'), stored('d'), stored('b')), [], 'not all of them hold it')
  t.like(run(machine, stored('c'))[0], { kind: 'release', target: 'b', number: 7 })
  const failing = new DeliverMachine(1, KEY, 'b', moved, 100)
  failing.start(0, [])
  run(failing, held)
  t.is(outcome(run(failing, stored('a'), unsent('c'))), 'failed')
})
