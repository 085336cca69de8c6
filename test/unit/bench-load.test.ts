import test from 'ava'
import fc from 'fast-check'
import { decodeFrame, encodeFrame, type Message } from '../../bench/floor/frames.js'
import { BlindWorkload } from '../../bench/load/blind-workload.js'
import { KeySet } from '../../bench/load/key-set.js'
import { KeyedWorkload } from '../../bench/load/keyed-workload.js'
import { HEAD_ROOM_BYTES } from '../../bench/load/requests.js'
import { type Answer, ResponseReader } from '../../bench/load/response.js'
import { Values } from '../../bench/load/values.js'
import type { Turn } from '../../bench/load/workload.js'
import { XorShift } from '../../bench/load/xorshift.js'
import { parseOptions, UsageError } from '../../bench/options.js'

const NOTHING = Buffer.alloc(0)

function answerOf(status: number, context = '', body: Buffer = NOTHING): Answer {
  return { status, context, retryAfterSeconds: 0, body }
}

function turnOf(seed = 1): Turn {
  const out = Buffer.alloc(HEAD_ROOM_BYTES + 64)
  return { host: 'h', random: new XorShift(seed), out, key: 0, version: 0, writing: false }
}

test('answers are read whole however the bytes are cut', (t) => {
  const body = Buffer.from('\r\n\r\nHTTP/1.1 500 no\r\n\r\n')
  const one = Buffer.from(
    `HTTP/1.1 200 OK\r\nRotunda-Context: abc\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  const two = Buffer.from('HTTP/1.1 204 No Content\r\nx: y\r\n\r\n')
  const law = fc.property(fc.array(fc.nat(one.length), { maxLength: 6 }), (cuts) => {
    const reader = new ResponseReader()
    const edges = [0, ...cuts.toSorted((a, b) => a - b), one.length]
    // The socket's buffer is used again: what the reader keeps must be its own.
    const shared = Buffer.alloc(one.length)
    let read: Answer | undefined
    for (let i = 1; i < edges.length; i++) {
      const piece = one.subarray(edges[i - 1], edges[i])
      if (piece.length === 0) continue
      shared.fill(0)
      piece.copy(shared)
      read = reader.push(shared.subarray(0, piece.length))
    }
    const whole = read?.status === 200 && read.context === 'abc' && read.body.equals(body)
    const next = reader.push(two)
    return whole && next?.status === 204 && next.context === '' && next.body.length === 0
  })
  t.notThrows(() => fc.assert(law))
})

test('what is no answer of HTTP/1.1 with a length is an error, never a wait without end', (t) => {
  const read = (text: string) => () => new ResponseReader().push(Buffer.from(text))
  t.throws(read('SSH-2.0-x\r\n\r\n'), { message: /no HTTP/ })
  t.throws(read('HTTP/1.1 200 OK\r\n\r\n'), { message: /without Content-Length/ })
  t.throws(read('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'), { message: /chunked/ })
  t.throws(read('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab'), { message: /more bytes/ })
  t.throws(read('HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'), { message: /Content-Length/ })
  t.throws(read('x'.repeat(200_000)), { message: /no end/ })
})

test('a value tells its key and version, and nothing else passes for it', (t) => {
  const values = new Values(64)
  const law = fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(63), (key, version, damagedAt) => {
    const bytes = Buffer.alloc(64)
    values.write(key, version, bytes, 0)
    const known = values.versionOf(key, bytes) === version
    const foreign = values.versionOf(key ^ 1, bytes) === undefined
    const short = values.versionOf(key, bytes.subarray(1)) === undefined
    bytes[damagedAt]! ^= 0x80
    return known && foreign && short && values.versionOf(key, bytes) !== version
  })
  t.notThrows(() => fc.assert(law, { numRuns: 1000 }))
})

test('no key is in two hands at a time', (t) => {
  const keys = new KeySet(5)
  const random = new XorShift(3)
  const taken = Array.from({ length: 5 }, () => keys.take(random))
  t.deepEqual(taken.toSorted(), [0, 1, 2, 3, 4])
  keys.giveBack(2)
  t.is(keys.take(random), 2)
})

test('each put carries the context last received, and a get must show the version last acknowledged', (t) => {
  const keys = new KeySet(1)
  const values = new Values(32)
  const puts = new KeyedWorkload({ keys, values, shareOfGets: 0, exactVersions: true })
  const gets = new KeyedWorkload({ keys, values, shareOfGets: 1, exactVersions: true })
  const turn = turnOf()
  t.notRegex(turn.out.toString('latin1', 0, puts.next(turn)), /Rotunda-Context/)
  t.is(puts.check(turn, answerOf(204, 'c1')), undefined)
  t.regex(turn.out.toString('latin1', 0, puts.next(turn)), /\r\nRotunda-Context: c1\r\n/)
  t.is(puts.check(turn, answerOf(204, 'c2')), undefined)

  const value = (version: number): Buffer => {
    const bytes = Buffer.alloc(32)
    values.write(0, version, bytes, 0)
    return bytes
  }
  const got = (answer: Answer): string | undefined => {
    gets.next(turn)
    return gets.check(turn, answer)
  }
  t.is(got(answerOf(200, 'c2', value(2))), undefined)
  t.regex(got(answerOf(200, 'c1', value(1)))!, /version 1 after 2/)
  t.regex(got(answerOf(200, 'c2', value(2).fill(0)))!, /not the bytes/)
  t.regex(got(answerOf(300, 'c2'))!, /siblings/)
  t.regex(got(answerOf(404))!, /404/)
})

test('after a put that failed the key is read before it is written again', (t) => {
  const keys = new KeySet(1)
  const puts = new KeyedWorkload({ keys, values: new Values(32), shareOfGets: 0, exactVersions: true })
  const turn = turnOf()
  puts.next(turn)
  t.regex(puts.check(turn, answerOf(503, '', Buffer.from('{"error":…}')))!, /503/)
  t.regex(turn.out.toString('latin1', 0, puts.next(turn)), /^GET /)
  t.is(puts.check(turn, answerOf(300, 'c9')), undefined)
  t.regex(turn.out.toString('latin1', 0, puts.next(turn)), /^PUT .*Rotunda-Context: c9\r\n/s)
})

test('a key gets exactly its share of blind puts before it is left', (t) => {
  const workload = new BlindWorkload({ values: new Values(16), keysAtATime: 3, siblings: 4 }, 100)
  const turn = turnOf()
  const puts = new Map<number, number>()
  for (let i = 0; i < 100; i++) {
    workload.next(turn)
    puts.set(turn.key, (puts.get(turn.key) ?? 0) + 1)
  }
  t.true(workload.finishedKeys.length >= 20)
  t.true(workload.finishedKeys.every((key) => puts.get(key) === 4))
  t.true([...puts.values()].every((count) => count <= 4))
  t.is(workload.nextKey, 100 + workload.finishedKeys.length + 3)
})

test("the floor's frames come out as they went in, and a cut one is an error", (t) => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
  const message = fc.record({
    kind: fc.integer({ min: 1, max: 4 }),
    id: fc.nat(0xffffffff),
    key: bytes,
    value: bytes,
  })
  const law = fc.property(fc.array(message, { minLength: 1 }), (messages) => {
    const found: Message[] = []
    decodeFrame(encodeFrame(messages), (one) => found.push(one))
    t.deepEqual(found, messages)
  })
  fc.assert(law)
  const frame = encodeFrame([{ kind: 1, id: 1, key: Buffer.from('k'), value: Buffer.from('v') }])
  t.throws(() => decodeFrame(frame.subarray(0, -1), () => t.fail()), { message: /longer than its frame/ })
})

test('options have defaults, and what is out of range is refused by name', (t) => {
  const options = parseOptions([])
  t.deepEqual([options.connections, options.valueBytes, options.keys], [32, 1024, 20_000])
  t.deepEqual(parseOptions(['--only', 'mixed,put']).rows, ['put', 'mixed'])
  const refused = (message: RegExp, ...argv: string[]) =>
    t.throws(() => parseOptions(argv), { instanceOf: UsageError, message })
  refused(/--siblings/, '--siblings', '129')
  refused(/--value-bytes/, '--value-bytes', '15')
  refused(/--only: one of/, '--only', 'delete')
  refused(/--keys: each connection/, '--keys', '8')
  refused(/--seconds/, '--seconds', '')
  refused(/unknown/i, '--nonsense')
})
