//! A client's write at its coordinator: one new dot, one new sibling, and gone is what the client has seen.
//!
//! ```text
//!   clock    = clock ∪ context ∪ {new}
//!   siblings = { s : s.dot ∉ context } ∪ {new}
//! ```
//!
//! The dot's counter is one more than any that clock or context name for the actor. The context may name dots that
//! this replica has never held (A2 without A1): they are recorded as they are, gaps and all.

use super::envelope::{MAX_OPERATIONS, OPERATION_HASH_BYTES, Row};
use crate::bytes::{MAX_NUMBER, Writer};
use crate::clock::{Actor, Clock, Dot, INCARNATION_BYTES};
use crate::digest::operation_hash;
use crate::fault::Fault;
use crate::object::{NewSibling, Object, Parts, Sibling, write_parts};
use smallvec::SmallVec;
use std::borrow::Cow;

/// What a written row may be longer than row, context, operation, attributes and value together: an envelope, the
/// remembered operations, a clock entry and the head of a sibling.
pub const WRITE_EXTRA_BYTES: usize = 320;

/// A client's write.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// A deletion; its value must be empty.
    pub tombstone: bool,
    /// Marks the row as standing over one that could not be read.
    pub incomplete: bool,
    /// The operation id was given by a client.
    pub operation_is_clients: bool,
    /// Wall time in milliseconds, below 2^48.
    pub wall_ms: u64,
    /// When it expires, in wall milliseconds, below 2^48.
    pub expiry_ms: Option<u64>,
    /// The operation id, at most 64 bytes.
    pub operation: &'a [u8],
    /// Content type and the like, opaque here.
    pub attributes: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

/// How much a key may hold before a client has to merge. Tombstones do not count.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most live siblings.
    pub max_siblings: u64,
    /// The most bytes of their values.
    pub max_bytes: u64,
}

/// Applies a write to `row` (empty where the key is not here) and writes the new row into `out`, which has room for
/// everything that goes in and [`WRITE_EXTRA_BYTES`]. The number of bytes.
pub fn apply_write(
    row: &[u8],
    fresh_actor: &Actor,
    context: &[u8],
    write: &Write<'_>,
    limits: &Limits,
    out: &mut [u8],
) -> Result<usize, Fault> {
    let local = Row::decode(row)?;
    let present = match row.is_empty() {
        true => None,
        false => Some(Object::decode(local.object).map_err(|_| Fault::BadRow)?),
    };
    let seen = match &present {
        Some(object) if object.clock_bytes == context => Cow::Borrowed(&object.clock),
        _ => Cow::Owned(Clock::decode_context(context)?),
    };
    let siblings = present.as_ref().map_or(&[][..], |object| &object.siblings);
    if is_known(write, siblings, local.operations) {
        return Err(Fault::Already);
    }
    let actor = local.actor.filter(|own| own[..INCARNATION_BYTES] == fresh_actor[..INCARNATION_BYTES]);
    let actor = actor.unwrap_or(fresh_actor);
    let base = present.as_ref().map(|object| &object.clock);
    let counter = 1 + seen.highest(actor).max(base.map_or(0, |clock| clock.highest(actor)));
    if counter > MAX_NUMBER {
        return Err(Fault::Exhausted);
    }
    let new = new_sibling(write, Dot { actor, counter });
    new.check()?;

    let goes = |s: &Sibling<'_>| seen.contains(s.dot) || (write.tombstone && s.tombstone);
    let surviving: SmallVec<[&Sibling<'_>; 4]> = siblings.iter().filter(|s| !goes(s)).collect();
    if !write.tombstone && !within(limits, write, siblings, &surviving) {
        return Err(Fault::TooManySiblings);
    }
    let mut clock = match base {
        Some(base) if matches!(seen, Cow::Borrowed(_)) => base.clone(),
        Some(base) => base.union(&seen),
        None => seen.clone().into_owned(),
    };
    clock.insert(new.dot);

    let operations = remember_replaced(siblings.iter().filter(|s| goes(s)), local.operations);
    let incomplete = local.incomplete || write.incomplete;
    let mut writer = Writer::new(out);
    Row { actor: Some(actor), incomplete, operations: &operations, object: &[] }.write_head(&mut writer);
    let (optional_flags, extensions) = present.as_ref().map_or((0, &[][..]), Object::carried);
    let parts = Parts { optional_flags, clock: &clock, siblings: &surviving, new: Some(&new), extensions };
    write_parts(&parts, &mut writer);
    writer.finish()
}

fn new_sibling<'a>(write: &Write<'a>, dot: Dot<'a>) -> NewSibling<'a> {
    NewSibling {
        dot,
        tombstone: write.tombstone,
        operation_is_clients: write.operation_is_clients,
        wall_ms: write.wall_ms,
        operation: write.operation,
        expiry_ms: write.expiry_ms,
        attributes: write.attributes,
        value: write.value,
    }
}

/// Whether the operation is a sibling here, or (if a client named it) among those replaced here lately.
fn is_known(write: &Write<'_>, siblings: &[Sibling<'_>], operations: &[u8]) -> bool {
    if write.operation.is_empty() {
        return false;
    }
    let replaced = || {
        let hash = operation_hash(write.operation);
        operations.chunks_exact(OPERATION_HASH_BYTES).any(|known| known == hash)
    };
    siblings.iter().any(|s| s.operation == write.operation) || (write.operation_is_clients && replaced())
}

/// Whether the key may hold what a value written beside `surviving` makes of it. Whoever merges is let through: fewer
/// live values than before are never refused.
fn within(limits: &Limits, write: &Write<'_>, before: &[Sibling<'_>], surviving: &[&Sibling<'_>]) -> bool {
    let live_before = before.iter().filter(|s| !s.tombstone).count();
    let live = || surviving.iter().filter(|s| !s.tombstone);
    let count = 1 + live().count();
    let bytes = write.value.len() as u64 + live().map(|s| s.value.len() as u64).sum::<u64>();
    count < live_before || (count as u64 <= limits.max_siblings && bytes <= limits.max_bytes)
}

/// The remembered operations after some siblings have gone: theirs first, as far as clients named them.
pub(super) fn remember_replaced<'x, 'a: 'x>(
    replaced: impl Iterator<Item = &'x Sibling<'a>>,
    known: &[u8],
) -> SmallVec<[u8; MAX_OPERATIONS * OPERATION_HASH_BYTES]> {
    let mut operations = SmallVec::new();
    let hashes = replaced.filter(|s| s.operation_is_clients).map(|s| operation_hash(s.operation));
    for hash in hashes.take(MAX_OPERATIONS) {
        operations.extend_from_slice(&hash);
    }
    let fresh = operations.len();
    for hash in known.chunks_exact(OPERATION_HASH_BYTES) {
        let again = operations[..fresh].chunks_exact(OPERATION_HASH_BYTES).any(|new| new == hash);
        if !again && operations.len() < MAX_OPERATIONS * OPERATION_HASH_BYTES {
            operations.extend_from_slice(hash);
        }
    }
    operations
}
