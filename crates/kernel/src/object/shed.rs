//! Letting go of what a clock says about actors of whom no sibling is left.
//!
//! ```text
//!   shed(clock, siblings) = ({ d ∈ clock : some sibling's dot is of d's actor }, siblings)
//! ```
//!
//! An actor is never used again once its node has taken a newer one, so a key that outlives a hundred restarts has seen a hundred. What their entries
//! are for is to recognise an old sibling that comes back from somewhere. Whoever is certain that there is none left anywhere may shed them; anybody else
//! would bring back what was replaced. An entry with a sibling left stays whole: the dots before it may be in other objects still.

use super::Object;
use super::codec::{Parts, write_parts};
use crate::bytes::Writer;
use crate::clock::{Actor, Clock};
use crate::fault::Fault;
use crate::object::Sibling;
use smallvec::SmallVec;

/// Whether a sibling's dot is of this actor. Siblings are sorted by dot, and so by actor.
fn is_held(siblings: &[Sibling<'_>], actor: &Actor) -> bool {
    let at = siblings.partition_point(|sibling| sibling.dot.actor < actor);
    siblings.get(at).is_some_and(|sibling| sibling.dot.actor == actor)
}

impl<'a> Object<'a> {
    /// The clock's entries of actors of whom a sibling is left.
    pub(crate) fn held_clock(&self) -> Clock<'a> {
        self.clock.only(|actor| is_held(&self.siblings, actor))
    }

    /// Writes this object with another clock.
    pub(crate) fn write_with(&self, clock: &Clock<'a>, writer: &mut Writer<'_>) {
        let siblings: SmallVec<[&Sibling<'a>; 4]> = self.siblings.iter().collect();
        let (optional_flags, extensions) = self.carried();
        write_parts(&Parts { optional_flags, clock, siblings: &siblings, new: None, extensions }, writer);
    }
}

/// How many entries of the object's clock are spare: of actors of whom no sibling is left.
pub fn spare_entries(object: &[u8]) -> Result<usize, Fault> {
    let object = Object::decode(object)?;
    Ok(object.clock.entries().iter().filter(|entry| !is_held(&object.siblings, entry.actor)).count())
}

/// Writes the object without its spare entries into `out`, which has room for the object; the number of bytes.
pub fn shed(object: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
    let object = Object::decode(object)?;
    let mut writer = Writer::new(out);
    object.write_with(&object.held_clock(), &mut writer);
    writer.finish()
}
