//! Placement: rare and long, so it answers with buffers of its own. What was computed once stays in a checkpoint.

use napi::bindgen_prelude::{Buffer, Error, Result};
use napi_derive::napi;
use rotunda_kernel::Fault;
use rotunda_kernel::placement::changes::{Change, decode};
use rotunda_kernel::placement::{Checkpoint, replay};
use std::cell::RefCell;
use std::collections::BTreeMap;

fn refused(fault: Fault) -> Error {
    Error::from_reason(fault.to_string())
}

fn decoded(packed: &[u8]) -> Result<Vec<Change>> {
    decode(packed).map_err(refused)
}

/// The placement after packed membership changes, packed. Throws for bytes that are no valid set.
#[napi(catch_unwind)]
pub fn placement_table(partitions: u32, copies: u32, packed: &[u8]) -> Result<Buffer> {
    let placement = replay(partitions as usize, copies as usize, &decoded(packed)?).map_err(refused)?;
    Ok(placement.pack().into())
}

thread_local! {
    /// By handle; they belong to the thread that made them.
    static CHECKPOINTS: RefCell<BTreeMap<u32, Checkpoint>> = const { RefCell::new(BTreeMap::new()) };
}

fn with<T>(handle: u32, call: impl FnOnce(&Checkpoint) -> std::result::Result<T, Fault>) -> Result<T> {
    CHECKPOINTS
        .with_borrow(|known| known.get(&handle).ok_or(Fault::BadChanges).and_then(call))
        .map_err(refused)
}

fn kept(checkpoint: Checkpoint) -> u32 {
    CHECKPOINTS.with_borrow_mut(|known| {
        let handle = known.last_key_value().map_or(1, |(last, _)| last + 1);
        known.insert(handle, checkpoint);
        handle
    })
}

/// The handle of a checkpoint after packed membership changes. Throws for bytes that are no valid set.
#[napi(catch_unwind)]
pub fn placement_checkpoint(partitions: u32, copies: u32, packed: &[u8]) -> Result<u32> {
    Checkpoint::of(partitions as usize, copies as usize, &decoded(packed)?).map(kept).map_err(refused)
}

/// The handle of a checkpoint after these changes, all of them, with the help of an earlier one.
#[napi(catch_unwind)]
pub fn placement_advance(handle: u32, packed: &[u8]) -> Result<u32> {
    let changes = decoded(packed)?;
    with(handle, |earlier| earlier.after(&changes)).map(kept)
}

/// The placement of a checkpoint, packed.
#[napi(catch_unwind)]
pub fn placement_of(handle: u32) -> Result<Buffer> {
    with(handle, |checkpoint| Ok(checkpoint.placement().pack().into()))
}

/// What would move from a checkpoint if these were all the changes, packed.
#[napi(catch_unwind)]
pub fn placement_plan(handle: u32, packed: &[u8]) -> Result<Buffer> {
    let changes = decoded(packed)?;
    with(handle, |checkpoint| Ok(checkpoint.plan(&changes)?.pack().into()))
}

/// Frees a checkpoint.
#[napi(catch_unwind)]
pub fn placement_free(handle: u32) {
    CHECKPOINTS.with_borrow_mut(|known| known.remove(&handle));
}
