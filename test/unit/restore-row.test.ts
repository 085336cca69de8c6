/** One row on its way into the cluster: it counts with a quorum of every list in force, and ends with the table that it was begun under. */
import test from 'ava'
import { RestoreRowMachine, type RowRestored } from '../../src/protocol/backup/restore-row.js'
import type { Effect, Input, Placement } from '../../src/protocol/effects.js'
import { ReplicaStatus } from '../../src/wire/messages.js'

const RING = { high: 1, low: 2 }
const NOTHING = new Uint8Array(0)

function begun(placement: Partial<Placement> = {}) {
  const whole = { ring: RING, owners: ['me', 'b', 'c'], beyond: [], ...placement }
  const machine = new RestoreRowMachine({
    id: 9,
    self: 'me',
    rowKey: Uint8Array.of(1, 2, 1, 98, 107),
    object: Uint8Array.of(7),
    placement: whole,
    deadlineMs: 1_000,
  })
  const out: Effect[] = []
  machine.start(0, out)
  const step = (input: Input) => machine.step(input, 1, out)
  const written = (from: string, status: ReplicaStatus = ReplicaStatus.ok) =>
    step({ kind: 'answer', from, message: { type: 2, id: 9, status, state: NOTHING } })
  const outcome = () => {
    const done = out.filter((effect) => effect.kind === 'done')
    return done.length > 1 ? 'twice' : (done[0]?.outcome as RowRestored | undefined)
  }
  return { machine, out, step, written, outcome }
}

const here: Input = { kind: 'settled', fault: undefined }

test('all owners are given the object, to be on their disks; here it is joined', (t) => {
  const { out } = begun()
  t.deepEqual(
    out.map((effect) => (effect.kind === 'send' ? effect.to : effect.kind)),
    ['merge', 'b', 'c'],
  )
  t.true(
    out.every((effect) =>
      effect.kind === 'send' ? effect.message.type === 1 && effect.message.durable : true,
    ),
  )
  t.deepEqual(
    begun({ owners: ['b', 'c'] }).out.map((effect) => effect.kind),
    ['send', 'send'],
  )
})

test('it is written when a quorum has it and nobody is waited for any more', (t) => {
  const { step, written, outcome } = begun()
  step(here)
  written('b')
  t.is(outcome(), undefined)
  step({ kind: 'lost', to: 'c' })
  t.is(outcome(), 'written')
  written('c')
  t.is(outcome(), 'written')
})

test('without a quorum it has failed, also when time is up', (t) => {
  const few = begun()
  few.step({ kind: 'settled', fault: 'full' })
  few.written('b')
  few.written('c', ReplicaStatus.overloaded)
  t.is(few.outcome(), 'failed')
  const late = begun()
  late.written('b')
  late.machine.expire(1_000, late.out)
  t.is(late.outcome(), 'failed')
})

test('a quorum of each list in force is wanted', (t) => {
  const lists = { others: [['me', 'd', 'e']], holders: ['me', 'b', 'c', 'd', 'e'] }
  const old = begun(lists)
  old.step(here)
  for (const node of ['b', 'c']) old.written(node)
  for (const to of ['d', 'e']) old.step({ kind: 'unsent', to })
  t.is(old.outcome(), 'failed')
  const both = begun(lists)
  both.step(here)
  for (const node of ['b', 'd']) both.written(node)
  for (const to of ['c', 'e']) both.step({ kind: 'suspected', to })
  t.is(both.outcome(), 'written')
})

test('under another table it ends, and whoever has a newer state is learned from', (t) => {
  const refused = begun()
  refused.step(here)
  refused.written('b', ReplicaStatus.stale)
  t.is(refused.outcome(), 'moved')
  t.true(refused.out.some((effect) => effect.kind === 'learn' && effect.from === 'b'))
  const adopted = begun()
  adopted.step({ kind: 'placement', placement: { ring: RING, owners: ['b', 'c', 'd'], beyond: [] } })
  t.is(adopted.outcome(), 'moved')
})
