import test from 'ava'
import fc from 'fast-check'
import { TokenSealer } from '../../src/api/sealed-token.js'
import {
  applyWrite,
  applyWriteBound,
  decodeClock,
  objectClock,
  rowObject,
  writtenContext,
  writtenContextBound,
} from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'

const OLD = Buffer.from('the old secret of the cluster')
const NEW = Buffer.from('the new secret of the cluster')
const cluster = () => 'c0ffee00c0ffee00c0ffee00c0ffee00'
const NODE_ID = '00112233445566778899aabbccddeeff'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8')
const BUCKET = bytes('carts')
const KEY = bytes('alice')
const CLOCK = Uint8Array.of(1, 2, 3)

test('a token gives back what was sealed, whatever it is', (t) => {
  const sealer = new TokenSealer([OLD], cluster)
  const part = fc.uint8Array({ maxLength: 255 })
  const hints = fc.oneof(fc.constant(''), fc.constant(NODE_ID), fc.string({ maxLength: 60 }))
  fc.assert(
    fc.property(
      part,
      fc.uint8Array({ maxLength: 1024 }),
      fc.uint8Array({ maxLength: 4000 }),
      hints,
      (bucket, key, clock, hint) => {
        const token = sealer.seal('context', bucket, key, hint, clock)
        const opened = sealer.open('context', bucket, key, token)
        t.regex(token, /^[A-Za-z0-9_-]+$/)
        t.is(opened?.hint, Buffer.from(hint, 'utf8').toString('utf8'))
        t.deepEqual([...(opened?.payload ?? [])], [...clock])
      },
    ),
  )
})

test('every flipped bit, every cut and every addition is found', (t) => {
  const sealer = new TokenSealer([OLD], cluster)
  const token = sealer.seal('context', BUCKET, KEY, 'n1', CLOCK)
  const raw = Buffer.from(token, 'base64url')
  for (let bit = 0; bit < raw.length * 8; bit++) {
    const forged = Buffer.from(raw)
    forged[bit >> 3]! ^= 1 << (bit & 7)
    t.is(sealer.open('context', BUCKET, KEY, forged.toString('base64url')), undefined)
  }
  for (let length = 0; length < token.length; length++)
    t.is(sealer.open('context', BUCKET, KEY, token.slice(0, length)), undefined)
  for (const other of [
    `${token}A`,
    `${token}=`,
    ` ${token}`,
    `${token}\n`,
    `${token},${token}`,
    token.toUpperCase(),
  ])
    t.is(sealer.open('context', BUCKET, KEY, other), undefined)
})

test('a token has one spelling: unused bits and the other alphabet are refused', (t) => {
  const sealer = new TokenSealer([OLD], cluster)
  let refused = 0
  for (let length = 0; length < 9; length++) {
    const token = sealer.seal('context', BUCKET, KEY, '', Buffer.alloc(length, 0xfb))
    for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      const respelled = token.slice(0, -1) + last
      if (respelled === token) continue
      t.is(sealer.open('context', BUCKET, KEY, respelled), undefined)
      refused++
    }
    const standard = token.replaceAll('-', '+').replaceAll('_', '/')
    if (standard !== token) t.is(sealer.open('context', BUCKET, KEY, standard), undefined)
  }
  t.true(refused > 500)
})

test('a token is good for its bucket, its key and its purpose only', (t) => {
  const sealer = new TokenSealer([OLD], cluster)
  const token = sealer.seal('context', bytes('ab'), bytes('c'), '', CLOCK)
  t.truthy(sealer.open('context', bytes('ab'), bytes('c'), token))
  const foreign = [
    ['a', 'bc'],
    ['abc', ''],
    ['', 'abc'],
    ['ab', 'd'],
    ['ac', 'c'],
    ['ab', 'cc'],
  ] as const
  for (const [bucket, key] of foreign)
    t.is(sealer.open('context', bytes(bucket), bytes(key), token), undefined)
  t.is(sealer.open('cursor', bytes('ab'), bytes('c'), token), undefined)
})

test('a new secret signs, the old one verifies until it is taken away', (t) => {
  const before = new TokenSealer([OLD], cluster)
  const during = new TokenSealer([NEW, OLD], cluster)
  const after = new TokenSealer([NEW], cluster)
  const old = before.seal('context', BUCKET, KEY, '', CLOCK)
  const fresh = during.seal('context', BUCKET, KEY, '', CLOCK)
  t.truthy(during.open('context', BUCKET, KEY, old))
  t.truthy(during.open('context', BUCKET, KEY, fresh))
  t.truthy(after.open('context', BUCKET, KEY, fresh))
  t.is(after.open('context', BUCKET, KEY, old), undefined)
  t.is(before.open('context', BUCKET, KEY, fresh), undefined)
  t.throws(() => new TokenSealer([], cluster))
})

test('tokens that are out there stay good', (t) => {
  const sealer = new TokenSealer([NEW, OLD], cluster)
  const sealed = {
    context: 'ASWqCSD_ABEiM0RVZneImaq7zN3u_wECA6R58hatz-qAGeza-BAHv4s',
    cursor: 'ASWqCSAAdGhlIGxhc3Qga2V5IG9mIHRoZSBwYWdlrnxZpaHD4gAapVkFlYkJgg',
  }
  t.is(sealer.seal('context', BUCKET, KEY, NODE_ID, CLOCK), sealed.context)
  t.is(sealer.seal('cursor', BUCKET, bytes(''), '', bytes('the last key of the page')), sealed.cursor)
  t.is(sealer.open('context', BUCKET, KEY, sealed.context)?.hint, NODE_ID)
  t.truthy(sealer.open('cursor', BUCKET, bytes(''), sealed.cursor))
})

test('nodes that share a secret take each other’s tokens; others do not', (t) => {
  const token = new TokenSealer([OLD], cluster).seal('context', BUCKET, KEY, NODE_ID, CLOCK)
  t.is(new TokenSealer([Buffer.from(OLD)], cluster).open('context', BUCKET, KEY, token)?.hint, NODE_ID)
  t.is(new TokenSealer([NEW], cluster).open('context', BUCKET, KEY, token), undefined)
})

test('clusters that share a secret do not take each other’s tokens', (t) => {
  let id = ''
  const here = new TokenSealer([OLD], () => id)
  const there = new TokenSealer([OLD], cluster)
  const foreign = there.seal('context', BUCKET, KEY, NODE_ID, CLOCK)
  t.is(here.open('context', BUCKET, KEY, foreign), undefined)
  id = 'badcafe0badcafe0badcafe0badcafe0'
  t.is(here.open('context', BUCKET, KEY, foreign), undefined)
  const own = here.seal('context', BUCKET, KEY, NODE_ID, CLOCK)
  t.truthy(here.open('context', BUCKET, KEY, own))
  t.is(there.open('context', BUCKET, KEY, own), undefined)
  id = cluster()
  t.truthy(here.open('context', BUCKET, KEY, foreign))
})

test('a hint that does not fit is left out', (t) => {
  const sealer = new TokenSealer([OLD], cluster)
  const hintOf = (hint: string): string | undefined =>
    sealer.open('context', BUCKET, KEY, sealer.seal('context', BUCKET, KEY, hint, CLOCK))?.hint
  t.is(hintOf('x'.repeat(254)), 'x'.repeat(254))
  t.is(hintOf('x'.repeat(255)), '')
  t.is(hintOf('é'.repeat(128)), '')
})

const NOTHING = new Uint8Array(0)

function put(row: Uint8Array, actor: Uint8Array, context: Uint8Array): Uint8Array {
  const write = {
    tombstone: false,
    incomplete: false,
    wallMs: 1,
    operation: NOTHING,
    operationIsClients: false,
    attributes: NOTHING,
    value: NOTHING,
  }
  const out = Buffer.alloc(applyWriteBound(row, context, write))
  return out.subarray(0, applyWrite(row, actor, context, write, { maxSiblings: 1000, maxBytes: 1000 }, out))
}

/** A clock of so many actors, each with a dot beyond a gap: the second of two blind puts was seen, the first was not. */
function clockOfActors(actors: number): Uint8Array {
  let row: Uint8Array = NOTHING
  for (let number = 0; number < actors; number++) {
    const actor = Buffer.alloc(14, number)
    actor.writeUInt32BE(number * 7919, 0)
    const blind = rowObject(put(put(NOTHING, actor, NOTHING), actor, NOTHING))
    const second = Buffer.alloc(writtenContextBound(blind))
    row = put(row, Buffer.alloc(14, 0xff), second.subarray(0, writtenContext(blind, actor, 2, second)))
  }
  return objectClock(rowObject(row))
}

test('a context of 250 actors stays under 8 KiB as a header', (t) => {
  const clock = clockOfActors(249)
  t.is(decodeClock(clock).length, 250)
  t.is(decodeClock(clock).filter((entry) => entry.beyond.length === 1).length, 249)
  const token = new TokenSealer([OLD], cluster).seal(
    'context',
    Buffer.alloc(255, 1),
    Buffer.alloc(1024, 2),
    NODE_ID,
    clock,
  )
  t.true(token.length < 8 * 1024, `${token.length}`)
  t.truthy(
    new TokenSealer([OLD], cluster).open('context', Buffer.alloc(255, 1), Buffer.alloc(1024, 2), token),
  )
})

test('the longest token is taken, one more character is not looked at', (t) => {
  const sealer = new TokenSealer([OLD], cluster)
  const fixed = 6 + 16
  const payload = Buffer.alloc((limits.contextTokenBytes * 3) / 4 - fixed)
  const longest = sealer.seal('context', BUCKET, KEY, '', payload)
  t.is(longest.length, limits.contextTokenBytes)
  t.is(sealer.open('context', BUCKET, KEY, longest)?.payload.length, payload.length)
  const longer = sealer.seal('context', BUCKET, KEY, '', Buffer.alloc(payload.length + 1))
  t.is(sealer.open('context', BUCKET, KEY, longer), undefined)
})

test('any text at all is opened or refused', (t) => {
  const sealer = new TokenSealer([OLD], cluster)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) =>
      t.is(sealer.open('context', BUCKET, KEY, text), undefined),
    ),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (raw) =>
      t.is(sealer.open('context', BUCKET, KEY, Buffer.from(raw).toString('base64url')), undefined),
    ),
  )
})
