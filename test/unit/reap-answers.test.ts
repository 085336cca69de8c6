/** What a member looks at before it vouches for a key, one thing after the other: each of them must keep it from doing so. */
import test from 'ava'
import { digestOf, makeRowKey } from '../../src/kernel/index.js'
import { Drain } from '../../src/node/drain.js'
import { StorageFault, type WriteOperation } from '../../src/node/guard/index.js'
import { ReapAnswers, type ReapAnswersParts } from '../../src/node/reap-answers.js'
import type { LocalRow } from '../../src/node/replica.js'
import { Slices } from '../../src/node/slices.js'
import { ReapHistory } from '../../src/protocol/reaping/history.js'
import { keysIn } from '../../src/protocol/reaping/key-set.js'
import { ReapMarks } from '../../src/protocol/reaping/marks.js'
import type { ReapMessage } from '../../src/wire/messages.js'
import { ReplicaStatus } from '../../src/wire/messages.js'
import { objectOf } from '../model/objects.js'

type Written = readonly (WriteOperation & { readonly type: 'system' })[]

const STATE = new Uint8Array(16).fill(1)
const KEY = makeRowKey(Buffer.from('b'), Buffer.from('k'))
const GONE = objectOf('x', { tombstone: true })
const MISSING: LocalRow = { object: undefined, known: true, incomplete: false }
const TOMBSTONE: LocalRow = { object: GONE, known: true, incomplete: false }

/** A member that owns the key and holds the tombstone that it will be asked about; every part can be made another. */
function member() {
  const said: ReapMessage[] = []
  const dropped: { rowKey: Uint8Array; ticket: number }[] = []
  const flushes: ((complete: boolean) => void)[] = []
  const writes: { records: Written; done: (fault?: StorageFault) => void }[] = []
  const marks = new ReapMarks()
  const reads = new Drain()
  const world = {
    row: TOMBSTONE,
    busy: false,
    durable: true,
    talking: [] as Uint8Array[],
    hint: false,
    state: 'open',
    owners: ['me', 'b'],
    incomplete: false,
    digest: STATE,
    history: undefined as ReapHistory | undefined,
  }
  const parts = {
    guard: {
      slices: new Slices({ monotonicMs: () => 0, wallMs: () => 0 }, { afterTurn: setImmediate }),
      get state() {
        return world.state
      },
      write: (records: Written, done: (fault?: StorageFault) => void) => writes.push({ records, done }),
    },
    membership: {
      self: 'me',
      confirmed: true,
      get digest() {
        return world.digest
      },
      get own() {
        return { incomplete: world.incomplete }
      },
      ring: { ownersOf: () => world.owners },
    },
    conversations: { rowKeys: () => world.talking },
    replica: {
      marks,
      hints: { holds: (_: Uint8Array, done: (holds: boolean) => void) => done(world.hint) },
      isBusy: () => world.busy,
      isDurable: () => world.durable,
      readMany: (_: unknown, done: (rows: LocalRow[]) => void) => done([world.row]),
      submit: (rowKey: Uint8Array, { ticket }: { ticket: number }) => dropped.push({ rowKey, ticket }),
    },
    reads,
    history: () => world.history,
    now: () => 0,
    reply: (_: string, message: ReapMessage) => said.push(message),
    flush: (done: (complete: boolean) => void) => flushes.push(done),
  }
  const answers = new ReapAnswers(parts as unknown as ReapAnswersParts)
  const ask = () =>
    answers.ask('a', { type: 48, id: 7, state: STATE, keys: [{ rowKey: KEY, digest: digestOf(GONE) }] })
  const flushed = (complete = true) => {
    for (const done of flushes.splice(0)) done(complete)
  }
  /** Asked, and everything that was sent has arrived: is the key clean? */
  const vouches = () => {
    ask()
    flushed()
    const answer = said.at(-1)
    return answer?.type === 49 && answer.status === ReplicaStatus.ok && keysIn(answer.clean, 1).length === 1
  }
  return { answers, world, said, dropped, marks, reads, flushes, writes, ask, flushed, vouches }
}

test('an owner with just this tombstone, or with nothing, vouches for it; another member with nothing, too', (t) => {
  t.true(member().vouches())
  const empty = member()
  empty.world.row = MISSING
  t.true(empty.vouches())
  empty.world.owners = ['b']
  t.true(empty.vouches())
})

test('whatever may hold something older keeps it from vouching', (t) => {
  type World = ReturnType<typeof member>['world']
  const spoils: Record<string, (world: World) => void> = {
    'another object': (world) =>
      Object.assign(world, { row: { ...TOMBSTONE, object: objectOf('y', { tombstone: true }) } }),
    'a value': (world) =>
      Object.assign(world, { row: { ...TOMBSTONE, object: objectOf('x', { value: 'v' }) } }),
    'an unreadable row': (world) => Object.assign(world, { row: { ...MISSING, known: false } }),
    'a row that is incomplete': (world) => Object.assign(world, { row: { ...TOMBSTONE, incomplete: true } }),
    'a row of a node that is no owner': (world) => Object.assign(world, { owners: ['b'] }),
    'a row that is in memory only': (world) => Object.assign(world, { durable: false }),
    'a lane at work': (world) => Object.assign(world, { busy: true }),
    'a conversation under way': (world) => Object.assign(world, { talking: [KEY] }),
    'a hint': (world) => Object.assign(world, { hint: true }),
    'a fenced storage': (world) => Object.assign(world, { state: 'fenced' }),
    'rows that were lost': (world) => Object.assign(world, { incomplete: true }),
    'another membership': (world) => Object.assign(world, { digest: new Uint8Array(16) }),
  }
  for (const [what, spoil] of Object.entries(spoils)) {
    const { world, vouches } = member()
    spoil(world)
    t.false(vouches(), what)
  }
})

test('it says nothing before what was being read is sent, and before all that was sent has arrived', (t) => {
  const { reads, said, flushes, ask, flushed } = member()
  const begun = reads.enter()
  ask()
  t.is(flushes.length, 0)
  reads.leave(begun)
  t.is(flushes.length, 1)
  t.deepEqual(said, [])
  flushed(false)
  t.like(said[0], { type: 49, status: ReplicaStatus.unavailable })
  ask()
  flushed()
  t.like(said[1], { type: 49, status: ReplicaStatus.ok })
})

test('what touches the key while it looks, or afterwards, takes its word back', (t) => {
  const { marks, said, ask, flushed, answers } = member()
  ask()
  marks.touched(KEY)
  flushed()
  t.deepEqual(said[0]?.type === 49 && [...said[0].clean], [0])
  ask()
  flushed()
  t.deepEqual(said[1]?.type === 49 && [...said[1].clean], [1])
  answers.agree('a', { type: 50, id: 7, clean: Uint8Array.of(1) })
  t.deepEqual(said[2]?.type === 49 && [...said[2].clean], [1])
  marks.touched(KEY)
  answers.agree('a', { type: 50, id: 7, clean: Uint8Array.of(1) })
  t.deepEqual(said[3]?.type === 49 && [...said[3].clean], [0])
})

test('it lets go of nothing in a round that it does not know, and says what has gone when it has', (t) => {
  const { answers, said, dropped, world, vouches } = member()
  answers.drop('a', { type: 51, id: 7, clean: Uint8Array.of(1) })
  answers.agree('a', { type: 50, id: 7, clean: Uint8Array.of(1) })
  t.like(said[0], { type: 52, status: ReplicaStatus.missing })
  t.like(said[1], { type: 49, status: ReplicaStatus.missing })
  t.true(vouches())
  world.state = 'fenced'
  answers.drop('a', { type: 51, id: 7, clean: Uint8Array.of(1) })
  t.like(said.at(-1), { type: 52, status: ReplicaStatus.unavailable })
  t.deepEqual(dropped, [])
  world.state = 'open'
  answers.drop('a', { type: 51, id: 7, clean: Uint8Array.of(1) })
  const before = said.length
  t.is(dropped.length, 1)
  answers.settled(dropped[0]!.ticket, true)
  answers.settled(dropped[0]!.ticket, true)
  t.is(said.length, before + 1)
  const last = said.at(-1)
  t.deepEqual(last?.type === 52 && keysIn(last.clean, 1), [0])
})

test('more keys than a round has are refused', (t) => {
  const { answers, said } = member()
  const keys = Array.from({ length: 513 }, () => ({ rowKey: KEY, digest: digestOf(GONE) }))
  answers.ask('a', { type: 48, id: 7, state: STATE, keys })
  t.like(said[0], { type: 49, status: ReplicaStatus.refused })
})

test('what may go because of its word is written down before it gives it, and what is touched meanwhile it does not vouch for', (t) => {
  const { answers, said, world, writes, marks, vouches } = member()
  const history = new ReapHistory('00112233aabbccdd', true, 1)
  world.history = history
  t.true(vouches())
  t.is(history.rounds, 0)
  const agree = () => answers.agree('a', { type: 50, id: 7, clean: Uint8Array.of(1) })
  const before = said.length
  agree()
  t.is(said.length, before)
  t.true(history.hasGone(KEY, 0))
  t.like(writes[0]!.records, [{ type: 'system', name: 'reaped' }])
  t.true(ReapHistory.resume(writes[0]!.records[0]!.value!, 2)!.hasGone(KEY, 0))
  t.is(history.rounds, 0)
  writes[0]!.done()
  t.is(history.rounds, 1)
  t.deepEqual(keysIn((said.at(-1) as { clean: Uint8Array }).clean, 1), [0])

  agree()
  marks.touched(KEY)
  writes[1]!.done()
  t.deepEqual(keysIn((said.at(-1) as { clean: Uint8Array }).clean, 1), [])

  t.true(vouches())
  agree()
  writes[2]!.done(new StorageFault('failed', 'the disk'))
  t.like(said.at(-1)!, { type: 49, status: ReplicaStatus.unavailable })
})
