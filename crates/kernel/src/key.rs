//! Where a key lives: its hash, its row key, its partition.
//!
//! The key hash is the first 8 bytes, big endian, of MD5 over `[bucket length u8][bucket][key]`: the paper's hash
//! (Dynamo, section 4.1), and one that every language's standard library has, because clients compute it too. It
//! guards nothing against a forger. A row key is `[first 16 bits of the hash][bucket length u8][bucket][key]`: for
//! every number of partitions up to 65,536 a partition is one contiguous range of row keys.

use md5::{Digest, Md5};

/// Bytes before the bucket in a row key: 16 bits of hash and the bucket's length.
pub const ROW_KEY_HEAD_BYTES: usize = 3;

/// The key hash of a placed key, `[bucket length u8][bucket][key]`, which is a row key without its first two bytes.
#[inline]
pub fn placed_hash(placed: &[u8]) -> u64 {
    let digest = Md5::digest(placed);
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(head)
}

/// The key hash of a key in a bucket of at most 255 bytes; `None` for a longer one.
pub fn key_hash(bucket: &[u8], key: &[u8]) -> Option<u64> {
    let length = u8::try_from(bucket.len()).ok()?;
    let placed = [&[length][..], bucket, key].concat();
    Some(placed_hash(&placed))
}

/// Fills the first two bytes of a row key whose rest is set, and returns the top 32 bits of the key hash. `None` where
/// the row key is shorter than its head or than the bucket that it promises.
#[inline]
pub fn seal_row_key(row_key: &mut [u8]) -> Option<u32> {
    let bucket_bytes = usize::from(*row_key.get(2)?);
    if row_key.len() < ROW_KEY_HEAD_BYTES + bucket_bytes {
        return None;
    }
    let top = (placed_hash(&row_key[2..]) >> 32) as u32;
    row_key[..2].copy_from_slice(&top.to_be_bytes()[..2]);
    Some(top)
}

/// The partition of a row key (or of anything that begins with 16 bits of hash) among `2^partition_bits`, up to 16 bits.
pub fn partition_of(row_key: &[u8], partition_bits: u32) -> Option<u32> {
    let head = row_key.first_chunk::<2>()?;
    (partition_bits <= 16).then(|| u32::from(u16::from_be_bytes(*head)) >> (16 - partition_bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_head_of_md5() {
        assert_eq!(key_hash(b"", b""), Some(0x93b8_85ad_fe0d_a089)); // MD5 of one zero byte
        assert_eq!(key_hash(&[7; 256], b"x"), None);
    }

    #[test]
    fn sealing_fills_the_top_bits() {
        let mut row_key = [&[0, 0, 5][..], b"carts", b"alice"].concat();
        let top = seal_row_key(&mut row_key).expect("a whole row key");
        let hash = key_hash(b"carts", b"alice").expect("a short bucket");
        assert_eq!(u64::from(top), hash >> 32);
        assert_eq!(row_key[..2], hash.to_be_bytes()[..2]);
        assert_eq!(partition_of(&row_key, 8), Some((hash >> 56) as u32));
        assert_eq!(partition_of(&row_key, 16), Some((hash >> 48) as u32));
        assert_eq!(partition_of(&row_key, 0), Some(0));
    }

    #[test]
    fn a_row_key_that_promises_more_than_it_has_is_refused() {
        assert_eq!(seal_row_key(&mut [0, 0]), None);
        assert_eq!(seal_row_key(&mut [0, 0, 2, b'a']), None);
        assert_eq!(partition_of(&[1], 8), None);
        assert_eq!(partition_of(&[1, 2], 17), None);
    }
}
