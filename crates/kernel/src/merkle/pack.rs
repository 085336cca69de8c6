//! A tree as bytes, to be kept over a restart: how much its ranges hold, and the leaves that are not zero. What stands above them is their sums.
//!
//! ```text
//!   ranges u32 LE [range u16 LE][rows u64 LE][bytes u64 LE] …        those that hold rows and begin among the leaves asked for
//!   [number u16 LE][node u128 BE] …                                  numbers from the first leaf asked for
//! ```
//!
//! Both rise. Where there is neither, there are no bytes at all.

use super::{Held, NODE_BYTES, Tree};
use crate::fault::Fault;

/// Bytes that a leaf takes.
const LEAF_BYTES: usize = 2 + NODE_BYTES;
/// Bytes that a range takes.
const HELD_BYTES: usize = 2 + 16;
/// Before the ranges.
const HEAD_BYTES: usize = 4;

/// A number has 16 bits.
const MAX_LEAVES: usize = 1 << 16;

/// Bytes that so many leaves take at most.
pub const fn packed_bound(leaves: usize) -> usize {
    HEAD_BYTES + leaves * (LEAF_BYTES + HELD_BYTES)
}

impl Tree {
    /// Writes the leaves of `first..first + count` that are not zero, and the ranges that begin among them; the number of bytes.
    pub fn pack(&self, first: usize, count: usize, out: &mut [u8]) -> Result<usize, Fault> {
        if count > MAX_LEAVES {
            return Err(Fault::BadTree);
        }
        let leaves = self.level(self.shape.depth(), first, count)?;
        let room = out.len();
        let (head, mut rest) = out.split_first_chunk_mut::<HEAD_BYTES>().ok_or(Fault::OutTooSmall)?;
        let mut ranges = 0_u32;
        for number in self.ranges_from(first)..self.ranges_from(first + count) {
            let held = self.ranges[number];
            if held.rows > 0 {
                let place = rest.split_off_mut(..HELD_BYTES).ok_or(Fault::OutTooSmall)?;
                place[..2].copy_from_slice(&(number as u16).to_le_bytes());
                place[2..10].copy_from_slice(&held.rows.to_le_bytes());
                place[10..].copy_from_slice(&held.bytes.to_le_bytes());
                ranges += 1;
            }
        }
        for (number, leaf) in leaves.iter().enumerate().filter(|(_, leaf)| **leaf != 0) {
            let place = rest.split_off_mut(..LEAF_BYTES).ok_or(Fault::OutTooSmall)?;
            place[..2].copy_from_slice(&(number as u16).to_le_bytes());
            place[2..].copy_from_slice(&leaf.to_be_bytes());
        }
        let length = room - rest.len();
        *head = ranges.to_le_bytes();
        Ok(if length > HEAD_BYTES { length } else { 0 })
    }

    /// The number of ranges that begin before this leaf.
    fn ranges_from(&self, leaf: usize) -> usize {
        leaf.div_ceil(1 << (self.shape.segment_bits - self.shape.range_bits()))
    }

    /// Adds what was packed from the leaf `first` on. Fails, and changes nothing, for bytes that `pack` does not write.
    pub fn unpack(&mut self, first: usize, packed: &[u8]) -> Result<(), Fault> {
        let Some((ranges, leaves)) = parts(packed)? else { return Ok(()) };
        let number = |bytes: &[u8]| usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        let count = leaves.last().map_or(0, |last| number(last) + 1);
        let rise = leaves.windows(2).all(|pair| number(&pair[0]) < number(&pair[1]));
        let ranges_rise = ranges.windows(2).all(|pair| number(&pair[0]) < number(&pair[1]));
        let inside = ranges.last().is_none_or(|last| number(last) < self.ranges.len());
        if !rise || !ranges_rise || !inside {
            return Err(Fault::BadTree);
        }
        self.level(self.shape.depth(), first, count)?;
        let before = (self.ranges.clone(), self.held);
        for range in ranges {
            if self.hold(number(range), held(range)).is_none() {
                (self.ranges, self.held) = before;
                return Err(Fault::BadTree);
            }
        }
        for leaf in leaves {
            let mut node = [0; NODE_BYTES];
            node.copy_from_slice(&leaf[2..]);
            self.add((first + number(leaf)) as u32, u128::from_be_bytes(node));
        }
        Ok(())
    }

    fn hold(&mut self, range: usize, more: Held) -> Option<()> {
        self.ranges[range] = self.ranges[range].replace(Held::default(), more)?;
        self.held = self.held.replace(Held::default(), more)?;
        Some(())
    }
}

type Parts<'a> = (&'a [[u8; HELD_BYTES]], &'a [[u8; LEAF_BYTES]]);

/// The ranges and the leaves; `None` where there are no bytes.
fn parts(packed: &[u8]) -> Result<Option<Parts<'_>>, Fault> {
    if packed.is_empty() {
        return Ok(None);
    }
    let (head, rest) = packed.split_first_chunk::<HEAD_BYTES>().ok_or(Fault::BadTree)?;
    let length = (u32::from_le_bytes(*head) as usize).checked_mul(HELD_BYTES).ok_or(Fault::BadTree)?;
    let (ranges, leaves) = rest.split_at_checked(length).ok_or(Fault::BadTree)?;
    let (leaves, surplus) = leaves.as_chunks::<LEAF_BYTES>();
    if surplus.is_empty() { Ok(Some((ranges.as_chunks().0, leaves))) } else { Err(Fault::BadTree) }
}

fn held(range: &[u8; HELD_BYTES]) -> Held {
    let number = |from: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&range[from..from + 8]);
        u64::from_le_bytes(bytes)
    };
    Held { rows: number(2), bytes: number(10) }
}
