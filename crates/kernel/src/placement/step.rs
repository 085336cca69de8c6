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
use super::zones::Spread;
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

/// Who is meant, as far as what each holds goes.
trait Qualifies: Fn(&Counts, usize) -> bool + Copy {}

impl<F: Fn(&Counts, usize) -> bool + Copy> Qualifies for F {}

struct Step<'g, 'q> {
    grid: &'g mut Grid<'q>,
    peers: &'q [Peer],
    quotas: &'q Quotas,
    counts: Counts,
    /// Of the partition that a node is looked for.
    spread: Spread,
    distances: Distances,
}

impl<'g, 'q> Step<'g, 'q> {
    fn new(grid: &'g mut Grid<'q>, peers: &'q [Peer], quotas: &'q Quotas) -> Self {
        let mut counts = Counts::default();
        (0..peers.len()).for_each(|number| counts.push(quotas.lo(number), quotas.hi(number)));
        for partition in 0..grid.partitions() {
            grid.claims(partition).iter().for_each(|claim| counts.held[claim.node as usize] += 1);
        }
        let distances = Distances { partition: 0, known: vec![f64::NAN; peers.len()] };
        Step { grid, peers, quotas, counts, spread: Spread::default(), distances }
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
            for slot in 0..self.grid.copies() {
                if self.counts.held[HOLE as usize] == 0 {
                    return;
                }
                if self.grid.owners(partition)[slot] != HOLE {
                    continue;
                }
                let must = self.nearest(partition, slot, Counts::is_short);
                if let Some(node) = must.or_else(|| self.nearest(partition, slot, Counts::can_take)) {
                    self.put(partition, slot, node);
                }
            }
        }
    }

    /// The nearest node of those that qualify and may take the slot.
    fn nearest(&mut self, partition: usize, slot: usize, qualifies: impl Qualifies) -> Option<usize> {
        let (grid, counts) = (&*self.grid, &self.counts);
        let owners = grid.owners(partition);
        grid.zones.look_at(owners, &mut self.spread);
        self.distances.look_at(partition);
        let mut best: Option<(f64, u16)> = None;
        for zone in (0..grid.zones.len()).filter(|&zone| grid.zones.may_take(&self.spread, owners[slot], zone)) {
            for &node in grid.zones.members(zone).iter().filter(|&&node| qualifies(counts, node as usize)) {
                let found = (self.distances.to(grid, node), node);
                if best.is_none_or(|known| found < known) && !owners.contains(&node) {
                    best = Some(found);
                }
            }
        }
        best.map(|(_, node)| node as usize)
    }

    /// Nodes that must have more take slots from those that give, where they are near and the owner far.
    fn take_directly(&mut self, gives: impl Qualifies) {
        let mut takers: Vec<usize> =
            (1..self.peers.len()).filter(|&node| self.counts.is_short(node)).collect();
        takers.sort_by_key(|&node| Reverse(self.counts.lo[node] - self.counts.held[node]));
        for node in takers {
            let missing = self.counts.lo[node] - self.counts.held[node];
            let givers: Vec<bool> = (0..self.peers.len()).map(|node| gives(&self.counts, node)).collect();
            let offer = |partition: usize| {
                let (far, _) = self.farthest(partition, node, |_, owner| givers[owner])?;
                Some((self.grid.distance(partition, node) / far, partition))
            };
            for (_, partition) in in_order((0..self.grid.partitions()).filter_map(offer).collect(), missing) {
                if !self.counts.is_short(node) {
                    break;
                }
                if let Some((_, slot)) = self.farthest(partition, node, gives) {
                    self.put(partition, slot, node);
                }
            }
        }
    }

    /// The farthest of those that give their slots, and whose the node may take: how far, and the slot.
    fn farthest(&self, partition: usize, node: usize, gives: impl Qualifies) -> Option<(f64, usize)> {
        let owners = self.grid.owners(partition);
        let open = |&slot: &usize| {
            gives(&self.counts, owners[slot] as usize) && self.grid.may_take(partition, slot, node)
        };
        let distance = |slot: usize| match owners[slot] {
            HOLE => f64::INFINITY,
            owner => self.grid.distance(partition, owner as usize),
        };
        let open = (0..owners.len()).filter(open).map(|slot| (distance(slot), slot));
        open.max_by(|a, b| a.0.total_cmp(&b.0))
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
                if let Some(taker) = self.nearest(partition, slot, Counts::can_take) {
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

/// How far nodes are from one partition, as far as that was asked: where there are several holes, it is asked several times.
struct Distances {
    partition: usize,
    /// By node; not a number: not known yet.
    known: Vec<f64>,
}

impl Distances {
    fn look_at(&mut self, partition: usize) {
        if self.partition != partition {
            self.partition = partition;
            self.known.fill(f64::NAN);
        }
    }

    fn to(&mut self, grid: &Grid<'_>, node: u16) -> f64 {
        let known = &mut self.known[node as usize];
        if known.is_nan() {
            *known = grid.distance(self.partition, node as usize);
        }
        *known
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
