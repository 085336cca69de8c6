/** Rows that leave to fill others: what is counted, and what waits for what. */
import test from 'ava'
import { Departures, type Sender } from '../../src/node/departures.js'
import { Outflow, type OutgoingRow } from '../../src/node/outflow.js'
import type { Effect } from '../../src/protocol/effects.js'
import type { Membership } from '../../src/protocol/membership/membership.js'
import type { Message } from '../../src/wire/messages.js'

const KiB = 1024
const RING = { high: 1, low: 2 }

/** Row keys are one byte: their partition. */
function membership(...moving: number[]): Membership {
  const ring = {
    moving: new Map(moving.map((partition) => [partition, {}])),
    partitionOf: (rowKey: Uint8Array) => rowKey[0]!,
  }
  return { ring } as unknown as Membership
}

function row(partition: number, bytes: number): OutgoingRow {
  return { rowKey: Uint8Array.of(partition), object: new Uint8Array(bytes - 1) }
}

test('rows of partitions that move are counted once each when they leave, others are not; of those let go of every copy', (t) => {
  const outflow = new Outflow(membership(3, 4), 0, undefined)
  let left = 0
  const leave = () => {
    left++
  }
  outflow.send('given', [row(3, 100)], { leave })
  outflow.send('asked', [row(4, 50), row(5, 1_000), row(3, 7)], { leave })
  outflow.send('pages', [row(5, 1_000)], { leave })
  t.is(left, 3)
  t.deepEqual([outflow.rowsSent, outflow.bytesSent], [3, 157])
  t.true(outflow.maySweep())
  outflow.swept(row(9, 10), 3)
  t.deepEqual([outflow.rowsSent, outflow.bytesSent], [6, 187])
})

test('with a rate it is counted when it leaves, and not at all where nobody waits for it any more', (t) => {
  const outflow = new Outflow(membership(1), 0, 100 * KiB)
  const said: string[] = []
  const departure = (name: string, isWanted: boolean) => ({
    leave: () => void said.push(name),
    isWanted: () => isWanted,
    drop: () => void said.push(`not ${name}`),
  })
  outflow.send('asked', [row(1, 100 * KiB)], departure('a', true))
  outflow.send('asked', [row(1, 1_000)], departure('b', false))
  outflow.send('asked', [row(1, 2_000)], departure('c', true))
  t.is(outflow.bytesSent, 100 * KiB)
  t.true(outflow.isWaiting)
  for (let nowMs = 25; nowMs <= 1_000; nowMs += 25) outflow.tick(nowMs)
  t.deepEqual(said, ['a', 'not b', 'c'])
  t.is(outflow.bytesSent, 100 * KiB + 2_000)
  t.false(outflow.isWaiting)
})

interface Exchanging extends Sender {
  readonly name: string
}

function sending(perSecond: number | undefined) {
  const sent: string[] = []
  const ended = new Set<Sender>()
  const governor = {
    units: 10,
    may: () => governor.units > 0,
    spend: (_: string, units: number) => {
      governor.units -= units
    },
  }
  const outflow = new Outflow(membership(), 0, perSecond)
  const departures = new Departures<Exchanging>({
    ...{ governor, outflow },
    isUnderWay: (sender) => !ended.has(sender),
    perform: ({ to, message }) => void sent.push(`${to} ${message.type}`),
  })
  return { sent, ended, governor, outflow, departures }
}

function effect(to: string, message: Message): Extract<Effect, { kind: 'send' }> {
  return { kind: 'send', conversation: 1, to, message }
}

const ROW: Message = {
  ...{ type: 1, id: 1, leftMs: 1, ring: RING, rowKey: Uint8Array.of(1), durable: false },
  object: new Uint8Array(100 * KiB),
}
const QUESTION: Message = { type: 42, id: 1, ring: RING, places: [] }

test('an exchange whose rows wait for the rate says so, and holds no question of another one up', (t) => {
  const { sent, ended, outflow, departures } = sending(100 * KiB)
  const [a, b]: Exchanging[] = [
    { name: 'a', rowsWaiting: 0 },
    { name: 'b', rowsWaiting: 0 },
  ]
  for (let i = 0; i < 3; i++) departures.send(a!, effect('a', ROW))
  departures.send(b!, effect('b', QUESTION))
  t.deepEqual(sent, ['a 1', 'b 42'])
  t.is(a!.rowsWaiting, 2)
  t.is(b!.rowsWaiting, 0)
  outflow.tick(1_100)
  t.deepEqual(sent, ['a 1', 'b 42', 'a 1'])
  t.is(a!.rowsWaiting, 1)
  ended.add(a!)
  outflow.tick(10_000)
  t.is(sent.length, 3, 'what has ended sends no more')
  t.false(outflow.isWaiting)
})

test('what the governor has not granted waits in its order, questions and rows alike', (t) => {
  const { sent, governor, departures } = sending(undefined)
  const one: Exchanging = { name: 'a', rowsWaiting: 0 }
  governor.units = 1
  departures.send(one, effect('a', ROW))
  departures.send(one, effect('b', QUESTION))
  departures.send(one, effect('c', ROW))
  t.deepEqual(sent, ['a 1'])
  governor.units = 1
  departures.release()
  t.deepEqual(sent, ['a 1', 'b 42'])
  governor.units = 5
  departures.release()
  t.deepEqual(sent, ['a 1', 'b 42', 'c 1'])
  t.is(one.rowsWaiting, 0)
})
