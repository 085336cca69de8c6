import test from 'ava'
import { WriteMachine } from '../../src/protocol/coordinator/write.js'
import type { DurableBy, Effect } from '../../src/protocol/effects.js'
import type { Message } from '../../src/wire/messages.js'
import { ReplicaStatus } from '../../src/wire/messages.js'
import { actorOf, objectOf } from '../model/objects.js'
import { begin, closes, FIELDS, KEY, NOTHING, outcome, step } from './machines.js'

/** Rows are acknowledged from memory (durability `buffered`): one copy must be on a disk before the client is answered. */

const RING = { high: 1, low: 2 }
const PLACEMENT = { ring: RING, owners: ['a', 'b', 'c'], beyond: [] as string[] }
const OBJECT = objectOf('x', { value: 'v' })

function writing(
  needed: number,
  durableBy: DurableBy = 'another',
  owners = PLACEMENT.owners,
  beyond: string[] = [],
) {
  const machine = new WriteMachine({
    id: 1,
    self: 'a',
    rowKey: KEY,
    task: { kind: 'write', write: FIELDS, context: NOTHING },
    needed,
    sloppy: true,
    durableBy,
    placement: { ring: RING, owners, beyond },
    returnObject: false,
    deadlineMs: 100,
  })
  begin(machine)
  return machine
}

const applied = { kind: 'applied', code: 1, object: OBJECT, actor: actorOf('x') } as const
const inMemory = { kind: 'settled', fault: undefined, buffered: true } as const
const onDisk = { kind: 'settled', fault: undefined } as const
const failedHere = { kind: 'settled', fault: 'unavailable' } as const
const unsent = (to: string) => ({ kind: 'unsent', to }) as const
const lost = (to: string) => ({ kind: 'lost', to }) as const

function stored(from: string, status: ReplicaStatus) {
  return { kind: 'answer', from, message: { type: 2, id: 1, status, state: NOTHING } as Message } as const
}
const held = (from: string) => stored(from, ReplicaStatus.buffered)
const kept = (from: string) => stored(from, ReplicaStatus.ok)

/** Who is asked to hold it (`b`), and who to hold it on the disk (`b!`). */
function asked(out: readonly Effect[]): string[] {
  return out.flatMap((effect) => {
    if (effect.kind === 'merge') return [effect.durable === true ? 'a!' : 'a']
    if (effect.kind !== 'send') return []
    return [effect.message.type === 1 && !effect.message.durable ? effect.to : `${effect.to}!`]
  })
}

const isWritten = (out: readonly Effect[]) =>
  (outcome(out) as { status?: string } | undefined)?.status === 'ok'

test('one other owner is asked to have it on its disk; without that no number of others is enough', (t) => {
  const machine = writing(2)
  t.deepEqual(asked(step(machine, applied)), ['b!', 'c'])
  t.is(outcome(step(machine, inMemory)), undefined)
  t.is(outcome(step(machine, held('c'))), undefined)
  const out = step(machine, kept('b'))
  t.true(isWritten(out))
  t.true(closes(out))
})

test('a durable copy does not make up for W', (t) => {
  const machine = writing(3)
  step(machine, applied)
  step(machine, inMemory)
  t.is(outcome(step(machine, kept('b'))), undefined)
  t.true(isWritten(step(machine, held('c'))))
})

test('where the one who was asked is away the next one is, though it may hold it in memory; this node comes last', (t) => {
  const machine = writing(1)
  step(machine, applied)
  t.deepEqual(
    asked(step(machine, unsent('b'))),
    ['a', 'c!'],
    'a hint for b is kept here, which counts for nothing',
  )
  t.is(outcome(step(machine, held('c'))), undefined, 'the answer to what was sent first')
  t.deepEqual(asked(step(machine, lost('c'))), [], 'what this node has written itself is not known yet')
  const out = step(machine, inMemory)
  t.deepEqual(asked(out), ['a!'])
  t.is(outcome(out), undefined)
  t.true(isWritten(step(machine, onDisk)))
})

test('with nobody left whose disk could have it the write is unmet', (t) => {
  const machine = writing(2)
  step(machine, applied)
  step(machine, inMemory)
  step(machine, held('c'))
  t.deepEqual(asked(step(machine, lost('b'))), ['a', 'c!'])
  t.deepEqual(asked(step(machine, lost('c'))), ['a!'])
  t.like(outcome(step(machine, failedHere)), { status: 'error', code: 'QUORUM_UNMET' })
})

test('what a node beyond the owners keeps is on its disk', (t) => {
  const machine = writing(2, 'another', ['a', 'b', 'c'], ['d'])
  step(machine, applied)
  step(machine, inMemory)
  step(machine, held('c'))
  t.deepEqual(asked(step(machine, lost('b'))), ['d!', 'c!'])
  t.true(isWritten(step(machine, kept('d'))))
})

test('an owner that is late is waited for, and counts when it answers after all', (t) => {
  const machine = writing(2)
  step(machine, applied)
  step(machine, inMemory)
  t.deepEqual(asked(step(machine, { kind: 'suspected', to: 'b' })), ['a', 'c!'])
  t.true(isWritten(step(machine, kept('b'))))
})

test('under a new table it is asked for anew', (t) => {
  const machine = writing(2)
  step(machine, applied)
  step(machine, inMemory)
  step(machine, stored('b', ReplicaStatus.stale))
  const placement = { ring: { high: 9, low: 9 }, owners: ['a', 'd', 'b'], beyond: [] }
  t.deepEqual(asked(step(machine, { kind: 'placement', placement })), ['d!', 'b'])
  t.true(isWritten(step(machine, kept('d'))))
})

test('a node whose own write is durable asks nobody, until its disk fails', (t) => {
  const machine = writing(2, 'self')
  t.deepEqual(asked(step(machine, applied)), ['b', 'c'])
  t.is(outcome(step(machine, held('b'))), undefined)
  t.true(isWritten(step(machine, onDisk)))
  const other = writing(2, 'self')
  step(other, applied)
  step(other, held('b'))
  step(other, held('c'))
  t.deepEqual(asked(step(other, failedHere)), ['b!'])
  t.true(isWritten(step(other, kept('b'))))
})

test('a single node has nothing but its memory', (t) => {
  const machine = writing(1, 'nobody', ['a'])
  step(machine, applied)
  t.true(isWritten(step(machine, inMemory)))
})
