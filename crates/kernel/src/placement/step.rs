//! One step: from the table before a change to one that keeps all bounds after it, with as few moves as can be; and from the tables of
//! several sides, made without knowledge of each other, to one that is near to all of them.
//!
//! The cost of an owner in a partition is the number of tables before the step in which it was none there. A partition begins with
//! all owners that it had in any of them, and gives up those that it cannot keep: there are too many, or zones spread differently
//! now. What is missing are holes. Then slots change hands, the cheap way first: holes to whoever is short; from whoever has too many to
//! whoever has too few, in one move, chosen by hash; and what is left along shortest paths ([`super::graph`]).

use super::counts::Counts;
use super::due::{self, Peer, Quotas};
use super::graph::{Board, Exchange};
use super::grid::{Grid, HOLE};
use super::nearby::{Nearby, Need};
use super::rank;
use super::roster::Roster;
use super::sides;
use super::table::Table;
use std::cmp::Reverse;

/// Tables that one step can be near to: of more sides, so many are brought together first.
const MOST_SIDES: usize = 6;

/// The table of a roster that is near to these tables; there is at least one.
pub(super) fn settled(before: &[&Table], roster: &Roster) -> Table {
    if before.len() > MOST_SIDES {
        let some: Vec<Table> = before.chunks(MOST_SIDES).map(|some| settled(some, roster)).collect();
        return settled(&some.iter().collect::<Vec<_>>(), roster);
    }
    let peers = due::peers(roster);
    let quotas = due::quotas(&peers, roster.partitions, roster.copies);
    let mut grid = Grid::new(before, roster, &peers, &quotas);
    let mut counts = laid_out(&mut grid, &peers, &quotas);
    if before.len() > 1 {
        let demanded: Vec<usize> = (0..before.len()).map(|side| unavoidable(&grid, &quotas, side)).collect();
        let least = |side: usize| {
            let mut alone = Grid::new(&before[side..=side], roster, &peers, &quotas);
            laid_out(&mut alone, &peers, &quotas);
            alone.moves_of(0)
        };
        sides::relieve(&mut grid, &mut counts, &demanded, least);
    }
    rank::balance(&mut grid, peers.len());
    grid.table(roster)
}

/// Gives every slot of the grid an owner; what each owns then.
fn laid_out<'q>(grid: &mut Grid<'q>, peers: &'q [Peer], quotas: &'q Quotas) -> Counts {
    let is_single = grid.sides() == 1;
    let mut step = Step::new(grid, peers, quotas);
    step.evict();
    step.fill_holes();
    if is_single {
        step.take_directly(Counts::is_over);
        step.take_directly(Counts::can_give);
        step.give_directly();
    }
    if !is_single || !step.counts.are_kept() || step.grid.moves_of(0) > unavoidable(step.grid, quotas, 0) {
        Exchange::new(step.grid, &mut step.counts).settle();
    }
    step.counts
}

struct Step<'g, 'q> {
    grid: &'g mut Grid<'q>,
    peers: &'q [Peer],
    quotas: &'q Quotas,
    counts: Counts,
    nearby: Nearby,
}

impl<'g, 'q> Step<'g, 'q> {
    fn new(grid: &'g mut Grid<'q>, peers: &'q [Peer], quotas: &'q Quotas) -> Self {
        let mut counts = Counts::default();
        (0..peers.len()).for_each(|number| counts.push(quotas.lo(number), quotas.hi(number)));
        for partition in 0..grid.partitions() {
            grid.claims(partition).iter().for_each(|claim| counts.held[claim.node as usize] += 1);
        }
        let nearby = Nearby::new(peers.len(), quotas.zones.len());
        Step { grid, peers, quotas, counts, nearby }
    }

    /// How much more a node holds than is due to it.
    fn surplus(&self, node: usize) -> f64 {
        self.counts.held[node] as f64 - self.quotas.due[node]
    }

    /// Lays out each partition: whoever claims it, but for those that it cannot keep, and holes.
    fn evict(&mut self) {
        for partition in 0..self.grid.partitions() {
            let mut claims = self.grid.claims(partition);
            while let Some(allowed) = self.grid.zones.crowded(&claims, self.grid.copies()) {
                let worst = claims
                    .iter()
                    .enumerate()
                    .filter(|(_, claim)| allowed(self.quotas.zone_of[claim.node as usize]))
                    .max_by(|(_, a), (_, b)| {
                        let surplus = |node: u16| self.surplus(node as usize);
                        let by_surplus = surplus(a.node).total_cmp(&surplus(b.node));
                        let distance = |node: u16| self.grid.distance(partition, node as usize);
                        let by_distance = || distance(a.node).total_cmp(&distance(b.node));
                        a.cost.cmp(&b.cost).then(by_surplus).then_with(by_distance)
                    });
                let Some((at, _)) = worst else { break };
                let claim = claims.remove(at);
                self.counts.held[claim.node as usize] -= 1;
            }
            self.counts.held[HOLE as usize] += self.grid.lay(partition, &claims);
        }
    }

    /// Gives each hole to the nearest of those who are short of their quota.
    fn fill_holes(&mut self) {
        for partition in 0..self.grid.partitions() {
            if self.counts.held[HOLE as usize] == 0 {
                return;
            }
            if self.grid.owners(partition).contains(&HOLE) {
                self.nearby.look_from(partition, self.grid);
                (0..self.grid.copies()).for_each(|slot| self.fill(partition, slot));
            }
        }
    }

    fn fill(&mut self, partition: usize, slot: usize) {
        if self.grid.owners(partition)[slot] != HOLE {
            return;
        }
        let mut nearest = |need| self.nearby.nearest(self.grid, &self.counts, slot, need);
        if let Some(node) = nearest(Need::Must).or_else(|| nearest(Need::May)) {
            self.put(partition, slot, node);
            self.nearby.took(node, self.quotas.zone_of[node]);
        }
    }

    /// Nodes that must have more take slots from those that give, where they are near and the owner far.
    fn take_directly(&mut self, gives: fn(&Counts, usize) -> bool) {
        let mut takers: Vec<usize> =
            (1..self.peers.len()).filter(|&node| self.counts.is_short(node)).collect();
        takers.sort_by_key(|&node| Reverse(self.counts.lo[node] - self.counts.held[node]));
        for node in takers {
            let missing = self.counts.lo[node] - self.counts.held[node];
            let givers: Vec<bool> = (0..self.peers.len()).map(|node| gives(&self.counts, node)).collect();
            let offer = |partition: usize| {
                let (far, _) = self.farthest(partition, node, |owner| givers[owner])?;
                Some((self.grid.distance(partition, node) / far, partition))
            };
            for (_, partition) in in_order((0..self.grid.partitions()).filter_map(offer).collect(), missing) {
                if !self.counts.is_short(node) {
                    break;
                }
                if let Some((_, slot)) = self.farthest(partition, node, |owner| gives(&self.counts, owner)) {
                    self.put(partition, slot, node);
                }
            }
        }
    }

    /// The farthest of those that give their slots, and whose the node may take: how far, and the slot.
    fn farthest(&self, partition: usize, node: usize, gives: impl Fn(usize) -> bool) -> Option<(f64, usize)> {
        let owners = self.grid.owners(partition);
        let zone = self.quotas.zone_of[node];
        let mut best: Option<(f64, usize)> = None;
        for (slot, &owner) in owners.iter().enumerate() {
            if owner as usize == node {
                return None;
            }
            if gives(owner as usize) && self.grid.zones.may_take_among(owners, owner, zone) {
                let distance = match owner {
                    HOLE => f64::INFINITY,
                    _ => self.grid.distance(partition, owner as usize),
                };
                best = best.filter(|(known, _)| *known > distance).or(Some((distance, slot)));
            }
        }
        best
    }

    /// Nodes that still hold too much give to those that have room, where they are far.
    fn give_directly(&mut self) {
        for node in 1..self.peers.len() {
            if !self.counts.is_over(node) {
                continue;
            }
            let excess = self.counts.held[node] - self.counts.hi[node];
            let own = |at: &usize| self.grid.owners(*at).contains(&(node as u16));
            let distances = (0..self.grid.partitions()).filter(own);
            let distances = distances.map(|at| (-self.grid.distance(at, node), at)).collect();
            for (_, partition) in in_order(distances, excess) {
                let held = self.grid.owners(partition).iter().position(|&owner| owner as usize == node);
                let Some(slot) = held.filter(|_| self.counts.is_over(node)) else { continue };
                self.nearby.look_from(partition, self.grid);
                if let Some(taker) = self.nearby.nearest(self.grid, &self.counts, slot, Need::May) {
                    self.put(partition, slot, taker);
                }
            }
        }
    }

    fn put(&mut self, partition: usize, slot: usize, node: usize) {
        self.counts.pass(self.grid.owners(partition)[slot] as usize, node);
        self.grid.put(partition, slot, node);
    }
}

/// Moves that bounds alone demand of a side: whoever is short must take, and nobody keeps more than it may.
fn unavoidable(grid: &Grid<'_>, quotas: &Quotas, side: usize) -> usize {
    let mut held = vec![0; quotas.due.len()];
    grid.owners_on(side).for_each(|owner| held[owner] += 1);
    let nodes = 1..held.len();
    let short: usize = nodes.clone().map(|node| quotas.lo(node).saturating_sub(held[node])).sum();
    let kept: usize = nodes.map(|node| held[node].min(quotas.hi(node))).sum();
    short.max((grid.partitions() * grid.copies()).saturating_sub(kept))
}

/// In order: as a rule a few are enough for whoever looks for so many, and the others need not be sorted.
fn in_order(mut numbers: Vec<(f64, usize)>, wanted: usize) -> impl Iterator<Item = (f64, usize)> {
    let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let likely = (4 * wanted + 64).min(numbers.len());
    if likely < numbers.len() {
        numbers.select_nth_unstable_by(likely, order);
    }
    let mut rest = numbers.split_off(likely);
    numbers.sort_unstable_by(order);
    let rest = std::iter::once_with(move || {
        rest.sort_unstable_by(order);
        rest
    });
    numbers.into_iter().chain(rest.flatten())
}
