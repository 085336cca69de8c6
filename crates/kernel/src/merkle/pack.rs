//! Leaves as bytes, to be kept over a restart: those that are not zero, `[number u16 LE][node u128 BE] …`, numbers from the first
//! leaf asked for and rising. What stands above them is their sums.

use super::{NODE_BYTES, Tree};
use crate::fault::Fault;

/// Bytes that a leaf takes.
pub const PACKED_LEAF_BYTES: usize = 2 + NODE_BYTES;

/// A number has 16 bits.
const MAX_LEAVES: usize = 1 << 16;

impl Tree {
    /// Writes the leaves of `first..first + count` that are not zero; the number of bytes.
    pub fn pack(&self, first: usize, count: usize, out: &mut [u8]) -> Result<usize, Fault> {
        if count > MAX_LEAVES {
            return Err(Fault::BadTree);
        }
        let leaves = self.level(self.shape.depth(), first, count)?;
        let mut places = out.chunks_exact_mut(PACKED_LEAF_BYTES);
        let mut length = 0;
        for (number, leaf) in leaves.iter().enumerate().filter(|(_, leaf)| **leaf != 0) {
            let place = places.next().ok_or(Fault::OutTooSmall)?;
            place[..2].copy_from_slice(&(number as u16).to_le_bytes());
            place[2..].copy_from_slice(&leaf.to_be_bytes());
            length += PACKED_LEAF_BYTES;
        }
        Ok(length)
    }

    /// Adds packed leaves, and so many rows with them. Fails, and changes nothing, for bytes that `pack` does not write.
    pub fn unpack(&mut self, first: usize, packed: &[u8], rows: u64) -> Result<(), Fault> {
        let (leaves, rest) = packed.as_chunks::<PACKED_LEAF_BYTES>();
        let number = |leaf: &[u8; PACKED_LEAF_BYTES]| usize::from(u16::from_le_bytes([leaf[0], leaf[1]]));
        let rise = leaves.windows(2).all(|pair| number(&pair[0]) < number(&pair[1]));
        let count = leaves.last().map_or(0, |last| number(last) + 1);
        if !rest.is_empty() || !rise {
            return Err(Fault::BadTree);
        }
        self.level(self.shape.depth(), first, count)?;
        let total = self.rows.checked_add(rows).ok_or(Fault::BadTree)?;
        for leaf in leaves {
            let mut node = [0; NODE_BYTES];
            node.copy_from_slice(&leaf[2..]);
            self.add((first + number(leaf)) as u32, u128::from_be_bytes(node));
        }
        self.rows = total;
        Ok(())
    }
}
