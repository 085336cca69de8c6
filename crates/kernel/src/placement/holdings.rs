//! Which partitions each node has a slot in: of whoever must give one, few have to be looked at.

/// Partitions by number of node, in no order; one is named once for each of the node's slots there (the hole can have several).
pub(super) struct Holdings {
    partitions: Vec<Vec<u32>>,
}

impl Holdings {
    /// What these nodes have, told as pairs of partition and node.
    pub fn new(nodes: usize, slots: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut partitions = vec![Vec::new(); nodes];
        slots.for_each(|(partition, node)| partitions[node].push(partition as u32));
        Holdings { partitions }
    }

    /// The partitions of a node.
    pub fn of(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.partitions[node].iter().map(|&partition| partition as usize)
    }

    /// A slot changes hands.
    pub fn pass(&mut self, partition: usize, from: usize, to: usize) {
        let before = &mut self.partitions[from];
        if let Some(at) = before.iter().position(|&known| known as usize == partition) {
            before.swap_remove(at);
            self.partitions[to].push(partition as u32);
        }
    }
}
