/** Sealed tokens, put together and taken apart in one buffer (crates/kernel/src/token.rs). */
import { binding } from './binding.js'
import { outcome } from './codes.js'

/** Bytes of a key's name, and of the key behind it: `keys` are any number of such pairs. */
export const KEY_ID_BYTES = 4
export const TOKEN_KEY_BYTES = KEY_ID_BYTES + 32

/** Bytes of a token's mac. */
export const TOKEN_MAC_BYTES = 16

/**
 * Seals the token in `buffer[start, end)`, bound to all that stands before it, with the first of `keys`: fills in the key id behind the token's first byte.
 * The text begins at `end + TOKEN_MAC_BYTES`, where there must be room for it; gives its length.
 */
export function sealToken(keys: Uint8Array, buffer: Uint8Array, start: number, end: number): number {
  return outcome(binding.sealToken(keys, buffer, start, end))
}

/**
 * Opens the token whose text is the `textBytes` from `start`; its bytes are put in the place of the text, and all that stands before must be what it was
 * bound to. Gives their end, or CODES.BAD_CONTEXT where the text is not canonical base64url, or no token sealed with one of `keys`.
 */
export function openToken(keys: Uint8Array, buffer: Uint8Array, start: number, textBytes: number): number {
  return outcome(binding.openToken(keys, buffer, start, textBytes))
}
