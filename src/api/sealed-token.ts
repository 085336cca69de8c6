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
import { KEY_ID_BYTES, openToken, sealToken, TOKEN_KEY_BYTES, TOKEN_MAC_BYTES } from '../kernel/index.js'
import { limits } from '../limits.js'

const VERSION = 1
const FIXED_BYTES = 1 + KEY_ID_BYTES + 1
/** Before bucket and key: the purpose and the two lengths. */
const BOUND_LENGTHS_BYTES = 4
const INFO = 'rotunda context v1'

const NO_HINT = 0
/** The hint is a node id: 32 hexadecimal digits, packed into 16 bytes. */
const NODE_ID_HINT = 255
const NODE_ID_BYTES = 16
const LONGEST_TEXT_HINT = 254

/** What a token is good for; one kind never passes for another. */
export type Purpose = 'context' | 'cursor'

const PURPOSES: Record<Purpose, number> = { context: 1, cursor: 2 }

/** What a valid token holds. The payload is a copy. */
export interface Opened {
  readonly hint: string
  readonly payload: Uint8Array
}

/** Name and key. */
function deriveKey(secret: Uint8Array, clusterId: string): Buffer {
  const derived = Buffer.from(
    hkdfSync('sha256', secret, Buffer.from(clusterId), INFO, TOKEN_KEY_BYTES) as ArrayBuffer,
  )
  const keyBytes = TOKEN_KEY_BYTES - KEY_ID_BYTES
  return Buffer.concat([derived.subarray(keyBytes), derived.subarray(0, keyBytes)])
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

/** Makes and opens tokens with the cluster's secrets: the first signs, all verify. */
export class TokenSealer {
  readonly #secrets: readonly Uint8Array[]
  readonly #clusterId: () => string
  /** Of which cluster the keys are. */
  #keysOf = ''
  /** All keys, the signing one first. */
  #keys: Buffer
  /** Where MAC inputs are put together; a token is read and written in place behind its binding. Grows, never shrinks. */
  #scratch: Buffer
  /** Hints name the members of one cluster: few, and the same again and again. */
  readonly #hints = new Map<string, Buffer>()

  /** `clusterId`: '' while the node has no cluster; it may change from that, once. */
  constructor(secrets: readonly Uint8Array[], clusterId: () => string) {
    if (secrets.length === 0) throw new Error('at least one secret is needed')
    this.#secrets = secrets
    this.#clusterId = clusterId
    this.#keys = Buffer.concat(secrets.map((secret) => deriveKey(secret, '')))
    this.#scratch = Buffer.allocUnsafeSlow(
      limits.contextTokenBytes * 2 + limits.bucketBytes + limits.keyBytes,
    )
  }

  /** A token for `payload`, bound to bucket and key. */
  seal(purpose: Purpose, bucket: Uint8Array, key: Uint8Array, hint: string, payload: Uint8Array): string {
    this.#useCluster()
    const most = FIXED_BYTES + LONGEST_TEXT_HINT + payload.length + TOKEN_MAC_BYTES
    this.#reserve(bucket.length + key.length + most + Math.ceil((most * 4) / 3))
    const start = this.#bind(purpose, bucket, key)
    const scratch = this.#scratch
    scratch[start] = VERSION
    const payloadAt = copyInto(scratch, start + 1 + KEY_ID_BYTES, this.#hint(hint))
    const end = copyInto(scratch, payloadAt, payload)
    const textAt = end + TOKEN_MAC_BYTES
    return scratch.toString('latin1', textAt, textAt + sealToken(this.#keys, scratch, start, end))
  }

  /** What the token holds, or undefined where it is not one of ours for this purpose, bucket and key. */
  open(purpose: Purpose, bucket: Uint8Array, key: Uint8Array, token: string): Opened | undefined {
    if (token.length > limits.contextTokenBytes) return undefined
    this.#useCluster()
    this.#reserve(bucket.length + key.length + token.length)
    const start = this.#bind(purpose, bucket, key)
    const scratch = this.#scratch
    // As UTF-8: in ISO 8859-1 a character beyond it could pass for another one.
    if (scratch.write(token, start) !== token.length) return undefined
    const end = openToken(this.#keys, scratch, start, token.length)
    if (end < start + FIXED_BYTES || scratch[start] !== VERSION) return undefined
    return this.#read(start + 1 + KEY_ID_BYTES, end)
  }

  /** Keys are made when the cluster is known. */
  #useCluster(): void {
    const clusterId = this.#clusterId()
    if (clusterId === this.#keysOf) return
    this.#keysOf = clusterId
    this.#keys = Buffer.concat(this.#secrets.map((secret) => deriveKey(secret, clusterId)))
  }

  #reserve(variableBytes: number): void {
    const needed = variableBytes + BOUND_LENGTHS_BYTES
    if (this.#scratch.length < needed) this.#scratch = Buffer.allocUnsafeSlow(needed * 2)
  }

  /** Writes what the token is bound to at the beginning of the scratch; returns where the token begins. */
  #bind(purpose: Purpose, bucket: Uint8Array, key: Uint8Array): number {
    const scratch = this.#scratch
    scratch[0] = PURPOSES[purpose]
    scratch[1] = bucket.length
    scratch[2] = key.length >> 8
    scratch[3] = key.length & 255
    return copyInto(scratch, copyInto(scratch, BOUND_LENGTHS_BYTES, bucket), key)
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
    // Of Node's pool: the first native call with a small array of its own would have to move that out of V8's heap.
    const payload = Buffer.allocUnsafe(end - payloadAt)
    scratch.copy(payload, 0, payloadAt, end)
    return { hint, payload }
  }
}
