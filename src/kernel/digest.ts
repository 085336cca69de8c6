/** Checksums and digests (crates/kernel/src/digest.rs). */
import { binding } from './binding.js'
import { outcome } from './codes.js'

/** Bytes of an object digest and a version digest. */
export const DIGEST_BYTES = 16

/** CRC-32C of the bytes, continuing from the checksum of what came before. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return binding.crc32c(bytes, seed)
}

/** The 16-byte digest (XXH3-128) of an object's bytes, into `out`: equal on replicas that hold the same. */
export function objectDigest(object: Uint8Array, out: Uint8Array): void {
  outcome(binding.objectDigest(object, out))
}

/** The same in 16 bytes of its own. */
export function digestOf(object: Uint8Array): Uint8Array {
  const digest = new Uint8Array(DIGEST_BYTES)
  objectDigest(object, digest)
  return digest
}

/** The 16-byte digest of clock and surviving dots, into `out`; its length or CODES.BAD_OBJECT. */
export function versionDigest(object: Uint8Array, out: Uint8Array): number {
  const code = outcome(binding.versionDigest(object, out))
  return code === 0 ? DIGEST_BYTES : code
}
