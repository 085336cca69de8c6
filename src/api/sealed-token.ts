/**
 * Tokens that leave the cluster and come back: contexts and listing cursors.
 *
 * A context says "I have seen these versions, mine replaces them", so a made-up one could delete versions that nobody has read.
 * Therefore every token carries a MAC under a key that only the cluster has (made of its secret and its id: clusters on one machine often share
 * a secret), over the token *and* the bucket and key it was made
 * for: damaged, forged and foreign ones all look the same, invalid.
 *
 *   version (1) │ key id (4) │ hint tag (1) │ hint │ payload (clock bytes, or a key) │ MAC (16)        as base64url
 *
 * The key id names which of the cluster's secrets signed it, so that a secret can be replaced under load: the new one signs, the
 * old one still verifies. The hint is the node that answered the preceding read fastest, to which the paper routes the next write
 * (SOSP 2007, section 5). MAC input, unambiguous because each length stands before its bytes:
 *
 *   purpose (1) │ bucket length (1) │ key length (2) │ bucket │ key │ token without MAC
 */
import { hkdfSync } from 'node:crypto'
import { mac, macMatches } from '../kernel/index.js'
import { limits } from '../limits.js'

const VERSION = 1
const MAC_BYTES = 16
const KEY_BYTES = 32
const KEY_ID_BYTES = 4
const FIXED_BYTES = 1 + KEY_ID_BYTES + 1
const INFO = 'rotunda context v1'

const NO_HINT = 0
/** The hint is a node id: 32 hexadecimal digits, packed into 16 bytes. */
const NODE_ID_HINT = 255
const NODE_ID_BYTES = 16
const LONGEST_TEXT_HINT = 254

/** What a token is good for; one kind never passes for another. */
export type Purpose = 'context' | 'cursor'

const PURPOSES: Record<Purpose, number> = { context: 1, cursor: 2 }

interface TokenKey {
  /** The four bytes as a number, big endian. */
  readonly id: number
  readonly secret: Buffer
}

/** What a valid token holds. The payload is a copy. */
export interface Opened {
  readonly hint: string
  readonly payload: Uint8Array
}

function deriveKey(secret: Uint8Array, clusterId: string): TokenKey {
  const derived = Buffer.from(
    hkdfSync('sha256', secret, Buffer.from(clusterId), INFO, KEY_BYTES + KEY_ID_BYTES) as ArrayBuffer,
  )
  return { secret: derived.subarray(0, KEY_BYTES), id: derived.readUInt32BE(KEY_BYTES) }
}

const NODE_ID = /^[0-9a-f]{32}$/

/** A hint as it stands in a token, tag first. One that does not fit is left out: it is only a hint. */
function encodeHint(hint: string): Buffer {
  if (NODE_ID.test(hint)) return Buffer.concat([Buffer.of(NODE_ID_HINT), Buffer.from(hint, 'hex')])
  const text = Buffer.from(hint, 'utf8')
  if (text.length === 0 || text.length > LONGEST_TEXT_HINT) return Buffer.of(NO_HINT)
  return Buffer.concat([Buffer.of(text.length), text])
}

/** Up to this many bytes a loop is cheaper than a call of `set`. */
const FEW_BYTES = 32

/** Puts `bytes` into `target`; returns where they end. */
function copyInto(target: Uint8Array, at: number, bytes: Uint8Array): number {
  if (bytes.length > FEW_BYTES) target.set(bytes, at)
  else for (let index = 0; index < bytes.length; index++) target[at + index] = bytes[index]!
  return at + bytes.length
}

/** Fills `target` with what begins at `at`. */
function copyFrom(source: Buffer, at: number, target: Uint8Array): void {
  if (target.length > FEW_BYTES) source.copy(target, 0, at, at + target.length)
  else for (let index = 0; index < target.length; index++) target[index] = source[at + index]!
}

/** Makes and opens tokens with the cluster's secrets: the first signs, all verify. */
export class TokenSealer {
  readonly #secrets: readonly Uint8Array[]
  readonly #clusterId: () => string
  /** Of which cluster the keys are. */
  #keysOf = ''
  #keys: readonly TokenKey[]
  #signing: TokenKey
  /** Where MAC inputs are put together; a token is read and written in place behind its binding. Grows, never shrinks. */
  #scratch: Buffer
  /** Hints name the members of one cluster: few, and the same again and again. */
  readonly #hints = new Map<string, Buffer>()

  /** `clusterId`: '' while the node has no cluster; it may change from that, once. */
  constructor(secrets: readonly Uint8Array[], clusterId: () => string) {
    if (secrets.length === 0) throw new Error('at least one secret is needed')
    this.#secrets = secrets
    this.#clusterId = clusterId
    this.#keys = secrets.map((secret) => deriveKey(secret, ''))
    this.#signing = this.#keys[0]!
    this.#scratch = Buffer.allocUnsafe(limits.contextTokenBytes + 4 + limits.bucketBytes + limits.keyBytes)
  }

  /** A token for `payload`, bound to bucket and key. */
  seal(purpose: Purpose, bucket: Uint8Array, key: Uint8Array, hint: string, payload: Uint8Array): string {
    this.#useCluster()
    this.#reserve(bucket.length + key.length + payload.length)
    const start = this.#bind(purpose, bucket, key)
    const scratch = this.#scratch
    scratch[start] = VERSION
    scratch.writeUInt32BE(this.#signing.id, start + 1)
    const payloadAt = copyInto(scratch, start + 1 + KEY_ID_BYTES, this.#hint(hint))
    const end = copyInto(scratch, payloadAt, payload)
    mac(this.#signing.secret, scratch.subarray(0, end), scratch.subarray(end, end + MAC_BYTES))
    return scratch.toString('base64url', start, end + MAC_BYTES)
  }

  /** What the token holds, or undefined where it is not one of ours for this purpose, bucket and key. */
  open(purpose: Purpose, bucket: Uint8Array, key: Uint8Array, token: string): Opened | undefined {
    if (token.length > limits.contextTokenBytes) return undefined
    this.#useCluster()
    this.#reserve(bucket.length + key.length + token.length)
    const start = this.#bind(purpose, bucket, key)
    const scratch = this.#scratch
    const end = start + scratch.write(token, start, 'base64url') - MAC_BYTES
    if (end < start + FIXED_BYTES || scratch[start] !== VERSION) return undefined
    // One token, one spelling: Node's decoder skips what is no base64url.
    if (scratch.toString('base64url', start, end + MAC_BYTES) !== token) return undefined
    const secret = this.#secretOf(start + 1)
    if (secret === undefined) return undefined
    if (!macMatches(secret, scratch.subarray(0, end), scratch.subarray(end, end + MAC_BYTES)))
      return undefined
    return this.#read(start + 1 + KEY_ID_BYTES, end)
  }

  /** Keys are made when the cluster is known. */
  #useCluster(): void {
    const clusterId = this.#clusterId()
    if (clusterId === this.#keysOf) return
    this.#keysOf = clusterId
    this.#keys = this.#secrets.map((secret) => deriveKey(secret, clusterId))
    this.#signing = this.#keys[0]!
  }

  #reserve(variableBytes: number): void {
    const needed = variableBytes + 4 + FIXED_BYTES + 256 + MAC_BYTES
    if (this.#scratch.length < needed) this.#scratch = Buffer.allocUnsafe(needed * 2)
  }

  /** Writes what the token is bound to at the beginning of the scratch; returns where the token begins. */
  #bind(purpose: Purpose, bucket: Uint8Array, key: Uint8Array): number {
    const scratch = this.#scratch
    scratch[0] = PURPOSES[purpose]
    scratch[1] = bucket.length
    scratch[2] = key.length >> 8
    scratch[3] = key.length & 255
    return copyInto(scratch, copyInto(scratch, 4, bucket), key)
  }

  #hint(hint: string): Buffer {
    const known = this.#hints.get(hint)
    if (known !== undefined) return known
    const encoded = encodeHint(hint)
    if (this.#hints.size >= limits.members) this.#hints.clear()
    this.#hints.set(hint, encoded)
    return encoded
  }

  #read(at: number, end: number): Opened | undefined {
    const scratch = this.#scratch
    const tag = scratch[at]!
    const hintAt = at + 1
    const payloadAt = hintAt + (tag === NODE_ID_HINT ? NODE_ID_BYTES : tag)
    if (payloadAt > end) return undefined
    const hint =
      tag === NO_HINT ? '' : scratch.toString(tag === NODE_ID_HINT ? 'hex' : 'utf8', hintAt, payloadAt)
    const payload = new Uint8Array(end - payloadAt)
    copyFrom(scratch, payloadAt, payload)
    return { hint, payload }
  }

  #secretOf(at: number): Buffer | undefined {
    const id = this.#scratch.readUInt32BE(at)
    for (const key of this.#keys) if (key.id === id) return key.secret
    return undefined
  }
}
