import test from 'ava'
import fc from 'fast-check'
import { ByteReader, ByteWriter, WireError } from '../../src/wire/bytes.js'
import { decodeBatch } from '../../src/wire/decode.js'
import { encodeMessage } from '../../src/wire/encode.js'
import type { Message } from '../../src/wire/messages.js'

/** Plain objects, as the decoder makes them. */
const record = <R>(fields: { [K in keyof R]: fc.Arbitrary<R[K]> }) =>
  fc.record(fields, { noNullPrototype: true })
const runs = { numRuns: 2000 }
const bytes = (maxLength: number, minLength = 0) =>
  fc.uint8Array({ minLength, maxLength }).map((b) => Buffer.from(b))
const u32 = fc.nat(0xffff_ffff)
const ring = record({ high: u32, low: u32 })
const status = fc.integer({ min: 0, max: 9 }) as fc.Arbitrary<0 | 1 | 2 | 3>
const text = fc.string({ maxLength: 40, unit: 'grapheme' }).filter((s) => Buffer.byteLength(s) <= 1024)
const shortText = fc.string({ maxLength: 40 })
const rowKey = fc
  .tuple(bytes(2, 2), bytes(20, 1), bytes(60, 1))
  .map(([hash, bucket, key]) => Buffer.concat([hash, Buffer.from([bucket.length]), bucket, key]))
const nodes = fc.nat(4).chain((count) => bytes(16 * count, 16 * count))
const NOTHING = Buffer.alloc(0)

const failure = record({
  status: fc.constant('error' as const),
  begun: fc.boolean(),
  code: shortText,
  message: text,
  numbers: fc.array(fc.tuple(shortText, fc.double({ noNaN: true })), { maxLength: 5 }),
})
const read = record({
  status: fc.constant('ok' as const),
  known: fc.boolean(),
  fastest: shortText,
  object: bytes(100),
})
const written = record({
  status: fc.constant('ok' as const),
  known: fc.boolean(),
  fastest: shortText,
  object: bytes(100),
  context: bytes(50),
})

const newcomer = {
  nodeId: shortText,
  name: text,
  address: text,
  peerAddress: text,
  zone: text,
  weight: fc.double({ noNaN: true }),
  boot: fc.maxSafeNat(),
  incarnation: shortText,
}

function of<T extends number, R>(type: T, rest: { [K in keyof R]: fc.Arbitrary<R[K]> }) {
  return record({ type: fc.constant(type), id: u32, ...rest })
}

const message = fc.oneof(
  of(1, { leftMs: u32, ring, rowKey, object: bytes(200), durable: fc.boolean() }),
  of(2, { status, state: bytes(50) }),
  of(3, { leftMs: u32, ring, rowKey, digest: fc.oneof(bytes(16, 16), fc.constant(NOTHING)) }),
  of(4, {
    status: fc.constant(0 as const),
    incomplete: fc.boolean(),
    object: bytes(200),
    state: fc.constant(NOTHING),
  }),
  of(4, {
    status: fc.constant(4 as const),
    incomplete: fc.boolean(),
    object: fc.constant(NOTHING),
    state: bytes(200),
  }),
  of(5, { leftMs: u32, r: fc.nat(255), strict: fc.boolean(), rowKey }),
  of(6, { outcome: fc.oneof(failure, read) }),
  of(7, {
    leftMs: u32,
    w: fc.nat(255),
    tombstone: fc.boolean(),
    blind: fc.boolean(),
    returnObject: fc.boolean(),
    strict: fc.boolean(),
    wallMs: fc.maxSafeNat(),
    rowKey,
    operation: bytes(64),
    context: bytes(50),
    attributes: bytes(50),
    value: bytes(200),
  }),
  of(8, { outcome: fc.oneof(failure, written) }),
  of(9, { ring, maxRows: u32, maxBytes: u32, from: bytes(50) }),
  of(10, {
    status,
    incomplete: fc.boolean(),
    next: bytes(50),
    rows: fc.array(record({ rowKey, object: bytes(60) }), { maxLength: 5 }),
  }),
  of(11, { ring, limit: u32, bucket: bytes(255), prefix: bytes(100), after: bytes(100) }),
  of(12, {
    status,
    incomplete: fc.boolean(),
    done: fc.boolean(),
    state: bytes(40),
    keys: fc.array(
      record({
        key: bytes(60, 1),
        live: fc.boolean(),
        digest: fc.oneof(bytes(16, 16), fc.constant(NOTHING)),
      }),
      { maxLength: 5 },
    ),
  }),
  of(13, {}),
  of(14, {}),
  of(15, {}),
  of(16, {}),
  of(17, { leftMs: u32, ring, target: shortText, rowKey, object: bytes(200) }),
  of(20, { digest: bytes(16, 16) }),
  of(21, { final: fc.boolean(), state: bytes(200) }),
  of(22, newcomer),
  of(22, { ...newcomer, place: record({ of: text, weight: fc.boolean(), zone: fc.boolean() }) }),
  of(23, {
    verdict: fc.constantFrom('accepted' as const, 'later' as const, 'refused' as const),
    reason: text,
    nodeId: shortText,
    bootBase: fc.maxSafeNat(),
    state: bytes(100),
  }),
  of(24, { nodeId: shortText, ring }),
  of(25, {
    verdict: fc.constantFrom('ready' as const, 'busy' as const, 'data' as const, 'stale' as const),
    state: bytes(50),
  }),
  of(26, { nodeId: shortText }),
  of(27, { summary: bytes(200) }),
  of(28, { summary: bytes(200), news: bytes(200) }),
  of(40, { ring, chunk: u32, digest: bytes(16, 16) }),
  of(41, { status, incomplete: fc.boolean(), roots: nodes }),
  of(42, {
    ring,
    places: fc.array(record({ partition: fc.nat(0xffff), level: fc.nat(255), node: u32 }), { maxLength: 5 }),
  }),
  of(43, { status, incomplete: fc.boolean(), nodes }),
  of(44, { ring, from: bytes(50), segments: fc.array(u32, { maxLength: 5 }) }),
  of(45, {
    status,
    incomplete: fc.boolean(),
    next: bytes(50),
    keys: fc.array(record({ rowKey, digest: bytes(16, 16) }), { maxLength: 5 }),
  }),
  of(46, { ring, keys: fc.array(record({ rowKey, skeleton: bytes(50) }), { maxLength: 5 }) }),
  of(47, {
    status,
    incomplete: fc.boolean(),
    rows: fc.array(record({ wants: fc.boolean(), object: bytes(60) }), { maxLength: 5 }),
  }),
  of(48, {
    state: bytes(16, 16),
    keys: fc.array(record({ rowKey, digest: bytes(16, 16) }), { maxLength: 5 }),
  }),
  of(49, { status, clean: bytes(10) }),
  of(50, { clean: bytes(10) }),
  of(51, { clean: bytes(10) }),
  of(52, { status, clean: bytes(10) }),
  of(53, {}),
  of(54, {}),
) as fc.Arbitrary<Message>

function encode(messages: readonly Message[]): Buffer {
  const writer = new ByteWriter(16)
  for (const one of messages) encodeMessage(writer, one)
  return writer.take()
}

function decode(frame: Uint8Array): Message[] {
  const messages: Message[] = []
  decodeBatch(frame, (one) => messages.push(one))
  return messages
}

test('every batch of messages comes back as it was', (t) => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), (messages) => {
      t.deepEqual(decode(encode(messages)), messages)
    }),
    runs,
  )
})

test('arbitrary and damaged bytes give messages or a WireError, nothing else', (t) => {
  let refused = 0
  const attempt = (frame: Uint8Array) => {
    try {
      decode(frame)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      refused++
    }
  }
  fc.assert(fc.property(bytes(300), attempt), runs)
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(255), (one, at, value) => {
      const frame = encode([one])
      frame[at % frame.length] = value
      attempt(frame)
      attempt(frame.subarray(0, at % frame.length))
    }),
    runs,
  )
  t.true(refused > 1000)
})

test('a count larger than its message is refused before anything is allocated for it', (t) => {
  const frame = encode([{ type: 10, id: 1, status: 0, incomplete: false, next: NOTHING, rows: [] }])
  frame.writeUInt32LE(0xffff_ffff, frame.length - 4)
  t.throws(() => decode(frame), { instanceOf: WireError })
})

test('integers up to 2^53 − 1 survive, larger ones are refused', (t) => {
  const writer = new ByteWriter(8)
  writer.u53(Number.MAX_SAFE_INTEGER)
  t.is(new ByteReader(writer.take()).u53(), Number.MAX_SAFE_INTEGER)
  t.throws(() => new ByteReader(Buffer.from([0, 0, 0, 0, 0, 0, 0x20, 0])).u53(), { instanceOf: WireError })
})
