import test from 'ava'
import { limits } from '../../src/limits.js'
import { Admission } from '../../src/node/admission.js'
import { Answering, type AnsweringParts } from '../../src/node/answering.js'
import type { GuardStats } from '../../src/node/guard/index.js'
import { newStats } from '../../src/node/guard/outcomes.js'
import { type Message, ReplicaStatus } from '../../src/wire/messages.js'

const LOOK_MS = 25
const RING = { high: 1, low: 2 }

function admissionOver(stats: GuardStats, operations = () => 0): Admission {
  return new Admission(0, stats, operations)
}

test('a loop that is late holds requests back, and counts whom', (t) => {
  const admission = admissionOver(newStats())
  for (let look = 1; look <= 200; look++) {
    for (let request = 0; request < 400; request++) admission.admits(request)
    admission.look(60, look * LOOK_MS)
  }
  t.is(admission.limit, limits.requestsAtLeast)
  t.is(admission.counts.admitted + admission.counts.shed, 80_000)
  t.true(admission.counts.shed > 10_000)
  t.is(admission.lateMs, 60)
  t.false(admission.isFlooded())
})

test('a disk that leaves writes behind holds clients back at once and peers after a while; it is forgiven when it has caught up', (t) => {
  const stats = newStats()
  const admission = admissionOver(stats)
  let nowMs = 0
  const run = (ms: number) => {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += LOOK_MS) {
      admission.admits(500)
      admission.look(0, nowMs)
    }
  }
  run(1_000)
  t.is(admission.limit, limits.requestsInFlight)
  stats.leftWrites = 3
  run(1_000)
  t.true(admission.limit < 500)
  t.false(admission.isFlooded())
  run(limits.diskBehindMs)
  t.true(admission.isFlooded())
  t.is(admission.counts.floods, 1)
  stats.leftWrites = 0
  run(250)
  t.is(admission.behindMs, 0)
  t.false(admission.isFlooded())
})

test('too many operations or look-ups that wait: a flood', (t) => {
  const stats = newStats()
  let operations = limits.replicaOperations - 1
  const admission = admissionOver(stats, () => operations)
  stats.queuedReads = limits.replicaReads - 1
  t.false(admission.isFlooded())
  operations++
  t.true(admission.isFlooded())
  operations = 0
  stats.queuedReads++
  t.true(admission.isFlooded())
})

test('a replica that is flooded says so to whoever wants a row written, kept or read, and does nothing for it', (t) => {
  const replies: Message[] = []
  const touched = () => t.fail('the replica was asked')
  const parts = {
    replica: {
      refusal: () => undefined,
      submit: touched,
      read: touched,
      hints: { refusal: () => undefined, submit: touched },
    },
    membership: {
      self: 'me',
      ring: {
        digest: RING,
        holdersOf: () => ['a'.repeat(32)],
        placementOf: () => ({ ring: RING, owners: ['a'.repeat(32)] }),
      },
      encoded: new Uint8Array(0),
    },
    admission: { isFlooded: () => true },
    reply: (_to: string, message: Message) => replies.push(message),
  }
  const answering = new Answering(parts as unknown as AnsweringParts)
  const common = { ring: RING, rowKey: new Uint8Array(20), leftMs: 100 }
  answering.write('peer', { type: 1, id: 1, ...common, object: new Uint8Array(9), durable: false })
  answering.hint('peer', { type: 17, id: 2, ...common, target: 'a'.repeat(32), object: new Uint8Array(9) })
  answering.read('peer', { type: 3, id: 3, ...common, digest: new Uint8Array(0) })
  t.deepEqual(
    replies.map((message) => [message.id, 'status' in message ? message.status : undefined]),
    [1, 2, 3].map((id) => [id, ReplicaStatus.overloaded]),
  )
})

test('a row is taken by its owners only, whoever hands it over', (t) => {
  const replies: Message[] = []
  const submitted: Uint8Array[] = []
  let owners = ['another']
  const parts = {
    clock: { monotonicMs: () => 0 },
    replica: { refusal: () => undefined, submit: (rowKey: Uint8Array) => submitted.push(rowKey) },
    membership: {
      self: 'me',
      ring: { placementOf: () => ({ ring: RING, owners }) },
      encoded: new Uint8Array(0),
    },
    admission: { isFlooded: () => false },
    reply: (_to: string, message: Message) => replies.push(message),
  }
  const answering = new Answering(parts as unknown as AnsweringParts)
  const write = {
    type: 1,
    ring: RING,
    rowKey: new Uint8Array(20),
    leftMs: 100,
    object: new Uint8Array(9),
    durable: false,
  } as const
  answering.write('peer', { ...write, id: 1 })
  t.is(submitted.length, 0)
  t.like(replies[0], { id: 1, status: ReplicaStatus.refused })
  owners = ['another', 'me']
  answering.write('peer', { ...write, id: 2 })
  t.is(submitted.length, 1)
  t.is(replies.length, 1)
})
