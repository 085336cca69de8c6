/**
 * Tokens that leave the cluster and come back: contexts and listing cursors.
 *
 * A context says "I have seen these versions, mine replaces them", so a made-up one could delete versions that nobody has read.
 * Therefore every token carries a MAC under a key that only the cluster has, over the token *and* the bucket and key it was made
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
  readonly id: Buffer
  readonly secret: Buffer
}

/** What a valid token holds. The payload is a copy. */
export interface Opened {
  readonly hint: string
  readonly payload: Buffer
}

function deriveKey(secret: Uint8Array): TokenKey {
  const derived = Buffer.from(
    hkdfSync('sha256', secret, new Uint8Array(0), INFO, KEY_BYTES + KEY_ID_BYTES) as ArrayBuffer,
  )
  return { secret: derived.subarray(0, KEY_BYTES), id: derived.subarray(KEY_BYTES) }
}

function isNodeId(hint: string): boolean {
  if (hint.length !== NODE_ID_BYTES * 2) return false
  for (let at = 0; at < hint.length; at++) {
    const code = hint.charCodeAt(at)
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false
  }
  return true
}

/** Makes and opens tokens with the cluster's secrets: the first signs, all verify. */
export class TokenSealer {
  readonly #keys: readonly TokenKey[]
  readonly #signing: TokenKey
  /** Where MAC inputs are put together; a token is read and written in place behind its binding. Grows, never shrinks. */
  #scratch: Buffer

  constructor(secrets: readonly Uint8Array[]) {
    this.#keys = secrets.map(deriveKey)
    const signing = this.#keys[0]
    if (signing === undefined) throw new Error('at least one secret is needed')
    this.#signing = signing
    this.#scratch = Buffer.allocUnsafe(limits.contextTokenBytes + 4 + limits.bucketBytes + limits.keyBytes)
  }

  /** A token for `payload`, bound to bucket and key. */
  seal(purpose: Purpose, bucket: Uint8Array, key: Uint8Array, hint: string, payload: Uint8Array): string {
    this.#reserve(bucket.length + key.length + payload.length)
    const start = this.#bind(purpose, bucket, key)
    const scratch = this.#scratch
    scratch[start] = VERSION
    scratch.set(this.#signing.id, start + 1)
    const payloadAt = this.#writeHint(hint, start + 1 + KEY_ID_BYTES)
    scratch.set(payload, payloadAt)
    const end = payloadAt + payload.length
    mac(this.#signing.secret, scratch.subarray(0, end), scratch.subarray(end, end + MAC_BYTES))
    return scratch.toString('base64url', start, end + MAC_BYTES)
  }

  /** What the token holds, or undefined where it is not one of ours for this purpose, bucket and key. */
  open(purpose: Purpose, bucket: Uint8Array, key: Uint8Array, token: string): Opened | undefined {
    if (token.length > limits.contextTokenBytes) return undefined
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
    scratch.set(bucket, 4)
    scratch.set(key, 4 + bucket.length)
    return 4 + bucket.length + key.length
  }

  /** Returns where the payload begins. A hint that does not fit is left out: it is only a hint. */
  #writeHint(hint: string, at: number): number {
    const scratch = this.#scratch
    if (isNodeId(hint)) {
      scratch[at] = NODE_ID_HINT
      return at + 1 + scratch.write(hint, at + 1, 'hex')
    }
    const fits = hint.length > 0 && Buffer.byteLength(hint) <= LONGEST_TEXT_HINT
    const length = fits ? scratch.write(hint, at + 1, 'utf8') : NO_HINT
    scratch[at] = length
    return at + 1 + length
  }

  #read(at: number, end: number): Opened | undefined {
    const scratch = this.#scratch
    const tag = scratch[at]!
    const hintAt = at + 1
    const payloadAt = hintAt + (tag === NODE_ID_HINT ? NODE_ID_BYTES : tag)
    if (payloadAt > end) return undefined
    const hint = scratch.toString(tag === NODE_ID_HINT ? 'hex' : 'utf8', hintAt, payloadAt)
    return { hint, payload: Buffer.from(scratch.subarray(payloadAt, end)) }
  }

  #secretOf(at: number): Buffer | undefined {
    for (const key of this.#keys) {
      if (this.#scratch.compare(key.id, 0, KEY_ID_BYTES, at, at + KEY_ID_BYTES) === 0) return key.secret
    }
    return undefined
  }
}
