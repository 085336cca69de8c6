//! Joining an object that came from elsewhere (a replicated write, a repair, a hint, a transfer) into the local row.

use super::envelope::Row;
use super::write::remember_replaced;
use crate::bytes::Writer;
use crate::fault::Fault;
use crate::object::{Object, merge::Joined};

/// What a merged row may be longer than row and object together: an envelope's head and the remembered operations.
pub const MERGE_EXTRA_BYTES: usize = 192;

/// Joins `object` into `row` (empty where the key is not here), and writes the new row into `out`, which has room for
/// both and [`MERGE_EXTRA_BYTES`]. The local actor and the remembered operations stay; `incomplete` marks the row as
/// standing over one that could not be read. The number of bytes, 0 where the row would stay as it is.
pub fn merge_row(row: &[u8], object: &[u8], incomplete: bool, out: &mut [u8]) -> Result<usize, Fault> {
    let local = Row::decode(row)?;
    let marks = incomplete && !local.incomplete;
    let mut writer = Writer::new(out);
    if row.is_empty() {
        Object::decode(object)?;
        Row { incomplete, ..local }.write_head(&mut writer);
        writer.put(object);
        return writer.finish();
    }
    if local.object == object && !marks {
        return Ok(0);
    }
    let incoming = Object::decode(object)?;
    let present = Object::decode(local.object).map_err(|_| Fault::BadRow)?;
    let joined = Joined::new(&present, &incoming);
    let stays = |dot| joined.siblings.binary_search_by(|s| s.dot.cmp(&dot)).is_ok();
    let replaced = present.siblings.iter().chain(&incoming.siblings).filter(|s| !stays(s.dot));
    let operations = remember_replaced(replaced, local.operations);
    Row { incomplete: incomplete || local.incomplete, operations: &operations, ..local }
        .write_head(&mut writer);
    let head_bytes = writer.length();
    joined.write(&mut writer);
    let length = writer.finish()?;
    let unchanged = !marks && &out[head_bytes..length] == local.object;
    Ok(if unchanged { 0 } else { length })
}
