import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { limits } from '../../limits.js'

/** Who made a proof. Each side has keys of its own, so that a proof sent back to its maker proves nothing. */
export type Side = 'dialler' | 'acceptor'

/**
 * The keys of the peer handshake, derived from the cluster's secrets (HKDF-SHA256, RFC 5869): the first secret signs, all
 * verify. That is how a secret is rotated while everything runs: add the new one second everywhere, then first everywhere,
 * then take the old one away.
 */
export class Keyring {
  readonly #keys: Record<Side, readonly Buffer[]>

  /** Throws RangeError for no secret, too many, or an empty one. */
  constructor(secrets: readonly Uint8Array[]) {
    if (secrets.length === 0 || secrets.length > limits.secrets)
      throw new RangeError(`a keyring holds 1 to ${limits.secrets} secrets`)
    if (secrets.some((secret) => secret.length === 0)) throw new RangeError('a secret is empty')
    this.#keys = {
      dialler: secrets.map((secret) => derive(secret, 'dialler')),
      acceptor: secrets.map((secret) => derive(secret, 'acceptor')),
    }
  }

  /** HMAC-SHA256 over the parts in order, 32 bytes, with the first secret. */
  sign(side: Side, parts: readonly Uint8Array[]): Buffer {
    return mac(this.#keys[side][0]!, parts)
  }

  verifies(side: Side, parts: readonly Uint8Array[], claimed: Uint8Array): boolean {
    return this.#keys[side].some((key) => timingSafeEqual(mac(key, parts), claimed))
  }
}

function derive(secret: Uint8Array, side: Side): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, new Uint8Array(0), `rotunda peer v1 ${side}`, 32))
}

function mac(key: Buffer, parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}
