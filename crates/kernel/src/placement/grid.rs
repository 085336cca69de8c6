//! Partitions and their owners while a step works on them, and who owned them on the sides that it begins with.

use super::changes::Id;
use super::due::{Peer, Quotas};
use super::graph::{Board, Offer};
use super::roster::Roster;
use super::table::Table;
use super::zones::{Spread, Zones};
use std::collections::BTreeMap;

/// The number that stands in a slot without an owner.
pub(super) const HOLE: u16 = 0;

/// Where the choices by hash of a node begin.
pub(super) fn seed(id: &Id) -> u64 {
    xxhash_rust::xxh3::xxh3_64(id)
}

/// The hash of (partition's range, node): the same whatever the number of partitions, if the range begins alike.
fn choice(partition: usize, partitions: usize, seed: u64) -> u64 {
    let range_start = (partition as u64) << (16 - partitions.trailing_zeros());
    let mut mixed = seed ^ range_start.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A hash as a number of exponential distribution, more or less (the logarithm between powers of two is a straight line): by these the
/// nearest of several is each with a probability in proportion to what its number is divided by.
fn exponential(hash: u64) -> f64 {
    let rest = !hash | 1;
    let zeros = rest.leading_zeros();
    let mantissa = ((rest << zeros) >> 11) as f64 / (1u64 << 52) as f64;
    f64::from(zeros) + (2.0 - mantissa)
}

/// Somebody who owned a partition on some side.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub node: u16,
    /// On how many sides it did not.
    pub cost: u8,
}

/// A table before the step.
struct Side {
    copies: usize,
    /// Who owned what; what somebody owned who is gone is a hole.
    owners: Vec<u16>,
    /// The same with those in place who took the place of somebody who is gone: where a partition begins.
    heirs: Vec<u16>,
}

/// Owners by number, as the peers of a step are numbered.
pub(super) struct Grid<'q> {
    partitions: usize,
    copies: usize,
    slots: Vec<u16>,
    /// The tables before.
    sides: Vec<Side>,
    /// What an owner costs who was none on that side.
    weights: Vec<i32>,
    /// Where the choices of each node begin.
    seeds: Vec<u64>,
    quotas: &'q Quotas,
    pub zones: Zones<'q>,
    /// How the partition looked at is spread.
    spread: Spread,
    /// For each node what it saves in the partition looked at, by having owned it before.
    savings: Vec<i32>,
    /// Those who own that partition or did before.
    known: Vec<u16>,
}

impl<'q> Grid<'q> {
    pub fn new(before: &[&Table], roster: &Roster, peers: &[Peer], quotas: &'q Quotas) -> Self {
        let numbers: BTreeMap<Id, u16> = roster.members.keys().copied().zip(1..).collect();
        let side = |table: &&Table| {
            let widened = table.split_to(roster.partitions);
            let numbered = |number: &dyn Fn(&Id) -> Option<u16>| -> Vec<u16> {
                let numbers: Vec<u16> = table.ids.iter().map(|id| number(id).unwrap_or(HOLE)).collect();
                widened.slots.iter().map(|&owner| numbers[owner as usize]).collect()
            };
            let owners = numbered(&|id| numbers.get(id).copied());
            let mut heirs = numbered(&|id| roster.heir(id).map(|heir| numbers[&heir]));
            heirs.chunks_mut(table.copies.max(1)).for_each(once_each);
            Side { copies: table.copies, owners, heirs }
        };
        Grid {
            partitions: roster.partitions,
            copies: quotas.copies,
            slots: vec![HOLE; roster.partitions * quotas.copies],
            sides: before.iter().map(side).collect(),
            weights: vec![1; before.len()],
            seeds: peers.iter().map(|peer| peer.seed).collect(),
            quotas,
            zones: Zones::new(quotas),
            spread: Spread::default(),
            savings: vec![0; peers.len()],
            known: Vec::new(),
        }
    }

    pub fn copies(&self) -> usize {
        self.copies
    }

    pub fn sides(&self) -> usize {
        self.sides.len()
    }

    /// All owners, `copies` of each partition.
    pub fn slots(&self) -> &[u16] {
        &self.slots
    }

    /// Owners as they were at some time.
    pub fn restore(&mut self, slots: Vec<u16>) {
        self.slots = slots;
    }

    pub fn owners(&self, partition: usize) -> &[u16] {
        &self.slots[partition * self.copies..][..self.copies]
    }

    pub fn owners_mut(&mut self, partition: usize) -> &mut [u16] {
        &mut self.slots[partition * self.copies..][..self.copies]
    }

    fn owners_before(&self, partition: usize) -> impl Iterator<Item = &[u16]> {
        self.sides.iter().map(move |side| &side.owners[partition * side.copies..][..side.copies])
    }

    /// All who owned the partition on some side, or have taken the place of one who did; those of the first side first.
    pub fn claims(&self, partition: usize) -> Vec<Claim> {
        let mut claims: Vec<Claim> = Vec::new();
        let heirs = |side: &Side| partition * side.copies..(partition + 1) * side.copies;
        let heirs = self.sides.iter().flat_map(|side| &side.heirs[heirs(side)]);
        for &node in heirs.filter(|&&node| node != HOLE) {
            match claims.iter_mut().find(|claim| claim.node == node) {
                Some(claim) => claim.cost -= 1,
                None => claims.push(Claim { node, cost: self.sides.len() as u8 - 1 }),
            }
        }
        claims
    }

    /// Lets these own the partition; how many slots are left without an owner.
    pub fn lay(&mut self, partition: usize, claims: &[Claim]) -> usize {
        let owners = self.owners_mut(partition);
        owners.iter_mut().zip(claims).for_each(|(owner, claim)| *owner = claim.node);
        owners.len() - claims.len()
    }

    /// How far a node is from a partition: of all nodes the nearest would own it under weighted rendezvous hashing (Thaler and
    /// Ravishankar, 1998), which is what single choices go by. So whoever comes new takes where the owner is far, and what others who come
    /// at the same time take, without knowledge of it, overlaps with that as it would have if all had known.
    pub fn distance(&self, partition: usize, node: usize) -> f64 {
        exponential(choice(partition, self.partitions, self.seeds[node])) / self.quotas.due[node]
    }

    /// What it costs to have owned nothing before.
    fn dearest_cost(&self) -> i32 {
        self.weights.iter().sum()
    }

    /// From now on an owner costs so much who was none on that side.
    pub fn weigh(&mut self, weights: Vec<i32>) {
        self.weights = weights;
    }

    /// Owners that were none on that side.
    pub fn moves_of(&self, side: usize) -> usize {
        let Side { copies, owners, .. } = &self.sides[side];
        let moves = |partition: usize| {
            let before = &owners[partition * copies..][..*copies];
            self.owners(partition).iter().filter(|owner| !before.contains(owner)).count()
        };
        (0..self.partitions).map(moves).sum()
    }

    /// The owners on that side, of those who are still present.
    pub fn owners_on(&self, side: usize) -> impl Iterator<Item = usize> {
        self.sides[side].owners.iter().filter(|&&owner| owner != HOLE).map(|&owner| owner as usize)
    }

    fn cost_of(&self, partition: usize, node: u16) -> i32 {
        let weighed = self.owners_before(partition).zip(&self.weights);
        let cost = |(owners, weight): (&[u16], &i32)| if owners.contains(&node) { 0 } else { *weight };
        if node == HOLE { 0 } else { weighed.map(cost).sum() }
    }

    /// Whether a node may stand in a slot in place of whoever does: not twice in a partition, zones within their bounds.
    pub fn may_take(&self, partition: usize, slot: usize, node: usize) -> bool {
        let owners = self.owners(partition);
        !owners.contains(&(node as u16))
            && self.zones.may_take_among(owners, owners[slot], self.quotas.zone_of[node])
    }

    pub fn table(&self, roster: &Roster) -> Table {
        debug_assert!(self.slots.iter().all(|&owner| owner != HOLE));
        Table {
            partitions: self.partitions,
            copies: self.copies,
            ids: roster.members.keys().copied().collect(),
            slots: self.slots.iter().map(|&number| number - 1).collect(),
        }
    }
}

/// Makes holes of all but the first mention of each: who takes another's place may have been an owner already.
fn once_each(owners: &mut [u16]) {
    for slot in 1..owners.len() {
        let (earlier, rest) = owners.split_at_mut(slot);
        if earlier.contains(&rest[0]) {
            rest[0] = HOLE;
        }
    }
}

impl Board for Grid<'_> {
    fn partitions(&self) -> usize {
        self.partitions
    }

    fn dearest(&self) -> i32 {
        self.dearest_cost()
    }

    fn groups(&self) -> (Vec<usize>, usize) {
        (self.quotas.zone_of.clone(), self.zones.len())
    }

    fn exchanges(&mut self, partition: usize, mut visit: impl FnMut(Offer)) {
        let mut savings = std::mem::take(&mut self.savings);
        let mut known = std::mem::take(&mut self.known);
        let mut spread = std::mem::take(&mut self.spread);
        self.zones.look_at(self.owners(partition), &mut spread);
        known.extend(self.owners(partition).iter().filter(|&&owner| owner != HOLE));
        for (owners, weight) in self.owners_before(partition).zip(&self.weights) {
            for &owner in owners.iter().filter(|&&owner| owner != HOLE) {
                savings[owner as usize] += weight;
                known.push(owner);
            }
        }
        known.sort_unstable();
        known.dedup();
        let dearest = self.dearest_cost();
        let owners = self.owners(partition);
        for (slot, &giver) in owners.iter().enumerate() {
            if owners[..slot].contains(&giver) {
                continue;
            }
            let owner = giver as usize;
            let given_up = if giver == HOLE { 0 } else { dearest - savings[owner] };
            let cost = dearest - given_up;
            let may_take = |zone: usize| self.zones.may_take(&spread, giver, zone);
            (0..self.zones.len())
                .filter(|&zone| may_take(zone))
                .for_each(|group| visit(Offer::Group { owner, group, cost }));
            for &node in known.iter().filter(|&&node| may_take(self.zones.of(node))) {
                let taker = node as usize;
                visit(Offer::Except { owner, taker, cost });
                if !owners.contains(&node) {
                    visit(Offer::One { owner, taker, cost: cost - savings[taker] });
                }
            }
        }
        known.drain(..).for_each(|node| savings[node as usize] = 0);
        (self.savings, self.known, self.spread) = (savings, known, spread);
    }

    fn givers(&self, partition: usize) -> &[u16] {
        self.owners(partition)
    }

    fn exchange(&self, partition: usize, owner: usize, taker: usize) -> Option<(usize, i32)> {
        let slot = self.owners(partition).iter().position(|&other| other as usize == owner)?;
        let cost = || self.cost_of(partition, taker as u16) - self.cost_of(partition, owner as u16);
        self.may_take(partition, slot, taker).then(|| (slot, cost()))
    }

    fn put(&mut self, partition: usize, slot: usize, taker: usize) {
        self.owners_mut(partition)[slot] = taker as u16;
    }

    fn distance(&self, partition: usize, taker: usize) -> f64 {
        self.distance(partition, taker)
    }
}
