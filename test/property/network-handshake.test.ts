import test from 'ava'
import fc from 'fast-check'
import { AcceptorHandshake, DiallerHandshake, HandshakeError } from '../../src/io/network/handshake.js'
import { Keyring } from '../../src/io/network/keyring.js'
import type { Hello } from '../../src/ports/network.js'
import { encodeBegin, encodeChallenge, seal } from '../../src/wire/handshake.js'
import { helloOf } from '../conformance/network-node.js'

const keyring = new Keyring([Buffer.from('one secret for all of these')])
const nonce = Buffer.alloc(32, 5)
const begin = encodeBegin({ channel: 'data', nonce })
const acceptorId = 'b'.repeat(32)
const challenge = encodeChallenge({ nonce, nodeId: acceptorId })

function typed(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch (error) {
    return error instanceof HandshakeError
  }
}

function acceptor(): AcceptorHandshake {
  const handshake = new AcceptorHandshake(keyring)
  handshake.challenge(begin, nonce, acceptorId)
  return handshake
}

function dialler(): DiallerHandshake {
  const handshake = new DiallerHandshake(keyring, 'data', nonce)
  handshake.challenged(challenge)
  return handshake
}

const hexOf = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((raw) => Buffer.from(raw).toString('hex'))
const text = fc.string({ unit: 'binary', maxLength: 60 })
const hello: fc.Arbitrary<Hello> = fc
  .record({
    nodeId: hexOf(16),
    clusterId: fc.oneof(fc.constant(''), hexOf(16)),
    incarnation: hexOf(8),
    name: text,
    peerAddress: text,
    boot: fc.maxSafeNat(),
    wire: fc.tuple(fc.nat(65_535), fc.nat(65_535)),
    storage: fc.tuple(fc.nat(65_535), fc.nat(65_535)),
    build: text,
  })
  .map(({ wire, storage, ...rest }) => ({
    ...{ ...rest, wireMin: Math.min(...wire), wireMax: Math.max(...wire) },
    ...{ storageMin: Math.min(...storage), storageMax: Math.max(...storage) },
  }))

test('any bytes at any step give a message or a typed error', (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
    const steps = [
      () => new AcceptorHandshake(keyring).challenge(bytes, nonce, acceptorId),
      () => acceptor().proven(bytes),
      () => new DiallerHandshake(keyring, 'data', nonce).challenged(bytes),
      () => dialler().answered(bytes),
    ]
    return steps.every(typed)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})

test('a proof whose MAC is right and whose content is not gives a typed error', (t) => {
  const opening = fc.constantFrom('52480103', '52480104').map((head) => Buffer.from(head, 'hex'))
  const property = fc.property(opening, fc.uint8Array({ maxLength: 300 }), (head, rest) => {
    const signed = Buffer.concat([head, rest])
    const proof = seal(signed, keyring.sign('dialler', [begin, challenge, signed]))
    const proofOfDialler = dialler()
    const said = proofOfDialler.prove({ link: '0'.repeat(32), hello: helloOf('a') })
    const answer = seal(signed, keyring.sign('acceptor', [begin, challenge, said, signed]))
    return typed(() => acceptor().proven(proof)) && typed(() => proofOfDialler.answered(answer))
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})

test('what a node says of itself arrives as it said it', (t) => {
  const property = fc.property(hello, hexOf(16), (mine, link) => {
    const a = dialler()
    const b = acceptor()
    const proof = b.proven(a.prove({ link, hello: mine }))
    const theirs = { ...mine, nodeId: acceptorId }
    const answer = a.answered(b.answer('welcome', theirs))
    t.deepEqual(proof, { link, hello: mine })
    t.deepEqual(answer, { verdict: 'welcome', hello: theirs })
  })
  t.notThrows(() => fc.assert(property, { numRuns: 300 }))
})
