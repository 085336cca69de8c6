//! Stored rows: a client's write, a merge, checksums.

use crate::borders::{code, length_or_code, overlaps};
use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use rotunda_kernel::Fault;
use rotunda_kernel::row::{self, Limits, Write};

/// Bits of the `flags` of [`apply_write`].
const TOMBSTONE: u32 = 1;
const INCOMPLETE: u32 = 2;
const CLIENT_OPERATION: u32 = 4;

/// Applies a client's write to a row, into `out`. An expiry of 0 is none.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn apply_write(
    row: &[u8],
    fresh_actor: &[u8],
    context: &[u8],
    flags: u32,
    wall_ms: f64,
    expiry_ms: f64,
    operation: &[u8],
    attributes: &[u8],
    value: &[u8],
    max_siblings: f64,
    max_bytes: f64,
    mut out: BufferSlice,
) -> i32 {
    let Ok(actor) = fresh_actor.try_into() else { return Fault::BadWrite.code() };
    if overlaps(&out, &[row, fresh_actor, context, operation, attributes, value]) {
        return Fault::OutTooSmall.code();
    }
    let write = Write {
        tombstone: flags & TOMBSTONE != 0,
        incomplete: flags & INCOMPLETE != 0,
        operation_is_clients: flags & CLIENT_OPERATION != 0,
        wall_ms: wall_ms as u64,
        expiry_ms: (expiry_ms > 0.0).then_some(expiry_ms as u64),
        operation,
        attributes,
        value,
    };
    let limits = Limits { max_siblings: max_siblings as u64, max_bytes: max_bytes as u64 };
    length_or_code(row::apply_write(row, actor, context, &write, &limits, &mut out))
}

/// Joins an object into a row, into `out`; 0 where the row would stay as it is.
#[napi(catch_unwind)]
pub fn merge_row(row: &[u8], object: &[u8], incomplete: bool, mut out: BufferSlice) -> i32 {
    if overlaps(&out, &[row, object]) {
        return Fault::OutTooSmall.code();
    }
    length_or_code(row::merge_row(row, object, incomplete, &mut out))
}

/// The row without the spare entries of its clock, into `out`.
#[napi(catch_unwind)]
pub fn shed_row(row: &[u8], mut out: BufferSlice) -> i32 {
    if overlaps(&out, &[row]) {
        return Fault::OutTooSmall.code();
    }
    length_or_code(row::shed_row(row, &mut out))
}

/// 0 if the row is whole and belongs to the row key.
#[napi(catch_unwind)]
pub fn check_row(row_key: &[u8], row: &[u8]) -> i32 {
    code(row::check_row(row_key, row))
}

/// Sets commit number and checksum in place.
#[napi(catch_unwind)]
pub fn seal_row(row_key: &[u8], mut row: BufferSlice, commit_number: f64) -> i32 {
    if overlaps(&row, &[row_key]) {
        return Fault::OutTooSmall.code();
    }
    code(row::seal_row(row_key, &mut row, commit_number as u64))
}
