//! Which of two objects is the newer one, by clock and surviving dots.

use super::Object;
use crate::digest::{Digest, digest};
use crate::fault::Fault;

/// How two objects stand to each other in the lattice of [`merge`](fn@super::merge::merge).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same dots seen and the same surviving.
    Equal = 0,
    /// The first one contains all that the second knows, and more.
    FirstNewer = 1,
    /// The second one contains all that the first knows, and more.
    SecondNewer = 2,
    /// Each knows something that the other does not.
    Concurrent = 3,
}

/// Whether joining `b` into `a` would leave `a` as it is: it has seen all of b, and holds nothing that b has replaced.
fn includes(a: &Object<'_>, b: &Object<'_>) -> bool {
    let replaced = |dot| b.clock.contains(dot) && b.siblings.binary_search_by(|s| s.dot.cmp(&dot)).is_err();
    a.clock.covers(&b.clock) && !a.siblings.iter().any(|sibling| replaced(sibling.dot))
}

/// Compares two encoded objects by clock and surviving dots (values of one dot are taken to be equal).
pub fn compare(a: &[u8], b: &[u8]) -> Result<Relation, Fault> {
    let left = Object::decode(a)?;
    if a == b {
        return Ok(Relation::Equal);
    }
    Ok(relation(&left, &Object::decode(b)?))
}

/// Compares an encoded object with the [`skeleton`](super::skeleton) of another.
pub fn compare_skeleton(object: &[u8], skeleton: &[u8]) -> Result<Relation, Fault> {
    Ok(relation(&Object::decode(object)?, &Object::decode_skeleton(skeleton)?))
}

fn relation(a: &Object<'_>, b: &Object<'_>) -> Relation {
    match (includes(a, b), includes(b, a)) {
        (true, true) => Relation::Equal,
        (true, false) => Relation::FirstNewer,
        (false, true) => Relation::SecondNewer,
        (false, false) => Relation::Concurrent,
    }
}

/// A digest over clock and surviving dots only: the same on every node that knows the same versions.
pub fn version_digest(object: &[u8]) -> Result<Digest, Fault> {
    let object = Object::decode(object)?;
    let mut bytes = object.clock_bytes.to_vec();
    for sibling in &object.siblings {
        bytes.extend_from_slice(sibling.dot.actor);
        bytes.extend_from_slice(&sibling.dot.counter.to_be_bytes());
    }
    Ok(digest(&bytes))
}
