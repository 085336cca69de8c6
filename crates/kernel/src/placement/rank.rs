//! The order of a partition's owners: the first is asked first, so every node should come first about as often as others.
//!
//! Rank after rank: of the partitions in which a node is still to be placed, it should get its even part, rounded down or
//! up (which again can always be had: give every owner the same fraction of each partition). Orders that are in balance
//! stay as they were; moving an owner within its partition moves no row.

use super::counts::Counts;
use super::graph::{Board, Exchange, Offer};
use super::grid::Grid;

/// Balances who comes first, then who comes second, and so on.
pub(super) fn balance(grid: &mut Grid<'_>, nodes: usize) {
    for rank in 0..grid.copies().saturating_sub(1) {
        let mut counts = counts_at(grid, nodes, rank);
        let mut ranked = Ranked { grid, rank, nodes };
        ranked.swap(&mut counts, Counts::is_over, Counts::is_short);
        ranked.swap(&mut counts, Counts::can_give, Counts::is_short);
        ranked.swap(&mut counts, Counts::is_over, Counts::can_take);
        if !counts.are_kept() {
            Exchange::new(&mut ranked, &mut counts).settle();
        }
    }
}

/// What each node holds at this rank, and should hold: its part of the partitions where it stands here or further back.
fn counts_at(grid: &Grid<'_>, nodes: usize, rank: usize) -> Counts {
    let mut here = vec![0; nodes];
    let mut pool = vec![0; nodes];
    for partition in 0..grid.partitions() {
        let owners = &grid.owners(partition)[rank..];
        here[owners[0] as usize] += 1;
        owners.iter().for_each(|&owner| pool[owner as usize] += 1);
    }
    let ways = grid.copies() - rank;
    let mut counts = Counts::default();
    for (node, pool) in pool.iter().enumerate() {
        counts.push(pool / ways, pool.div_ceil(ways));
        counts.held[node] = here[node];
    }
    counts
}

struct Ranked<'g, 'q> {
    grid: &'g mut Grid<'q>,
    rank: usize,
    nodes: usize,
}

impl Ranked<'_, '_> {
    /// Single exchanges, one partition after another.
    fn swap(
        &mut self,
        counts: &mut Counts,
        gives: fn(&Counts, usize) -> bool,
        takes: fn(&Counts, usize) -> bool,
    ) {
        for partition in 0..self.grid.partitions() {
            let owners = &self.grid.owners(partition)[self.rank..];
            let (first, rest) = (owners[0] as usize, &owners[1..]);
            let taker = rest.iter().copied().find(|&owner| takes(counts, owner as usize));
            if let Some(taker) = taker.filter(|_| gives(counts, first)) {
                self.put(partition, 0, taker as usize);
                counts.pass(first, taker as usize);
            }
        }
    }
}

impl Board for Ranked<'_, '_> {
    fn partitions(&self) -> usize {
        self.grid.partitions()
    }

    fn dearest(&self) -> i32 {
        0
    }

    fn groups(&self) -> (Vec<usize>, usize) {
        (vec![0; self.nodes], 1)
    }

    fn exchanges(&mut self, partition: usize, mut visit: impl FnMut(Offer)) {
        let owners = &self.grid.owners(partition)[self.rank..];
        let owner = owners[0] as usize;
        owners[1..].iter().for_each(|&taker| visit(Offer::One { owner, taker: taker as usize, cost: 0 }));
    }

    fn givers(&self, partition: usize) -> &[u16] {
        &self.grid.owners(partition)[self.rank..=self.rank]
    }

    fn exchange(&self, partition: usize, owner: usize, taker: usize) -> Option<(usize, i32)> {
        let owners = &self.grid.owners(partition)[self.rank..];
        (owners[0] as usize == owner && owners[1..].contains(&(taker as u16))).then_some((0, 0))
    }

    fn put(&mut self, partition: usize, _slot: usize, taker: usize) {
        let owners = &mut self.grid.owners_mut(partition)[self.rank..];
        if let Some(at) = owners.iter().position(|&owner| owner as usize == taker) {
            owners.swap(0, at);
        }
    }

    fn distance(&self, partition: usize, taker: usize) -> f64 {
        self.grid.distance(partition, taker)
    }
}
