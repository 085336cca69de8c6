/** Rows of a backup at a node: which are simply joined, for which the owners are read first, and which are left out. */
import test from 'ava'
import { objectClock, rowObject } from '../../src/kernel/index.js'
import type { Failure, Found, Restored } from '../../src/node/requests.js'
import { Restorer, type RestorerParts } from '../../src/node/restorer.js'
import { Slices } from '../../src/node/slices.js'
import type { RestoreRowMachine, RowRestored } from '../../src/protocol/backup/restore-row.js'
import type { Effect } from '../../src/protocol/effects.js'
import { ReapHistory } from '../../src/protocol/reaping/history.js'
import { objectOf, putRow, valuesOf } from '../model/objects.js'

const NAME = '00112233aabbccdd'
const KEY = Uint8Array.of(0x10, 0, 1, 98, 107)
const NOTHING = new Uint8Array(0)

function world() {
  const history = new ReapHistory(NAME, false, 1)
  const state = {
    history: history as ReapHistory | undefined,
    held: undefined as Uint8Array | undefined,
    reads: 0,
    readFails: false,
    written: [] as Uint8Array[],
    outcomes: [] as RowRestored[],
    granted: Number.POSITIVE_INFINITY,
    nowMs: 0,
  }
  const timers: (() => void)[] = []
  const clock = { monotonicMs: () => state.nowMs, wallMs: () => 0 }
  const parts = {
    clock,
    scheduler: { after: (_: number, work: () => void) => void timers.push(work) },
    guard: { slices: new Slices(clock, { afterTurn: setImmediate }) },
    membership: { self: 'me', ring: { placementOf: () => ({ ring: {}, owners: ['me'], beyond: [] }) } },
    conversations: {
      nextId: () => 1,
      begin: (machine: RestoreRowMachine, _: number, done: (outcome: RowRestored) => void) => {
        const out: Effect[] = []
        machine.start(0, out)
        const merged = out.find((effect) => effect.kind === 'merge')
        state.written.push(merged!.object)
        done(state.outcomes.shift() ?? 'written')
      },
    },
    coordination: {
      read: (_: unknown, done: (outcome: Found | Failure) => void) => {
        state.reads++
        if (state.readFails) done({ status: 'error', code: 'QUORUM_UNMET' })
        else done({ status: 'ok', object: state.held, fastest: '' })
      },
    },
    governor: { take: () => state.granted-- > 0 },
    history: () => state.history,
  }
  const restorer = new Restorer(parts as unknown as RestorerParts)
  const restored = (
    object: Uint8Array,
    wish: { allowReaped?: boolean; rounds?: number; times?: number } = {},
  ) => {
    let outcome: Restored | Failure | undefined
    const { allowReaped = false, rounds = 0, times = 1 } = wish
    const rows = Array.from({ length: times }, () => ({ rowKey: KEY, object }))
    const mark = { history: NAME, rounds }
    restorer.begin({ rows, mark, allowReaped, deadlineMs: 1_000 }, (found) => {
      outcome = found
    })
    return () => outcome
  }
  return { state, history, timers, restored, restorer }
}

const VALUE = objectOf('a', { value: 'old' })
const DELETED = rowObject(
  putRow(putRow(NOTHING, 'a', { value: 'old' }), 'b', { tombstone: true, context: objectClock(VALUE) }),
)
const NEWER = rowObject(
  putRow(putRow(NOTHING, 'a', { value: 'old' }), 'b', { value: 'new', context: objectClock(VALUE) }),
)

test('where nothing can have gone since the backup, a row is joined without a look at what is there', (t) => {
  const { state, restored } = world()
  t.like(restored(VALUE)()!, { written: 1, known: 0, held: 0, failed: 0 })
  t.is(state.reads, 0)
  t.deepEqual(state.written, [VALUE])
})

test('where it can, a value of which the cluster holds nothing is left out', (t) => {
  const { state, history, restored } = world()
  history.vouching([KEY])
  t.like(restored(VALUE)()!, { written: 0, held: 1 })
  t.deepEqual([state.reads, state.written.length], [1, 0])
  t.like(restored(VALUE, { rounds: 1 })()!, { written: 1, held: 0 })
  t.like(restored(VALUE, { allowReaped: true })()!, { written: 1, held: 0 })
  t.like(restored(DELETED)()!, { written: 1, held: 0 })
})

test('a member that cannot tell treats every key so', (t) => {
  const { state, restored } = world()
  state.history = undefined
  t.like(restored(VALUE)()!, { held: 1 })
  state.history = new ReapHistory('ffffffffffffffff', false, 1)
  t.like(restored(VALUE)()!, { held: 1 })
  state.history = new ReapHistory('ffffffffffffffff', true, 1)
  t.like(restored(VALUE)()!, { held: 0, written: 1 })
})

test('what the owners hold decides: what they know is not written, what they removed stays removed', (t) => {
  const { state, history, restored } = world()
  history.vouching([KEY])
  for (const held of [VALUE, DELETED, NEWER]) {
    state.held = held
    t.like(restored(VALUE)()!, { known: 1, held: 0, written: 0 })
  }
  t.deepEqual(state.written, [])
  // The backup knows of something that the owners do not, and removes a value of theirs.
  state.held = VALUE
  t.like(restored(DELETED)()!, { written: 1 })
  t.deepEqual(valuesOf(state.written[0]), [])
  // It would add a version beside theirs: one whose dot may have been forgotten with a clock entry.
  state.held = objectOf('z', { value: 'made anew' })
  t.like(restored(VALUE)()!, { held: 1 })
  t.is(state.written.length, 1)
})

test('what is written where the owners were read holds what they removed', (t) => {
  const { state, history, restored } = world()
  history.vouching([KEY])
  const sibling = { value: 'beside' }
  state.held = rowObject(
    putRow(putRow(NOTHING, 'a', { value: 'old' }), 'b', { ...sibling, context: objectClock(VALUE) }),
  )
  const other = rowObject(putRow(putRow(NOTHING, 'a', { value: 'old' }), 'c', { tombstone: true }))
  t.like(restored(other)()!, { written: 1, held: 0 })
  t.deepEqual(valuesOf(state.written[0]), ['beside'])
})

test('what cannot be read or does not reach a quorum has failed', (t) => {
  const { state, history, restored } = world()
  state.outcomes = ['failed']
  t.like(restored(VALUE)()!, { failed: 1, written: 0 })
  history.vouching([KEY])
  state.readFails = true
  t.like(restored(VALUE)()!, { failed: 1 })
})

test('under another table the row is looked at anew', (t) => {
  const { state, history, timers, restored } = world()
  state.outcomes = ['moved']
  const outcome = restored(VALUE)
  t.is(outcome(), undefined)
  history.vouching([KEY])
  timers.shift()!()
  t.like(outcome()!, { held: 1, written: 0 })
})

test('rows wait for what the governor grants, and fail when time is up', (t) => {
  const { state, timers, restored } = world()
  state.granted = 3
  const outcome = restored(VALUE, { times: 5 })
  t.is(state.written.length, 3)
  state.granted = 1
  timers.shift()!()
  t.is(state.written.length, 4)
  t.is(outcome(), undefined)
  state.nowMs = 2_000
  timers.shift()!()
  t.like(outcome()!, { written: 4, failed: 1 })
})

test('more batches than fit are refused at once', (t) => {
  const { state, restored } = world()
  state.granted = 0
  const waiting = Array.from({ length: 8 }, () => restored(VALUE))
  t.like(restored(VALUE)()!, { status: 'error', code: 'OVERLOADED' })
  t.true(waiting.every((outcome) => outcome() === undefined))
})
