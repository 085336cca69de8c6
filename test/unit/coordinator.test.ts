import test from 'ava'
import { objectClock, objectDigest } from '../../src/kernel/index.js'
import { DeleteMachine } from '../../src/protocol/coordinator/delete.js'
import { ReadMachine } from '../../src/protocol/coordinator/read.js'
import { WriteMachine } from '../../src/protocol/coordinator/write.js'
import type { Effect, Placement } from '../../src/protocol/effects.js'
import type { Message, ReplicaRow } from '../../src/wire/messages.js'
import { ReplicaStatus } from '../../src/wire/messages.js'
import { actorOf, objectOf, putRow, valuesOf } from '../model/objects.js'
import { begin, closes, FIELDS, KEY, NOTHING, outcome, sent, step } from './machines.js'

const RING = { high: 1, low: 2 }
const PLACEMENT = { ring: RING, owners: ['a', 'b', 'c'], beyond: [] as string[] }
function reading(needed: number, placement: Placement, id = 1, self = 'a', sloppy = true): ReadMachine {
  return new ReadMachine({ id, self, rowKey: KEY, needed, sloppy, placement, deadlineMs: 100 })
}

function row(object: Uint8Array | undefined, counts = true) {
  return { kind: 'row', object, known: true, counts } as const
}

function answer(from: string, status: ReplicaStatus, object: Uint8Array = NOTHING, incomplete = false) {
  const message: ReplicaRow = { type: 4, id: 1, status, incomplete, object, state: NOTHING }
  return { kind: 'answer', from, message } as const
}

function stored(from: string, status: ReplicaStatus = ReplicaStatus.ok) {
  return { kind: 'answer', from, message: { type: 2, id: 1, status, state: NOTHING } as Message } as const
}

test('read: asks with the digest of the local object, answers at R, repairs nobody who agrees', (t) => {
  const object = objectOf('x', { value: 'v' })
  const machine = reading(2, PLACEMENT, 1)
  begin(machine)
  const asked = step(machine, row(object))
  t.deepEqual(sent(asked), ['b:3', 'c:3'])
  const digest = new Uint8Array(16)
  objectDigest(object, digest)
  t.true(
    asked.every(
      (effect) =>
        effect.kind === 'send' &&
        effect.message.type === 3 &&
        Buffer.compare(effect.message.digest, digest) === 0,
    ),
  )
  const replied = step(machine, answer('b', ReplicaStatus.same))
  t.like(outcome(replied), { status: 'ok', object })
  t.false(closes(replied))
  const last = step(machine, answer('c', ReplicaStatus.same))
  t.deepEqual(last, [{ kind: 'close', conversation: 1 }])
})

test('read: gives all concurrent versions, and repairs every replica that lacks one', (t) => {
  const machine = reading(2, PLACEMENT, 1)
  begin(machine)
  step(machine, row(objectOf('x', { value: 'mine' })))
  const replied = step(machine, answer('b', ReplicaStatus.ok, objectOf('y', { value: 'theirs' })))
  t.deepEqual(valuesOf((outcome(replied) as { object: Uint8Array }).object), ['mine', 'theirs'])
  const last = step(machine, answer('c', ReplicaStatus.missing))
  t.deepEqual(sent(last), ['b:1', 'c:1'])
  t.true(last.some((effect) => effect.kind === 'merge'))
})

test('read: an incomplete replica is merged but does not count', (t) => {
  const machine = reading(2, PLACEMENT, 1)
  begin(machine)
  step(machine, row(undefined))
  t.is(
    outcome(step(machine, answer('b', ReplicaStatus.ok, objectOf('y', { value: 'kept' }), true))),
    undefined,
  )
  const replied = step(machine, answer('c', ReplicaStatus.same))
  t.deepEqual(valuesOf((outcome(replied) as { object: Uint8Array }).object), ['kept'])
})

test('read: unknown is never missing; when too few can answer it says so at once', (t) => {
  const machine = reading(2, PLACEMENT, 1)
  begin(machine)
  step(machine, { kind: 'row', object: undefined, known: false, counts: true })
  t.is(outcome(step(machine, answer('b', ReplicaStatus.missing))), undefined)
  t.like(outcome(step(machine, answer('c', ReplicaStatus.unknown))), {
    code: 'QUORUM_UNMET',
    numbers: { needed: 2, got: 1, n: 3 },
  })
})

test('read: nobody connected, or the deadline passes', (t) => {
  const machine = reading(2, PLACEMENT, 1)
  begin(machine)
  step(machine, row(undefined))
  step(machine, { kind: 'unsent', to: 'b' })
  t.like(outcome(step(machine, { kind: 'lost', to: 'c' })), { code: 'QUORUM_UNMET' })
  const slow = reading(2, PLACEMENT, 2)
  begin(slow)
  step(slow, row(undefined))
  const out: Effect[] = []
  slow.expire(100, out)
  t.like(outcome(out), { code: 'TIMEOUT' })
  t.true(closes(out))
})

test('read: bytes of a peer that are no object are not served', (t) => {
  const machine = reading(2, PLACEMENT, 1)
  begin(machine)
  step(machine, row(undefined))
  t.is(outcome(step(machine, answer('b', ReplicaStatus.ok, Buffer.from('rubbish')))), undefined)
  t.like(outcome(step(machine, answer('c', ReplicaStatus.same))), { status: 'ok', object: undefined })
})

function applied(rowBytes: Uint8Array, object: Uint8Array, actor: string) {
  void rowBytes
  return { kind: 'applied', code: 1, object, actor: actorOf(actor) } as const
}

function writing(needed: number, placement: Placement = PLACEMENT, self = 'a', sloppy = true): WriteMachine {
  const task = { kind: 'write', write: FIELDS, context: NOTHING } as const
  return new WriteMachine({
    id: 1,
    self,
    rowKey: KEY,
    task,
    needed,
    sloppy,
    durableBy: 'self',
    placement,
    returnObject: false,
    deadlineMs: 100,
  })
}

test('write: acknowledged when W distinct nodes hold it durably, this one only after its commit', (t) => {
  const machine = writing(2)
  t.deepEqual(
    begin(machine).map(({ kind }) => kind),
    ['write'],
  )
  const object = objectOf('x', { value: 'v' })
  t.deepEqual(sent(step(machine, applied(NOTHING, object, 'x'))), ['b:1', 'c:1'])
  t.is(outcome(step(machine, stored('b'))), undefined)
  t.is(outcome(step(machine, stored('b'))), undefined)
  const done = step(machine, { kind: 'settled', fault: undefined })
  t.like(outcome(done), { status: 'ok', context: objectClock(object) })
})

test('write: the context of its answer covers itself, not a sibling that it did not see', (t) => {
  const first = putRow(NOTHING, 'x', { value: 'one' })
  const both = objectOf('x', { value: 'one' }, { value: 'two' })
  const machine = writing(1)
  begin(machine)
  step(machine, applied(first, both, 'x'))
  const { context } = outcome(step(machine, { kind: 'settled', fault: undefined })) as { context: Uint8Array }
  const after = objectOf('x', { value: 'one' }, { value: 'two' }, { value: 'three', context })
  t.deepEqual(valuesOf(after), ['one', 'three'])
})

test('write: unmet as soon as too few are left, indeterminate when the deadline passes', (t) => {
  const machine = writing(2)
  begin(machine)
  step(machine, applied(NOTHING, objectOf('x', { value: 'v' }), 'x'))
  step(machine, { kind: 'lost', to: 'b' })
  t.like(outcome(step(machine, stored('c', ReplicaStatus.unavailable))), { code: 'QUORUM_UNMET' })
  const slow = writing(2)
  begin(slow)
  step(slow, applied(NOTHING, objectOf('x', { value: 'v' }), 'x'))
  const out: Effect[] = []
  slow.expire(100, out)
  t.like(outcome(out), { code: 'TIMEOUT' })
})

test('write: a refusal here before anything was minted reaches the client as such', (t) => {
  const machine = writing(2)
  begin(machine)
  const out = step(machine, { kind: 'settled', fault: 'full' })
  t.like(outcome(out), { code: 'STORAGE_FULL' })
  t.true(closes(out))
})

test('write: sent again under the new table to those who have not got it', (t) => {
  const machine = writing(3)
  begin(machine)
  step(machine, applied(NOTHING, objectOf('x', { value: 'v' }), 'x'))
  step(machine, stored('b'))
  const again = step(machine, {
    kind: 'placement',
    placement: { ring: { high: 9, low: 9 }, owners: ['a', 'b', 'd'], beyond: [] },
  })
  t.deepEqual(sent(again), ['d:1'])
})

function deleting(context: Uint8Array | undefined): DeleteMachine {
  const write = { ...FIELDS, tombstone: true, value: NOTHING }
  return new DeleteMachine({
    id: 1,
    self: 'a',
    rowKey: KEY,
    write,
    context,
    r: 2,
    w: 2,
    sloppy: true,
    durableBy: 'self',
    placement: PLACEMENT,
    returnObject: false,
    deadlineMs: 100,
  })
}

function readAll(machine: DeleteMachine, object: Uint8Array | undefined): Effect[] {
  begin(machine)
  step(machine, row(object))
  return step(machine, answer('b', ReplicaStatus.same))
}

test('delete: without a context it covers what the read sees', (t) => {
  const object = objectOf('x', { value: 'v' })
  const [effect] = readAll(deleting(undefined), object).filter(({ kind }) => kind === 'write')
  t.true(
    effect?.kind === 'write' &&
      effect.write.tombstone &&
      Buffer.compare(effect.context, objectClock(object)) === 0,
  )
})

test('delete: where nothing was ever written it writes nothing', (t) => {
  const out = readAll(deleting(undefined), undefined)
  t.like(outcome(out), { status: 'ok' })
  t.false(out.some(({ kind }) => kind === 'write'))
})

test('delete: where nothing is live it mints nothing, but W nodes must hold that state', (t) => {
  const value = putRow(NOTHING, 'x', { value: 'v' })
  const object = objectOf(
    'x',
    { value: 'v' },
    { tombstone: true, context: objectClock(objectOf('x', { value: 'v' })) },
  )
  t.true(value.length > 0)
  const machine = deleting(undefined)
  const out = readAll(machine, object)
  t.false(out.some(({ kind }) => kind === 'write'))
  t.true(out.some((effect) => effect.kind === 'merge' && effect.conversation === 1))
  t.is(outcome(out), undefined)
  t.is(outcome(step(machine, { kind: 'settled', fault: undefined })), undefined)
  t.like(outcome(step(machine, stored('b'))), { status: 'ok' })
})

test('delete: a context that no replica asked knows is recorded all the same', (t) => {
  const context = objectClock(objectOf('elsewhere', { value: 'v' }))
  const out = readAll(deleting(context), undefined)
  t.true(out.some((effect) => effect.kind === 'write' && Buffer.compare(effect.context, context) === 0))
})

test('read: an own row that does not come is not waited for', (t) => {
  const machine = reading(2, PLACEMENT)
  begin(machine)
  t.deepEqual(sent(step(machine, { kind: 'late' })), ['b:3', 'c:3'])
  t.deepEqual(step(machine, answer('b', ReplicaStatus.ok, objectOf('one', { value: 'v1' }))), [])
  const out = step(machine, answer('c', ReplicaStatus.ok, objectOf('one', { value: 'v1' })))
  t.like(outcome(out), { status: 'ok' })
  t.false(closes(out), 'the own row may still come')
  const late = step(machine, row(objectOf('two', { value: 'v2' })))
  t.is(outcome(late), undefined)
  const repaired = late.filter(({ kind }) => kind === 'send' || kind === 'merge')
  t.deepEqual(
    repaired.map((effect) => (effect.kind === 'send' ? effect.to : 'a')).sort(),
    ['a', 'b', 'c'],
    'each side lacks what the other has',
  )
  t.true(closes(late))
})

test('read: an own row that comes after the first answer is merged with it', (t) => {
  const machine = reading(3, PLACEMENT)
  begin(machine)
  step(machine, { kind: 'late' })
  step(machine, answer('b', ReplicaStatus.missing))
  t.deepEqual(sent(step(machine, row(objectOf('one', { value: 'v1' })))), [], 'nobody is asked twice')
  const out = step(machine, answer('c', ReplicaStatus.ok, objectOf('two', { value: 'v2' })))
  const found = outcome(out) as { object: Uint8Array }
  t.deepEqual(valuesOf(found.object).sort(), ['v1', 'v2'])
})
