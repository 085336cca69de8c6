//! A partition is split into smaller ones, and its tree with it: the leaves stay what they are, and so nothing is read.

use super::{Held, RANGE_BITS, Shape, Tree};
use crate::fault::Fault;

impl Tree {
    /// The trees of the 2^`bits` partitions that this one is split into, in their order.
    pub fn split(&self, bits: u32) -> Result<Vec<Tree>, Fault> {
        if bits > self.shape.segment_bits || bits > RANGE_BITS - self.shape.partition_bits {
            return Err(Fault::BadTree);
        }
        (0..1 << bits).map(|number| self.child(number, bits)).collect()
    }

    fn child(&self, number: u32, bits: u32) -> Result<Tree, Fault> {
        let Shape { partition, partition_bits, segment_bits, fan_bits } = self.shape;
        let mut child = Tree::new(Shape {
            partition: (partition << bits) | number,
            partition_bits: partition_bits + bits,
            segment_bits: segment_bits - bits,
            fan_bits,
        })?;
        let part = |whole: usize| number as usize * (whole >> bits)..(number as usize + 1) * (whole >> bits);
        let leaves = self.level(self.shape.depth(), 0, 1 << segment_bits)?;
        child.grow(&leaves[part(leaves.len())]);
        child.ranges.copy_from_slice(&self.ranges[part(self.ranges.len())]);
        child.held = child.ranges.iter().fold(Held::default(), |sum, range| Held {
            rows: sum.rows + range.rows,
            bytes: sum.bytes + range.bytes,
        });
        Ok(child)
    }

    /// All leaves, and above them their sums.
    fn grow(&mut self, leaves: &[u128]) {
        let depth = self.shape.depth();
        let start = self.starts[depth as usize];
        self.nodes[start..].copy_from_slice(leaves);
        for level in (0..depth).rev() {
            let fan = 1 << (self.shape.level_bits(level + 1) - self.shape.level_bits(level));
            let (above, below) = self.nodes.split_at_mut(self.starts[level as usize + 1]);
            for (node, children) in above[self.starts[level as usize]..].iter_mut().zip(below.chunks(fan)) {
                *node = children.iter().fold(0, |sum: u128, child| sum.wrapping_add(*child));
            }
        }
    }
}
