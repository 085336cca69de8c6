//! The join of two objects: what a replica knows after hearing of the other's state.
//!
//! ```text
//!   clock    = a.clock ∪ b.clock
//!   siblings = (a ∩ b)  ∪  { s of a : s.dot ∉ b.clock }  ∪  { s of b : s.dot ∉ a.clock }
//! ```
//!
//! A sibling goes only when the other side has seen it and holds it no more. This is a least upper bound, so it is
//! commutative, associative and idempotent, and replicas that have heard the same are equal byte for byte. Should two
//! siblings of one dot differ (only a bug or unknown extensions can do that), the greater in byte order stays.

use super::{Object, Sibling, codec::Parts, codec::write_parts, extensions};
use crate::bytes::Writer;
use crate::clock::Clock;
use crate::fault::Fault;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cmp::Ordering;

/// The join of two objects, not yet bytes.
pub(crate) struct Joined<'x, 'a> {
    optional_flags: u8,
    clock: Cow<'x, Clock<'a>>,
    pub siblings: SmallVec<[&'x Sibling<'a>; 4]>,
    extensions: Cow<'x, [u8]>,
}

impl<'x, 'a> Joined<'x, 'a> {
    /// Joins two objects.
    pub fn new(a: &'x Object<'a>, b: &'x Object<'a>) -> Self {
        let clock = match a.clock_bytes == b.clock_bytes {
            true => Cow::Borrowed(&a.clock),
            false => Cow::Owned(a.clock.union(&b.clock)),
        };
        let extensions = match a.extensions == b.extensions {
            true => Cow::Borrowed(a.extensions),
            false => Cow::Owned(extensions::join(a.extensions, b.extensions)),
        };
        let optional_flags = a.optional_flags | b.optional_flags;
        Joined { optional_flags, clock, siblings: join_siblings(a, b), extensions }
    }

    /// Writes the joined object.
    pub fn write(&self, writer: &mut Writer<'_>) {
        let parts = Parts {
            optional_flags: self.optional_flags,
            clock: &self.clock,
            siblings: &self.siblings,
            new: None,
            extensions: &self.extensions,
        };
        write_parts(&parts, writer);
    }
}

fn join_siblings<'x, 'a>(a: &'x Object<'a>, b: &'x Object<'a>) -> SmallVec<[&'x Sibling<'a>; 4]> {
    let mut joined = SmallVec::new();
    let (mut left, mut right) = (a.siblings.iter().peekable(), b.siblings.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) => l.dot.cmp(&r.dot),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return joined,
        };
        match order {
            Ordering::Less => joined.extend(left.next().filter(|s| !b.clock.contains(s.dot))),
            Ordering::Greater => joined.extend(right.next().filter(|s| !a.clock.contains(s.dot))),
            Ordering::Equal => {
                joined.extend(left.next().into_iter().chain(right.next()).max_by_key(|s| s.bytes))
            }
        }
    }
}

/// Joins two encoded objects into `out`, which has room for both together. The number of bytes.
pub fn merge(a: &[u8], b: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
    let (left, right) = (Object::decode(a)?, Object::decode(b)?);
    let mut writer = Writer::new(out);
    Joined::new(&left, &right).write(&mut writer);
    writer.finish()
}
