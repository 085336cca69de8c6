//! Row keys, checksums, digests.

use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use rotunda_kernel::{Fault, digest, key, object::compare};

/// Fills the first two bytes of a row key; the top 32 bits of the key hash, or -1 for a row key that is none.
#[napi(catch_unwind)]
pub fn seal_row_key(mut row_key: BufferSlice) -> f64 {
    key::seal_row_key(&mut row_key).map_or(-1.0, f64::from)
}

/// All 64 bits of the key hash, big endian, into `out`.
#[napi(catch_unwind)]
pub fn key_hash(bucket: &[u8], key: &[u8], mut out: BufferSlice) -> i32 {
    let Some(hash) = key::key_hash(bucket, key) else { return Fault::BadWrite.code() };
    match out.first_chunk_mut() {
        Some(room) => {
            *room = hash.to_be_bytes();
            0
        }
        None => Fault::OutTooSmall.code(),
    }
}

/// CRC-32C, continuing from `seed`.
#[napi(catch_unwind, js_name = "crc32c")]
pub fn crc32c(bytes: &[u8], seed: u32) -> u32 {
    digest::crc32c(bytes, seed)
}

fn put_digest(out: &mut [u8], digest: &digest::Digest) -> i32 {
    match out.get_mut(..digest::DIGEST_BYTES) {
        Some(room) => {
            room.copy_from_slice(digest);
            0
        }
        None => Fault::OutTooSmall.code(),
    }
}

/// XXH3-128 into `out`.
#[napi(catch_unwind)]
pub fn object_digest(object: &[u8], mut out: BufferSlice) -> i32 {
    put_digest(&mut out, &digest::digest(object))
}

/// The digest of clock and surviving dots into `out`.
#[napi(catch_unwind)]
pub fn version_digest(object: &[u8], mut out: BufferSlice) -> i32 {
    match compare::version_digest(object) {
        Ok(digest) => put_digest(&mut out, &digest),
        Err(fault) => fault.code(),
    }
}
