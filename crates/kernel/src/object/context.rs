//! Contexts: clocks that clients carry from an answer to their next write.

use super::Object;
use crate::clock::{Clock, Dot};
use crate::fault::Fault;

/// The context that a write is answered with: the object's clock without the dots of the live siblings other than the
/// write's own. So it covers the write, what its context covered, and versions already replaced; never a live version
/// that the writer has not seen. Into `out`; the number of bytes.
pub fn written_context(object: &[u8], written: Dot<'_>, out: &mut [u8]) -> Result<usize, Fault> {
    let object = Object::decode(object)?;
    let unseen = object.live().map(|sibling| sibling.dot).filter(|dot| *dot != written);
    object.clock.without(unseen).encode_context(out)
}

/// Whether the object's clock contains every dot of the context.
pub fn covers_context(object: &[u8], context: &[u8]) -> Result<bool, Fault> {
    let object = Object::decode(object)?;
    Ok(object.clock_bytes == context || object.clock.covers(&Clock::decode_context(context)?))
}

/// How many live siblings of the object the context covers.
pub fn live_covered(object: &[u8], context: &[u8]) -> Result<usize, Fault> {
    let object = Object::decode(object)?;
    let context = Clock::decode_context(context)?;
    Ok(object.live().filter(|sibling| context.contains(sibling.dot)).count())
}
