/**
 * The bytes of the handshake that every connection between two nodes begins with. Four messages, each one binary WebSocket
 * message of at most 1 KiB:
 *
 *     dialler                                   acceptor
 *       begin      channel, nonce        ────▶
 *                                        ◀────  challenge   nonce, node id
 *       proof      link, Hello, MAC      ────▶
 *                                        ◀────  answer      verdict, Hello, MAC
 *
 * Both MACs cover every byte said before them, with one key for each direction: a proof is good for one channel, one pair of
 * nodes, one pair of nonces and one side only. Who cannot prove the secret learns nothing but a node id, and nothing that it
 * sent beyond these fixed fields is decoded: the Hello of a proof is read after its MAC was found right.
 *
 * Each message opens with 'R' 'H', the handshake's version and its own type. Integers little endian.
 */
import type { Channel, Hello } from '../ports/network.js'
import { ByteReader, ByteWriter, WireError } from './bytes.js'

export const HANDSHAKE_VERSION = 1
export const NONCE_BYTES = 32
export const LINK_BYTES = 16
export const MAC_BYTES = 32
const NODE_ID_BYTES = 16
const INCARNATION_BYTES = 8
/** Longest name and address; a Hello then fits a handshake message with room to spare. */
export const HELLO_TEXT_BYTES = 255

const MESSAGE = { begin: 1, challenge: 2, proof: 3, answer: 4 } as const
type MessageType = (typeof MESSAGE)[keyof typeof MESSAGE]
const MAGIC = 0x4852

/** What the acceptor says to a proof that was right. The order is the wire's: append only. */
export const VERDICTS = [
  'welcome',
  /** The secret is right, but this is another cluster. */
  'other-cluster',
  /** Both ends have the same node id: a node that dialled itself, or a copied data directory. */
  'same-node',
  /** The ranges of wire versions do not meet, or those of storage versions. */
  'no-common-version',
  /** Another connection of these two nodes wins over this one. */
  'duplicate',
  /** A data connection whose control connection is not there. */
  'no-such-link',
  /** More nodes are connected than a cluster may have. */
  'too-many-peers',
  'stopping',
] as const
export type Verdict = (typeof VERDICTS)[number]

export interface Begin {
  readonly channel: Channel
  readonly nonce: Uint8Array
}

export interface Challenge {
  readonly nonce: Uint8Array
  /** Whom the dialler has reached; proven by the answer only. */
  readonly nodeId: string
}

/** A message that ends in a MAC over `signed` (all of its other bytes); what lies between is decoded after the MAC was verified. */
export interface Sealed {
  readonly signed: Uint8Array
  readonly mac: Uint8Array
}

export interface Proof {
  /** Chosen by the dialler for each attempt, the same on both channels: which two connections belong together. */
  readonly link: string
  readonly hello: Hello
}

export interface Answer {
  readonly verdict: Verdict
  readonly hello: Hello
}

export function encodeBegin(begin: Begin): Uint8Array {
  const writer = open(MESSAGE.begin)
  writer.u8(begin.channel === 'control' ? 0 : 1)
  writer.raw(begin.nonce)
  return writer.take()
}

export function decodeBegin(bytes: Uint8Array): Begin {
  const reader = expect(MESSAGE.begin, bytes)
  const channel = reader.u8()
  if (channel > 1) throw new WireError('no such channel')
  const nonce = reader.raw(NONCE_BYTES)
  reader.end()
  return { channel: channel === 0 ? 'control' : 'data', nonce }
}

export function encodeChallenge(challenge: Challenge): Uint8Array {
  const writer = open(MESSAGE.challenge)
  writer.raw(challenge.nonce)
  writer.raw(fromHex(challenge.nodeId, NODE_ID_BYTES))
  return writer.take()
}

export function decodeChallenge(bytes: Uint8Array): Challenge {
  const reader = expect(MESSAGE.challenge, bytes)
  const nonce = reader.raw(NONCE_BYTES)
  const nodeId = reader.raw(NODE_ID_BYTES).toString('hex')
  reader.end()
  return { nonce, nodeId }
}

/** The proof without its MAC. */
export function encodeProof(proof: Proof): Uint8Array {
  const writer = open(MESSAGE.proof)
  writer.raw(fromHex(proof.link, LINK_BYTES))
  writeHello(writer, proof.hello)
  return writer.take()
}

/** `signed` is that of a proof whose MAC was right. */
export function decodeProof(signed: Uint8Array): Proof {
  const reader = expect(MESSAGE.proof, signed)
  const link = reader.raw(LINK_BYTES).toString('hex')
  return { link, hello: readHello(reader) }
}

/** The answer without its MAC. */
export function encodeAnswer(answer: Answer): Uint8Array {
  const writer = open(MESSAGE.answer)
  writer.u8(VERDICTS.indexOf(answer.verdict))
  writeHello(writer, answer.hello)
  return writer.take()
}

/** `signed` is that of an answer whose MAC was right. */
export function decodeAnswer(signed: Uint8Array): Answer {
  const reader = expect(MESSAGE.answer, signed)
  const verdict = VERDICTS[reader.u8()]
  if (verdict === undefined) throw new WireError('no such verdict')
  return { verdict, hello: readHello(reader) }
}

export function seal(signed: Uint8Array, mac: Uint8Array): Uint8Array {
  const message = new Uint8Array(signed.length + MAC_BYTES)
  message.set(signed)
  message.set(mac, signed.length)
  return message
}

export function unseal(message: Uint8Array): Sealed {
  const at = message.length - MAC_BYTES
  if (at < 0) throw new WireError('the bytes end too early')
  return { signed: message.subarray(0, at), mac: message.subarray(at) }
}

function open(type: MessageType): ByteWriter {
  const writer = new ByteWriter(256)
  writer.u16(MAGIC)
  writer.u8(HANDSHAKE_VERSION)
  writer.u8(type)
  return writer
}

function expect(type: MessageType, bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes)
  if (reader.u16() !== MAGIC) throw new WireError('not a handshake')
  if (reader.u8() !== HANDSHAKE_VERSION) throw new WireError('another version of the handshake')
  if (reader.u8() !== type) throw new WireError('a handshake message out of turn')
  return reader
}

function writeHello(writer: ByteWriter, hello: Hello): void {
  writer.raw(fromHex(hello.nodeId, NODE_ID_BYTES))
  writer.u8(hello.clusterId === '' ? 0 : 1)
  if (hello.clusterId !== '') writer.raw(fromHex(hello.clusterId, NODE_ID_BYTES))
  writer.raw(fromHex(hello.incarnation, INCARNATION_BYTES))
  writer.u53(hello.boot)
  writer.u16(hello.wireMin)
  writer.u16(hello.wireMax)
  writeText(writer, hello.name)
  writeText(writer, hello.peerAddress)
  writer.u16(hello.storageMin)
  writer.u16(hello.storageMax)
  writeText(writer, hello.build)
}

/** It comes last in its message. What a later build has to say beyond it is skipped: else nobody could tell that build that it is too new. */
function readHello(reader: ByteReader): Hello {
  const nodeId = reader.raw(NODE_ID_BYTES).toString('hex')
  const hasCluster = reader.u8()
  if (hasCluster > 1) throw new WireError('a flag is neither 0 nor 1')
  const clusterId = hasCluster === 1 ? reader.raw(NODE_ID_BYTES).toString('hex') : ''
  const incarnation = reader.raw(INCARNATION_BYTES).toString('hex')
  const boot = reader.u53()
  const wireMin = reader.u16()
  const wireMax = reader.u16()
  if (wireMin > wireMax) throw new WireError('an empty range of wire versions')
  const name = reader.text(HELLO_TEXT_BYTES)
  const peerAddress = reader.text(HELLO_TEXT_BYTES)
  const storageMin = reader.u16()
  const storageMax = reader.u16()
  if (storageMin > storageMax) throw new WireError('an empty range of storage versions')
  const build = reader.text(HELLO_TEXT_BYTES)
  const versions = { wireMin, wireMax, storageMin, storageMax, build }
  return { nodeId, clusterId, name, peerAddress, boot, incarnation, ...versions }
}

function writeText(writer: ByteWriter, text: string): void {
  const before = writer.length
  writer.text(text)
  if (writer.length - before - 2 > HELLO_TEXT_BYTES) throw new WireError('a text of the hello is too long')
}

/** Hex digits are the node's own, so a malformed one is a mistake in this process. */
function fromHex(hex: string, bytes: number): Uint8Array {
  if (hex.length !== bytes * 2 || !/^[0-9a-f]*$/.test(hex))
    throw new WireError(`not ${bytes} bytes in hex: ${hex}`)
  return Uint8Array.from({ length: bytes }, (_, at) => Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16))
}
