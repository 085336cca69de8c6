//! Placement: rare and long, so it answers with a buffer of its own.

use napi::bindgen_prelude::{Buffer, Error, Result};
use napi_derive::napi;
use rotunda_kernel::placement::{changes, replay};

/// Replays packed membership changes; members and table, packed. Throws for bytes that are no valid set.
#[napi(catch_unwind)]
pub fn placement_table(partitions: u32, copies: u32, packed: &[u8]) -> Result<Buffer> {
    let placement = changes::decode(packed)
        .and_then(|changes| replay(partitions as usize, copies as usize, &changes))
        .map_err(|fault| Error::from_reason(fault.to_string()))?;
    Ok(placement.pack().into())
}
