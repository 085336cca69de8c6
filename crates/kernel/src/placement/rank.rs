//! The order of a partition's owners: the first is asked first, so every node should come first about as often as others.
//!
//! Rank after rank: of the partitions in which a node is still to be placed, it should get its even part, rounded down or
//! up (which again can always be had: give every owner the same fraction of each partition). Orders that are in balance
//! stay as they were; moving an owner within its partition moves no row.

use super::due::Peer;
use super::search::{Board, Counts, settle};
use super::step::Table;

/// Balances who comes first, then who comes second, and so on.
pub(super) fn balance(table: &mut Table, nodes: &[Peer]) {
    for rank in 0..table.copies().saturating_sub(1) {
        let counts = counts_at(table, nodes.len(), rank);
        let mut ranked = Ranked { table, rank };
        ranked.settle(counts);
    }
}

/// What each node holds at this rank, and should hold: its part of the partitions where it stands here or further back.
fn counts_at(table: &Table, nodes: usize, rank: usize) -> Counts {
    let mut here = vec![0; nodes];
    let mut pool = vec![0; nodes];
    for partition in 0..table.partitions() {
        let owners = &table.owners(partition)[rank..];
        here[owners[0] as usize] += 1;
        owners.iter().for_each(|&owner| pool[owner as usize] += 1);
    }
    let ways = table.copies() - rank;
    let mut counts = Counts::default();
    for (node, pool) in pool.iter().enumerate() {
        counts.push(pool / ways, pool.div_ceil(ways));
        counts.held[node] = here[node];
    }
    counts
}

struct Ranked<'t> {
    table: &'t mut Table,
    rank: usize,
}

impl Ranked<'_> {
    fn settle(&mut self, mut counts: Counts) {
        self.exchange(&mut counts, Counts::is_over, Counts::is_short);
        self.exchange(&mut counts, Counts::can_give, Counts::is_short);
        self.exchange(&mut counts, Counts::is_over, Counts::can_take);
        settle(self, &mut counts);
    }

    /// Single exchanges, one partition after another.
    fn exchange(
        &mut self,
        counts: &mut Counts,
        gives: fn(&Counts, usize) -> bool,
        takes: fn(&Counts, usize) -> bool,
    ) {
        for partition in 0..self.table.partitions() {
            let owners = &self.table.owners(partition)[self.rank..];
            let (first, rest) = (owners[0] as usize, &owners[1..]);
            let taker = rest.iter().copied().find(|&owner| takes(counts, owner as usize));
            if let Some(taker) = taker.filter(|_| gives(counts, first)) {
                self.take(partition, 0, taker as usize);
                counts.held[first] -= 1;
                counts.held[taker as usize] += 1;
            }
        }
    }
}

impl Board for Ranked<'_> {
    fn partitions(&self) -> usize {
        self.table.partitions()
    }

    fn offers(&self, partition: usize, taker: usize, mut visit: impl FnMut(usize, usize)) {
        let owners = &self.table.owners(partition)[self.rank..];
        if owners[1..].contains(&(taker as u32)) {
            visit(0, owners[0] as usize);
        }
    }

    fn is_fresh(&self, _partition: usize, _slot: usize) -> bool {
        true
    }

    fn take(&mut self, partition: usize, _slot: usize, taker: usize) {
        let owners = &mut self.table.owners_mut(partition)[self.rank..];
        if let Some(at) = owners.iter().position(|&owner| owner as usize == taker) {
            owners.swap(0, at);
        }
    }
}
