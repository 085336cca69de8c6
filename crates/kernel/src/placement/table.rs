//! A table that stays as it is: partition → owners in order.

use super::changes::Id;

/// Owners of partitions, `copies` each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    /// Q.
    pub partitions: usize,
    /// N, or the number of members where they are fewer.
    pub copies: usize,
    /// The members, sorted.
    pub ids: Vec<Id>,
    /// Index in `ids` of the i-th owner of partition p, at `p * copies + i`.
    pub slots: Vec<u16>,
}

impl Table {
    /// The owners of a partition, by index.
    pub fn owners(&self, partition: usize) -> &[u16] {
        &self.slots[partition * self.copies..][..self.copies]
    }

    /// The same with so many partitions, no fewer: children own what their parents did.
    pub fn split_to(&self, partitions: usize) -> Table {
        let children = partitions / self.partitions;
        let owners = |partition: usize| std::iter::repeat_n(self.owners(partition), children).flatten();
        let slots = (0..self.partitions).flat_map(owners).copied().collect();
        Table { partitions, slots, ..self.clone() }
    }

    /// Whether two tables, one of them split perhaps, say the same.
    pub fn agrees_with(&self, other: &Table) -> bool {
        let partitions = self.partitions.max(other.partitions);
        let widened = |table: &Table, partition: usize| partition * table.partitions / partitions;
        self.copies == other.copies
            && self.ids == other.ids
            && (0..partitions).all(|p| self.owners(widened(self, p)) == other.owners(widened(other, p)))
    }
}
