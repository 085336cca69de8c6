//! Checksums and digests: CRC-32C for what lies on a disk, XXH3 for comparing values among friends, BLAKE3 with a key
//! where somebody might forge.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Bytes of an object digest, a version digest and a mac.
pub const DIGEST_BYTES: usize = 16;

/// Bytes of the key of a mac.
pub const MAC_KEY_BYTES: usize = 32;

/// A digest of 16 bytes.
pub type Digest = [u8; DIGEST_BYTES];

/// CRC-32C (Castagnoli, RFC 3720) of `bytes`, continuing from the checksum `seed` of what came before (0 at the start).
#[inline]
pub fn crc32c(bytes: &[u8], seed: u32) -> u32 {
    crc32c::crc32c_append(seed, bytes)
}

/// XXH3-128 of `bytes`, big endian: equal bytes or, for all that chance can do, different digests. Not against forgers.
#[inline]
pub fn digest(bytes: &[u8]) -> Digest {
    xxh3_128(bytes).to_be_bytes()
}

/// The eight bytes that stand for an operation id in a row's envelope.
#[inline]
pub fn operation_hash(operation: &[u8]) -> [u8; 8] {
    xxh3_64(operation).to_be_bytes()
}

/// The first 16 bytes of keyed BLAKE3.
#[inline]
pub fn mac(key: &[u8; MAC_KEY_BYTES], bytes: &[u8]) -> Digest {
    let hash = blake3::keyed_hash(key, bytes);
    let mut out = [0; DIGEST_BYTES];
    out.copy_from_slice(&hash.as_bytes()[..DIGEST_BYTES]);
    out
}

/// Whether `expected` is the mac of `bytes`, in a time that does not depend on where they differ.
#[inline]
pub fn mac_matches(key: &[u8; MAC_KEY_BYTES], bytes: &[u8], expected: &[u8]) -> bool {
    let actual = mac(key, bytes);
    expected.len() == DIGEST_BYTES && actual.iter().zip(expected).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32c_has_the_published_check_value_and_continues() {
        assert_eq!(crc32c(b"123456789", 0), 0xe306_9283);
        assert_eq!(crc32c(b"6789", crc32c(b"12345", 0)), 0xe306_9283);
    }

    #[test]
    fn a_mac_depends_on_key_and_bytes() {
        let (one, two) = ([1; 32], [2; 32]);
        let tag = mac(&one, b"context");
        assert!(mac_matches(&one, b"context", &tag));
        assert!(!mac_matches(&two, b"context", &tag));
        assert!(!mac_matches(&one, b"contexT", &tag));
        assert!(!mac_matches(&one, b"context", &tag[..15]));
    }
}
