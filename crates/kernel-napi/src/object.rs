//! Objects and contexts.

use crate::borders::{code, length_or_code, overlaps};
use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use rotunda_kernel::Fault;
use rotunda_kernel::clock::{Clock, Dot};
use rotunda_kernel::object::{self, Object, compare, context, merge, skeleton};

/// Joins two objects into `out`.
#[napi(catch_unwind)]
pub fn merge_objects(a: &[u8], b: &[u8], mut out: BufferSlice) -> i32 {
    if overlaps(&out, &[a, b]) {
        return Fault::OutTooSmall.code();
    }
    length_or_code(merge::merge(a, b, &mut out))
}

/// 0 equal, 1 the first is newer, 2 the second is, 3 concurrent.
#[napi(catch_unwind)]
pub fn compare_objects(a: &[u8], b: &[u8]) -> i32 {
    compare::compare(a, b).map_or_else(Fault::code, |relation| relation as i32)
}

/// Clock and surviving dots of an object, into `out`.
#[napi(catch_unwind)]
pub fn object_skeleton(object: &[u8], mut out: BufferSlice) -> i32 {
    if overlaps(&out, &[object]) {
        return Fault::OutTooSmall.code();
    }
    length_or_code(skeleton(object, &mut out))
}

/// As `compare_objects`, the second one's skeleton in place of the second.
#[napi(catch_unwind)]
pub fn compare_skeleton(object: &[u8], skeleton: &[u8]) -> i32 {
    compare::compare_skeleton(object, skeleton).map_or_else(Fault::code, |relation| relation as i32)
}

/// The context that a write is answered with, into `out`.
#[napi(catch_unwind)]
pub fn written_context(object: &[u8], actor: &[u8], counter: f64, mut out: BufferSlice) -> i32 {
    if overlaps(&out, &[object, actor]) {
        return Fault::OutTooSmall.code();
    }
    let Ok(actor) = actor.try_into() else { return Fault::BadWrite.code() };
    length_or_code(context::written_context(object, Dot { actor, counter: counter as u64 }, &mut out))
}

/// 1 if the object's clock contains the whole context, else 0.
#[napi(catch_unwind)]
pub fn covers_context(object: &[u8], context: &[u8]) -> i32 {
    context::covers_context(object, context).map_or_else(Fault::code, i32::from)
}

/// How many live siblings of the object the context covers.
#[napi(catch_unwind)]
pub fn live_covered(object: &[u8], context: &[u8]) -> i32 {
    length_or_code(context::live_covered(object, context))
}

/// The object without the spare entries of its clock, into `out`.
#[napi(catch_unwind)]
pub fn shed_object(object: &[u8], mut out: BufferSlice) -> i32 {
    if overlaps(&out, &[object]) {
        return Fault::OutTooSmall.code();
    }
    length_or_code(object::shed(object, &mut out))
}

/// How many entries of the object's clock are of actors of whom no sibling is left.
#[napi(catch_unwind)]
pub fn spare_entries(object: &[u8]) -> i32 {
    length_or_code(object::spare_entries(object))
}

/// 0 if the bytes are a canonical object.
#[napi(catch_unwind)]
pub fn check_object(bytes: &[u8]) -> i32 {
    code(Object::decode(bytes).map(drop))
}

/// 0 if the bytes are a canonical clock, or none.
#[napi(catch_unwind)]
pub fn check_context(bytes: &[u8]) -> i32 {
    code(Clock::decode_context(bytes).map(drop))
}
