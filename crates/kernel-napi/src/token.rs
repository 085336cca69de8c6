//! Sealed tokens.

use crate::borders::length_or_code;
use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use rotunda_kernel::{Fault, token};

/// Seals `buffer[start..end]` with the first of `keys`; the number of characters of its text, which is put behind the mac.
#[napi(catch_unwind)]
pub fn seal_token(keys: &[u8], mut buffer: BufferSlice, start: u32, end: u32) -> i32 {
    length_or_code(token::seal(keys, &mut buffer, start as usize, end as usize).ok_or(Fault::OutTooSmall))
}

/// Opens the text at `start` in place; where the mac of the token begins, or -4 where it is none of ours.
#[napi(catch_unwind)]
pub fn open_token(keys: &[u8], mut buffer: BufferSlice, start: u32, text_bytes: u32) -> i32 {
    length_or_code(
        token::open(keys, &mut buffer, start as usize, text_bytes as usize).ok_or(Fault::BadContext),
    )
}
