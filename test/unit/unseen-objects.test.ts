/** Reads of large objects: replicas tell clock and dots first, and an object travels only where it has something that the coordinator lacks. */
import test from 'ava'
import { objectClock, rowObject, skeletonOf } from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import { Answering, type AnsweringParts } from '../../src/node/answering.js'
import { Drain } from '../../src/node/drain.js'
import { ReadMachine } from '../../src/protocol/coordinator/read.js'
import type { Effect } from '../../src/protocol/effects.js'
import { ByteWriter } from '../../src/wire/bytes.js'
import { decodeBatch } from '../../src/wire/decode.js'
import { encodeMessage } from '../../src/wire/encode.js'
import type { Message, ReplicaRow } from '../../src/wire/messages.js'
import { ReplicaStatus } from '../../src/wire/messages.js'
import { objectOf, putRow, valuesOf } from '../model/objects.js'
import { begin, closes, KEY, NOTHING, outcome, sent, step } from './machines.js'

const RING = { high: 1, low: 2 }
const PLACEMENT = { ring: RING, owners: ['a', 'b', 'c'], beyond: [] as string[] }
const REQUEST = {
  id: 1,
  self: 'a',
  rowKey: KEY,
  sloppy: true,
  placement: PLACEMENT,
  deadlineMs: 100,
} as const

const OLD_ROW = putRow(NOTHING, 'x', { value: 'old' })
const OLD = rowObject(OLD_ROW)
const NEW = rowObject(putRow(OLD_ROW, 'x', { value: 'new', context: objectClock(OLD) }))
const OTHER = objectOf('y', { value: 'other' })

function reading(own: Uint8Array | undefined, needed = 2): ReadMachine {
  const machine = new ReadMachine({ ...REQUEST, needed })
  begin(machine)
  step(machine, { kind: 'row', object: own, known: true, counts: true })
  return machine
}

function answer(from: string, status: ReplicaStatus, object: Uint8Array = NOTHING, incomplete = false) {
  const message: ReplicaRow = { type: 4, id: 1, status, incomplete, object, state: NOTHING }
  return { kind: 'answer', from, message } as const
}

function tells(from: string, object: Uint8Array, incomplete = false) {
  return answer(from, ReplicaStatus.skeleton, skeletonOf(object), incomplete)
}

/** Who is asked for the object itself. */
function askedWhole(out: readonly Effect[]): string[] {
  return out.flatMap((effect) =>
    effect.kind === 'send' && effect.message.type === 3 && effect.message.digest.length === 0
      ? [effect.to]
      : [],
  )
}

const found = (out: readonly Effect[]) => (outcome(out) as { object: Uint8Array } | undefined)?.object

test('a replica that is behind counts by its skeleton, and is repaired', (t) => {
  const machine = reading(NEW)
  const replied = step(machine, tells('b', OLD))
  t.deepEqual(sent(replied), [])
  t.deepEqual(valuesOf(found(replied)), ['new'])
  t.deepEqual(sent(step(machine, answer('c', ReplicaStatus.same))), ['b:1'])
})

test('one that is ahead is asked for its object, and counts with it and not before', (t) => {
  const machine = reading(OLD)
  const asked = step(machine, tells('b', NEW))
  t.deepEqual(askedWhole(asked), ['b'])
  t.is(outcome(asked), undefined)
  const replied = step(machine, answer('b', ReplicaStatus.ok, NEW))
  t.deepEqual(valuesOf(found(replied)), ['new'])
  const last = step(machine, answer('c', ReplicaStatus.same))
  t.deepEqual(sent(last), ['c:1'])
  t.true(last.some(({ kind }) => kind === 'merge') && closes(last))
})

test('of two that are ahead alike one is asked, and both count when it has shown its object', (t) => {
  const machine = reading(undefined, 3)
  t.deepEqual(askedWhole(step(machine, tells('b', NEW))), ['b'])
  t.deepEqual(sent(step(machine, tells('c', NEW))), [])
  const replied = step(machine, answer('b', ReplicaStatus.ok, NEW))
  t.deepEqual(valuesOf(found(replied)), ['new'])
  t.true(closes(replied))
  t.deepEqual(sent(replied), [], 'only the own row is repaired')
})

test('where the one that was asked goes away, the other is asked', (t) => {
  const machine = reading(OLD)
  step(machine, tells('b', NEW))
  step(machine, tells('c', NEW))
  t.deepEqual(askedWhole(step(machine, { kind: 'lost', to: 'b' })), ['c'])
  t.deepEqual(valuesOf(found(step(machine, answer('c', ReplicaStatus.ok, NEW)))), ['new'])
})

test('both are asked where each has something else', (t) => {
  const machine = reading(OLD, 3)
  t.deepEqual(askedWhole(step(machine, tells('b', NEW))), ['b'])
  t.deepEqual(askedWhole(step(machine, tells('c', OTHER))), ['c'])
  t.is(outcome(step(machine, answer('b', ReplicaStatus.ok, NEW))), undefined)
  const replied = step(machine, answer('c', ReplicaStatus.ok, OTHER))
  t.deepEqual(valuesOf(found(replied)), ['new', 'other'])
  t.deepEqual(sent(replied), ['b:1', 'c:1'])
})

test('an incomplete replica does not count by its skeleton either', (t) => {
  const machine = reading(NEW)
  t.is(outcome(step(machine, tells('b', OLD, true))), undefined)
  t.deepEqual(valuesOf(found(step(machine, tells('c', OLD)))), ['new'])
})

test('bytes that are no skeleton count for nothing', (t) => {
  const machine = reading(NEW)
  t.is(outcome(step(machine, answer('b', ReplicaStatus.skeleton, Buffer.from('rubbish')))), undefined)
  t.is(outcome(step(machine, answer('b', ReplicaStatus.skeleton, NEW))), undefined)
  t.like(outcome(step(machine, { kind: 'lost', to: 'c' })), { code: 'QUORUM_UNMET' })
})

test('one that tells its skeleton again is not asked again', (t) => {
  const machine = reading(OLD)
  t.deepEqual(askedWhole(step(machine, tells('b', NEW))), ['b'])
  t.deepEqual(sent(step(machine, tells('b', NEW))), [])
})

/** A coordinator and its replicas, which answer through the real codec; every byte is counted. */
function carried(own: Uint8Array, rows: ReadonlyMap<string, Uint8Array>) {
  const world = { bytesIn: 0, object: undefined as Uint8Array | undefined }
  const machine = new ReadMachine({ ...REQUEST, needed: 2 })
  begin(machine)
  const inbox: { from: string; message: Message }[] = []
  const through = (message: Message): Message[] => {
    const writer = new ByteWriter()
    encodeMessage(writer, message)
    const frame = writer.take()
    world.bytesIn += frame.length
    const messages: Message[] = []
    decodeBatch(frame, (decoded) => messages.push(decoded))
    return messages
  }
  const answeringOf = (node: string) =>
    new Answering({
      clock: { monotonicMs: () => 0 },
      governor: { served: () => {} },
      replica: {
        read: (_: Uint8Array, done: (row: object) => void) =>
          done({ object: rows.get(node), known: true, incomplete: false }),
      },
      membership: { ring: { placementOf: () => ({ ring: RING }) }, own: { incomplete: false } },
      admission: { isFlooded: () => false },
      reads: new Drain(),
      shownWholeBytes: limits.shownWholeBytes,
      reply: (_: string, message: Message) =>
        inbox.push(...through(message).map((decoded) => ({ from: node, message: decoded }))),
    } as unknown as AnsweringParts)
  const perform = (effects: readonly Effect[]) => {
    world.object = found(effects) ?? world.object
    for (const effect of effects)
      if (effect.kind === 'send' && effect.message.type === 3)
        answeringOf(effect.to).read('a', effect.message)
  }
  perform(step(machine, { kind: 'row', object: own, known: true, counts: true }))
  for (let next = inbox.shift(); next !== undefined; next = inbox.shift())
    perform(step(machine, { kind: 'answer', ...next }))
  return world
}

test('on the wire: a stale replica sends a hundred bytes of a megabyte, two that are ahead one object', (t) => {
  const value = 'v'.repeat(1024 * 1024)
  const first = putRow(NOTHING, 'x', { value })
  const old = rowObject(first)
  const next = rowObject(putRow(first, 'x', { value: 'w'.repeat(1024 * 1024), context: objectClock(old) }))
  const behind = carried(
    next,
    new Map([
      ['b', old],
      ['c', next],
    ]),
  )
  t.deepEqual(behind.object, next)
  t.true(behind.bytesIn < 200, `${behind.bytesIn} bytes`)
  const ahead = carried(
    old,
    new Map([
      ['b', next],
      ['c', next],
    ]),
  )
  t.deepEqual(valuesOf(ahead.object), valuesOf(next))
  t.true(ahead.bytesIn < next.length + 300, `${ahead.bytesIn} bytes`)
  t.log(`behind: ${behind.bytesIn} bytes; two ahead: ${ahead.bytesIn} bytes of two objects of ${next.length}`)
})

test('a small object is shown whole at once', (t) => {
  const rows = new Map([
    ['b', NEW],
    ['c', NEW],
  ])
  const world = carried(OLD, rows)
  t.deepEqual(valuesOf(world.object), ['new'])
  t.true(world.bytesIn < 2 * (NEW.length + 20), 'nobody was asked twice')
})
