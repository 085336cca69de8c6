/**
 * Both halves of the handshake (bytes: src/wire/handshake.ts), without a socket: bytes in, bytes out. Order of work against
 * strangers: fixed fields, then the MAC, then the decoding of what it covers, then the question whether we want this node.
 */
import type { Channel, Hello } from '../../ports/network.js'
import { WireError } from '../../wire/bytes.js'
import {
  type Answer,
  decodeAnswer,
  decodeBegin,
  decodeChallenge,
  decodeProof,
  encodeAnswer,
  encodeBegin,
  encodeChallenge,
  encodeProof,
  type Proof,
  seal,
  unseal,
  type Verdict,
} from '../../wire/handshake.js'
import { type Announced, mismatch } from '../../wire/versions.js'
import type { Keyring } from './keyring.js'

/** Why a handshake ended before both sides were proven. Counted, logged here, never told to the other side. */
export type HandshakeFault = 'malformed' | 'bad-proof'

export class HandshakeError extends Error {
  readonly fault: HandshakeFault
  constructor(fault: HandshakeFault, message: string) {
    super(message)
    this.name = 'HandshakeError'
    this.fault = fault
  }
}

/** The side that connected. Every method throws HandshakeError for bytes that do not fit. */
export class DiallerHandshake {
  readonly #keyring: Keyring
  readonly #begin: Uint8Array
  #challenge: Uint8Array = new Uint8Array(0)
  #proof: Uint8Array = new Uint8Array(0)
  #acceptorId = ''

  constructor(keyring: Keyring, channel: Channel, nonce: Uint8Array) {
    this.#keyring = keyring
    this.#begin = encodeBegin({ channel, nonce })
  }

  begin(): Uint8Array {
    return this.#begin
  }

  /** The node id that the other side claims. */
  challenged(bytes: Uint8Array): string {
    const challenge = reading(() => decodeChallenge(bytes))
    this.#challenge = bytes
    this.#acceptorId = challenge.nodeId
    return challenge.nodeId
  }

  prove(proof: Proof): Uint8Array {
    const signed = encodeProof(proof)
    this.#proof = seal(signed, this.#keyring.sign('dialler', [this.#begin, this.#challenge, signed]))
    return this.#proof
  }

  answered(bytes: Uint8Array): Answer {
    const { signed, mac } = reading(() => unseal(bytes))
    const said = [this.#begin, this.#challenge, this.#proof, signed]
    if (!this.#keyring.verifies('acceptor', said, mac)) throw badProof()
    const answer = reading(() => decodeAnswer(signed))
    if (answer.hello.nodeId !== this.#acceptorId)
      throw new HandshakeError('malformed', 'the answer comes from another node than the challenge')
    return answer
  }
}

/** The side that was connected to. Every method throws HandshakeError for bytes that do not fit. */
export class AcceptorHandshake {
  readonly #keyring: Keyring
  #begin: Uint8Array = new Uint8Array(0)
  #challenge: Uint8Array = new Uint8Array(0)
  #proof: Uint8Array = new Uint8Array(0)
  #channel: Channel = 'control'

  constructor(keyring: Keyring) {
    this.#keyring = keyring
  }

  get channel(): Channel {
    return this.#channel
  }

  challenge(begin: Uint8Array, nonce: Uint8Array, nodeId: string): Uint8Array {
    this.#channel = reading(() => decodeBegin(begin)).channel
    this.#begin = begin
    this.#challenge = encodeChallenge({ nonce, nodeId })
    return this.#challenge
  }

  proven(bytes: Uint8Array): Proof {
    const { signed, mac } = reading(() => unseal(bytes))
    if (!this.#keyring.verifies('dialler', [this.#begin, this.#challenge, signed], mac)) throw badProof()
    this.#proof = bytes
    return reading(() => decodeProof(signed))
  }

  answer(verdict: Verdict, hello: Hello): Uint8Array {
    const signed = encodeAnswer({ verdict, hello })
    return seal(signed, this.#keyring.sign('acceptor', [this.#begin, this.#challenge, this.#proof, signed]))
  }
}

/** Whether two nodes that know the same secret may talk: the same question on both sides, with the same answer. */
export function acquaintance(mine: Hello, theirs: Hello): Verdict {
  if (mine.nodeId === theirs.nodeId) return 'same-node'
  if (mine.clusterId !== '' && theirs.clusterId !== '' && mine.clusterId !== theirs.clusterId)
    return 'other-cluster'
  if (mismatch(announced(mine), announced(theirs)) !== undefined) return 'no-common-version'
  return 'welcome'
}

/** What a verdict other than `welcome` means between these two, in a sentence of the first. */
export function refusalText(verdict: Verdict, mine: Hello, theirs: Hello): string {
  if (verdict === 'no-common-version') return mismatch(announced(mine), announced(theirs)) ?? verdict
  if (verdict === 'other-cluster')
    return `${theirs.name} belongs to cluster ${theirs.clusterId} and ${mine.name} to ${mine.clusterId}: two clusters never become one`
  return verdict
}

function announced({ name, build, wireMin, wireMax, storageMin, storageMax }: Hello): Announced {
  const speaks = { wire: { min: wireMin, max: wireMax }, storage: { min: storageMin, max: storageMax } }
  return { name, build, speaks }
}

function badProof(): HandshakeError {
  return new HandshakeError('bad-proof', 'the proof of the secret is wrong')
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof WireError) throw new HandshakeError('malformed', error.message)
    throw error
  }
}
