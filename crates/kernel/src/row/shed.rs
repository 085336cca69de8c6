//! A row without the spare entries of its object's clock.

use super::envelope::Row;
use crate::bytes::Writer;
use crate::fault::Fault;
use crate::object::Object;

/// Writes the row without the spare entries of its clock ([`shed`](crate::object::shed)) into `out`, which has room for the row. The number of
/// bytes. An envelope's actor goes with its entry: it would count from one again, and a dot would be minted twice. The next
/// write coordinated here takes a fresh one.
pub fn shed_row(row: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
    let local = Row::decode(row)?;
    let object = Object::decode(local.object).map_err(|_| Fault::BadRow)?;
    let clock = object.held_clock();
    let actor = local.actor.filter(|actor| clock.highest(actor) > 0);
    let mut writer = Writer::new(out);
    Row { actor, ..local }.write_head(&mut writer);
    object.write_with(&clock, &mut writer);
    writer.finish()
}
