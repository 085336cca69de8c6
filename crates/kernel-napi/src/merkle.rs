//! Hash trees by handle. They belong to the thread that made them.

use crate::borders::{code, length_or_code};
use napi::bindgen_prelude::BufferSlice;
use napi_derive::napi;
use rotunda_kernel::Fault;
use rotunda_kernel::merkle::{Forest, Shape, Tree};
use std::cell::RefCell;

thread_local! {
    static FOREST: RefCell<Forest> = RefCell::default();
}

fn with_tree<T>(handle: u32, call: impl FnOnce(&mut Tree) -> Result<T, Fault>) -> Result<T, Fault> {
    FOREST.with_borrow_mut(|forest| forest.tree(handle).and_then(call))
}

/// A tree without rows; its handle, or a negative code.
#[napi(catch_unwind)]
pub fn merkle_create(partition: u32, partition_bits: u32, segment_bits: u32, fan_bits: u32) -> f64 {
    let shape = Shape { partition, partition_bits, segment_bits, fan_bits };
    let handle = FOREST.with_borrow_mut(|forest| forest.create(shape));
    handle.map_or_else(|fault| f64::from(fault.code()), f64::from)
}

/// Frees a tree.
#[napi(catch_unwind)]
pub fn merkle_free(handle: u32) -> i32 {
    code(FOREST.with_borrow_mut(|forest| forest.free(handle)))
}

/// Takes all rows out of a tree.
#[napi(catch_unwind)]
pub fn merkle_clear(handle: u32) -> i32 {
    code(with_tree(handle, |tree| {
        tree.clear();
        Ok(())
    }))
}

/// Rows were committed: for each its key, the row before and the row after (no bytes: none), into the tree of its handle.
#[napi(catch_unwind)]
pub fn merkle_commit(handles: &[u32], rows: Vec<&[u8]>) -> i32 {
    let (rows, rest) = rows.as_chunks::<3>();
    if !rest.is_empty() || rows.len() > handles.len() {
        return Fault::BadTree.code();
    }
    code(FOREST.with_borrow_mut(|forest| {
        let mut changes = handles.iter().zip(rows);
        changes.try_for_each(|(handle, [row_key, before, after])| {
            forest.tree(*handle)?.commit(row_key, before, after)
        })
    }))
}

/// The leaves of `first..first + count` that are not zero, into `out`.
#[napi(catch_unwind)]
pub fn merkle_pack(handle: u32, first: u32, count: u32, mut out: BufferSlice) -> i32 {
    length_or_code(with_tree(handle, |tree| tree.pack(first as usize, count as usize, &mut out)))
}

/// Adds what was packed.
#[napi(catch_unwind)]
pub fn merkle_unpack(handle: u32, first: u32, packed: &[u8]) -> i32 {
    code(with_tree(handle, |tree| tree.unpack(first as usize, packed)))
}

/// Rows in a tree, or a negative code.
#[napi(catch_unwind)]
pub fn merkle_rows(handle: u32) -> f64 {
    with_tree(handle, |tree| Ok(tree.held().rows as f64)).unwrap_or_else(|fault| f64::from(fault.code()))
}

/// Bytes of the objects in a tree, or a negative code.
#[napi(catch_unwind)]
pub fn merkle_bytes(handle: u32) -> f64 {
    with_tree(handle, |tree| Ok(tree.held().bytes as f64)).unwrap_or_else(|fault| f64::from(fault.code()))
}

/// Splits a tree into 2^`bits`. Of each that holds rows, its number and its handle into `out` (little endian u32s); how many. The tree itself is freed.
#[napi(catch_unwind)]
pub fn merkle_split(handle: u32, bits: u32, mut out: BufferSlice) -> i32 {
    length_or_code(FOREST.with_borrow_mut(|forest| {
        let children = forest.split(handle, bits)?;
        let room = out.get_mut(..children.len() * 8).ok_or(Fault::OutTooSmall)?;
        for (place, (number, child)) in room.chunks_exact_mut(8).zip(&children) {
            place[..4].copy_from_slice(&number.to_le_bytes());
            place[4..].copy_from_slice(&child.to_le_bytes());
        }
        Ok(children.len())
    }))
}

/// The segment of a row key, or a negative code.
#[napi(catch_unwind)]
pub fn merkle_segment(handle: u32, row_key: &[u8]) -> f64 {
    with_tree(handle, |tree| tree.segment(row_key)).map_or_else(|fault| f64::from(fault.code()), f64::from)
}

/// Nodes of a level into `out`, 16 bytes each.
#[napi(catch_unwind)]
pub fn merkle_level(handle: u32, level: u32, first: u32, count: u32, mut out: BufferSlice) -> i32 {
    length_or_code(with_tree(handle, |tree| {
        tree.write_level(level, first as usize, count as usize, &mut out)
    }))
}

/// The numbers of nodes that differ from a peer's, into `out` (little endian u32); how many.
#[napi(catch_unwind)]
pub fn merkle_differ(handle: u32, level: u32, first: u32, theirs: &[u8], mut out: BufferSlice) -> i32 {
    let mut numbers = vec![0; theirs.len() / rotunda_kernel::merkle::NODE_BYTES];
    let found = with_tree(handle, |tree| tree.differing(level, first as usize, theirs, &mut numbers));
    length_or_code(found.and_then(|found| {
        let room = out.get_mut(..found * 4).ok_or(Fault::OutTooSmall)?;
        room.chunks_exact_mut(4)
            .zip(&numbers)
            .for_each(|(place, number)| place.copy_from_slice(&number.to_le_bytes()));
        Ok(found)
    }))
}
