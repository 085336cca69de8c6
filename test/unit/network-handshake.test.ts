import { createHmac } from 'node:crypto'
import test from 'ava'
import {
  AcceptorHandshake,
  acquaintance,
  DiallerHandshake,
  HandshakeError,
  type HandshakeFault,
  refusalText,
} from '../../src/io/network/handshake.js'
import { Keyring } from '../../src/io/network/keyring.js'
import type { Channel, Hello } from '../../src/ports/network.js'
import { encodeBegin, encodeChallenge, encodeProof, seal, type Verdict } from '../../src/wire/handshake.js'
import { helloOf } from '../conformance/network-node.js'

const secret = (text: string) => Buffer.from(text.padEnd(32, '.'))
const ring = (...texts: string[]) => new Keyring(texts.map(secret))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const nonce = (byte: number) => Buffer.alloc(32, byte)
const LINK = '0123456789abcdef'.repeat(2)
const A = helloOf('a')
const B = helloOf('b')

interface Talk {
  readonly dialler?: Keyring
  readonly acceptor?: Keyring
  readonly channel?: Channel
  readonly nonces?: readonly [number, number]
}

/** A handshake up to its proof, of which any part can be exchanged. */
function talk({
  dialler = ring('s'),
  acceptor = ring('s'),
  channel = 'control',
  nonces = [1, 2],
}: Talk = {}) {
  const a = new DiallerHandshake(dialler, channel, nonce(nonces[0]))
  const b = new AcceptorHandshake(acceptor)
  const challenge = b.challenge(a.begin(), nonce(nonces[1]), B.nodeId)
  a.challenged(challenge)
  return { a, b, begin: a.begin(), challenge, proof: a.prove({ link: LINK, hello: A }) }
}

function faultOf(run: () => unknown): HandshakeFault | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error
    return error.fault
  }
}

test('two nodes with one secret prove themselves and learn each other’s hello', (t) => {
  const { a, b, proof } = talk({ channel: 'data' })
  t.deepEqual(b.proven(proof), { link: LINK, hello: A })
  t.is(b.channel, 'data')
  t.deepEqual(a.answered(b.answer('welcome', B)), { verdict: 'welcome', hello: B })
})

test('the bytes are those of the protocol', (t) => {
  const { begin, challenge, proof, b } = talk({ channel: 'data' })
  const head = (type: string) => `524801${type}`
  t.is(hex(begin), `${head('01')}01${'01'.repeat(32)}`)
  t.is(hex(challenge), `${head('02')}${'02'.repeat(32)}${B.nodeId}`)
  const textOf = (text: string) => `${hex(Buffer.from([text.length, 0]))}${hex(Buffer.from(text))}`
  const helloHex = (hello: Hello) =>
    `${hello.nodeId}01${hello.clusterId}${hello.incarnation}010000000000000001000100${textOf(hello.name)}${textOf(hello.peerAddress)}01000100${textOf(hello.build)}`
  const signed = Buffer.from(`${head('03')}${LINK}${helloHex(A)}`, 'hex')
  const macOf = (side: string, parts: Uint8Array[]) => {
    const extracted = createHmac('sha256', Buffer.alloc(32)).update(secret('s')).digest()
    const key = createHmac('sha256', extracted).update(`rotunda peer v1 ${side}\u0001`).digest()
    return createHmac('sha256', key).update(Buffer.concat(parts)).digest()
  }
  t.is(hex(proof), hex(Buffer.concat([signed, macOf('dialler', [begin, challenge, signed])])))
  b.proven(proof)
  const answered = Buffer.from(`${head('04')}04${helloHex(B)}`, 'hex')
  const answer = Buffer.concat([answered, macOf('acceptor', [begin, challenge, proof, answered])])
  t.is(hex(b.answer('duplicate', B)), hex(answer))
})

test('a hello of the greatest length fits a handshake message; a longer text is refused where it is made', (t) => {
  const long = helloOf('a', {
    name: 'ö'.repeat(127),
    peerAddress: 'x'.repeat(255),
    boot: Number.MAX_SAFE_INTEGER,
    wireMax: 65535,
  })
  const { a, b, challenge } = talk()
  a.challenged(challenge)
  const proof = a.prove({ link: LINK, hello: long })
  t.true(proof.length <= 1024)
  t.deepEqual(b.proven(proof).hello, long)
  t.throws(() => a.prove({ link: LINK, hello: { ...long, name: 'x'.repeat(256) } }), { message: /too long/ })
})

test('another secret proves nothing, on either side', (t) => {
  const { b, proof } = talk({ dialler: ring('other') })
  t.is(
    faultOf(() => b.proven(proof)),
    'bad-proof',
  )
  const forged = talk()
  const impostor = new AcceptorHandshake(ring('other'))
  impostor.challenge(forged.begin, nonce(2), B.nodeId)
  t.is(
    faultOf(() => forged.a.answered(impostor.answer('welcome', B))),
    'bad-proof',
  )
})

test('while a secret is rotated, old and new rings verify each other', (t) => {
  const steps = [ring('old'), ring('old', 'new'), ring('new', 'old'), ring('new')]
  for (const [i, one] of steps.entries()) {
    for (const [j, other] of steps.entries()) {
      const { a, b, proof } = talk({ dialler: one, acceptor: other })
      const fault = faultOf(() => {
        b.proven(proof)
        a.answered(b.answer('welcome', B))
      })
      t.is(fault, Math.abs(i - j) < 2 ? undefined : 'bad-proof', `${i} to ${j}`)
    }
  }
})

test('a proof is good for one pair of nonces, one channel, one acceptor and one direction', (t) => {
  const { proof, begin, challenge } = talk()
  const judge = (otherBegin: Uint8Array, acceptorNonce: number, nodeId: string) => {
    const b = new AcceptorHandshake(ring('s'))
    b.challenge(otherBegin, nonce(acceptorNonce), nodeId)
    return faultOf(() => b.proven(proof))
  }
  t.is(judge(begin, 2, B.nodeId), undefined, 'the very same words are the very same proof')
  t.is(judge(begin, 3, B.nodeId), 'bad-proof', 'replayed: the acceptor has a fresh nonce')
  t.is(
    judge(encodeBegin({ channel: 'control', nonce: nonce(9) }), 2, B.nodeId),
    'bad-proof',
    'another dialler',
  )
  t.is(judge(encodeBegin({ channel: 'data', nonce: nonce(1) }), 2, B.nodeId), 'bad-proof', 'another channel')
  t.is(judge(begin, 2, 'd'.repeat(32)), 'bad-proof', 'relayed to another node')
  const { a } = talk()
  a.challenged(challenge)
  t.is(
    faultOf(() => a.answered(proof)),
    'bad-proof',
    'reflected to its maker',
  )
})

test('an answer is good for the proof that it answers, and its verdict is part of it', (t) => {
  const one = talk()
  one.b.proven(one.proof)
  const answer = one.b.answer('welcome', B)
  t.is(
    faultOf(() => talk({ nonces: [5, 2] }).a.answered(answer)),
    'bad-proof',
  )
  const turned = Buffer.from(one.b.answer('other-cluster', B))
  turned[4] = 0
  t.is(
    faultOf(() => one.a.answered(turned)),
    'bad-proof',
  )
  t.deepEqual(one.a.answered(answer).verdict, 'welcome')
})

test('the node that answers is the one that challenged', (t) => {
  const { a, b, proof } = talk()
  b.proven(proof)
  t.is(
    faultOf(() => a.answered(b.answer('welcome', helloOf('d')))),
    'malformed',
  )
})

test('bytes that are no handshake are malformed before anything is computed', (t) => {
  const b = () => new AcceptorHandshake(ring('s'))
  const begin = Buffer.from(encodeBegin({ channel: 'control', nonce: nonce(1) }))
  const otherVersion = Buffer.from(begin)
  otherVersion[2] = 2
  const badChannel = Buffer.from(begin)
  badChannel[4] = 2
  const bad = [
    Buffer.alloc(0),
    begin.subarray(0, -1),
    Buffer.concat([begin, begin]),
    otherVersion,
    badChannel,
  ]
  for (const bytes of [...bad, Buffer.from(encodeChallenge({ nonce: nonce(1), nodeId: A.nodeId }))])
    t.is(
      faultOf(() => b().challenge(bytes, nonce(2), B.nodeId)),
      'malformed',
    )
  t.is(
    faultOf(() => talk().b.proven(Buffer.alloc(31))),
    'malformed',
  )
})

test('every byte of a proof counts', (t) => {
  const { b, proof } = talk()
  for (let at = 0; at < proof.length; at++) {
    const changed = Buffer.from(proof)
    changed[at]! ^= 0x10
    t.is(
      faultOf(() => b.proven(changed)),
      'bad-proof',
      `byte ${at}`,
    )
  }
})

test('who may talk to whom is the same question from both sides', (t) => {
  const cases: [Partial<Hello>, Partial<Hello>, Verdict][] = [
    [{}, {}, 'welcome'],
    [{}, { clusterId: '' }, 'welcome'],
    [{ clusterId: '' }, { clusterId: '' }, 'welcome'],
    [{}, { clusterId: 'd'.repeat(32) }, 'other-cluster'],
    [{}, { nodeId: A.nodeId }, 'same-node'],
    [{ wireMin: 1, wireMax: 2 }, { wireMin: 2, wireMax: 5 }, 'welcome'],
    [{ wireMin: 1, wireMax: 2 }, { wireMin: 3, wireMax: 5 }, 'no-common-version'],
    [{ storageMin: 2, storageMax: 3 }, { storageMin: 1, storageMax: 2 }, 'welcome'],
    [{ storageMin: 2, storageMax: 3 }, {}, 'no-common-version'],
  ]
  for (const [mine, theirs, verdict] of cases) {
    t.is(acquaintance({ ...A, ...mine }, { ...B, ...theirs }), verdict)
    t.is(acquaintance({ ...B, ...theirs }, { ...A, ...mine }), verdict)
  }
})

test('what a later build says beyond the hello is skipped, under the same proof', (t) => {
  const { a, b, begin, challenge } = talk()
  a.challenged(challenge)
  const longer = Buffer.concat([encodeProof({ link: LINK, hello: A }), Buffer.from('and much more')])
  const mac = ring('s').sign('dialler', [begin, challenge, longer])
  t.deepEqual(b.proven(seal(longer, mac)), { link: LINK, hello: A })
})

test('a refusal is a sentence with both nodes, their builds and what they speak', (t) => {
  const old = { ...A, name: 'n1', build: '1.0.0', wireMax: 2 }
  const fresh = { ...B, name: 'n2', build: '3.0.0', wireMin: 3, wireMax: 4 }
  t.is(
    refusalText('no-common-version', fresh, old),
    'n2 (Rotunda 3.0.0) speaks wire version 3 to 4 and n1 (Rotunda 1.0.0) 1 to 2: n2 is too new for n1',
  )
  t.regex(refusalText('no-common-version', old, fresh), /: n1 is too old for n2$/)
  const other = { ...B, name: 'n2', clusterId: 'd'.repeat(32) }
  t.regex(
    refusalText('other-cluster', A, other),
    /^n2 belongs to cluster d+ and node-a to c+: two clusters never/,
  )
})

test('a keyring without a usable secret is refused', (t) => {
  t.throws(() => new Keyring([]), { instanceOf: RangeError })
  t.throws(() => new Keyring([Buffer.alloc(0)]), { instanceOf: RangeError })
  t.throws(() => new Keyring(Array.from({ length: 9 }, (_, i) => secret(`${i}`))), { instanceOf: RangeError })
})
