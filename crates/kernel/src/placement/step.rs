//! One step: from the table before a change to one that keeps all bounds after it, with as few moves as can be.
//!
//! Slots of nodes that are gone, and slots that a partition has to give up because zones spread differently now, become
//! holes. Then slots change hands, the cheapest way first: holes to whoever is short; from whoever has too many to
//! whoever has too few, in one move; and what is left over augmenting paths (a takes from b, b from c).

use super::due::{self, Peer, Quotas, ZoneBounds};
use super::roster::Roster;
use super::search::{Board, Counts, settle, settle_freely};
use super::table::Table as Settled;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The number that stands in a slot without an owner.
pub(super) const HOLE: u32 = 0;

/// Slots of partitions, `copies` each.
#[derive(Clone)]
pub(super) struct Table {
    partitions: usize,
    copies: usize,
    slots: Vec<u32>,
}

/// Where the choices by hash of a node begin.
pub(super) fn seed(id: &[u8; 16]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(id)
}

/// The hash of (partition's range, node): the same whatever the number of partitions, if the range begins alike.
pub(super) fn choice(partition: usize, partitions: usize, seed: u64) -> u64 {
    let range_start = (partition as u64) << (16 - partitions.trailing_zeros());
    let mut mixed = seed ^ range_start.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The table after the table before it.
pub(super) fn settled(before: &[&Settled], roster: &Roster) -> Settled {
    let before = before[0];
    let peers = due::peers(roster);
    let quotas = due::quotas(&peers, roster.partitions, roster.copies);
    let order: Vec<_> = due::in_order(roster).into_iter().map(|(id, _)| *id).collect();
    let numbers: BTreeMap<_, u32> = order.iter().copied().zip(1..).collect();
    let sorted: BTreeMap<_, u16> = roster.members.keys().copied().zip(0..).collect();
    let lifted = before.split_to(roster.partitions);
    let mut slots = Vec::with_capacity(lifted.slots.len());
    for partition in 0..roster.partitions {
        let from = slots.len();
        for &owner in lifted.owners(partition) {
            let heir = roster.heir(&lifted.ids[owner as usize]).map_or(HOLE, |heir| numbers[&heir]);
            slots.push(if slots[from..].contains(&heir) { HOLE } else { heir });
        }
    }
    let mut table = Table { partitions: roster.partitions, copies: before.copies, slots };
    table.step(&peers, &quotas);
    super::rank::balance(&mut table, &peers);
    Settled {
        partitions: roster.partitions,
        copies: table.copies,
        ids: roster.members.keys().copied().collect(),
        slots: table.slots.iter().map(|&number| sorted[&order[number as usize - 1]]).collect(),
    }
}

impl Table {
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    pub fn copies(&self) -> usize {
        self.copies
    }

    pub fn owners(&self, partition: usize) -> &[u32] {
        &self.slots[partition * self.copies..][..self.copies]
    }

    pub fn owners_mut(&mut self, partition: usize) -> &mut [u32] {
        &mut self.slots[partition * self.copies..][..self.copies]
    }

    /// Applies a change of members or quotas.
    pub fn step(&mut self, nodes: &[Peer], quotas: &Quotas) {
        self.resize(nodes, quotas.copies);
        let before = self.slots.clone();
        let mut step = Step::new(self, &before, nodes, quotas);
        step.evict();
        step.fill_holes();
        step.take_directly(Counts::is_over);
        step.search(settle_freely);
        step.take_directly(Counts::can_give);
        step.give_directly();
        step.search(settle);
        if step.moved_more_than_quotas_demand() {
            step.refine();
        }
    }

    /// Drops the slots of whoever is gone, and gives each partition the new number of slots: owners first, then holes.
    fn resize(&mut self, nodes: &[Peer], copies: usize) {
        let mut slots = Vec::with_capacity(self.partitions * copies);
        for partition in 0..self.partitions {
            let stays = |&owner: &u32| owner != HOLE && nodes[owner as usize].present;
            if copies == self.copies {
                slots.extend(
                    self.owners(partition).iter().map(|owner| if stays(owner) { *owner } else { HOLE }),
                );
                continue;
            }
            slots.extend(self.owners(partition).iter().copied().filter(stays).take(copies));
            slots.resize((partition + 1) * copies, HOLE);
        }
        self.copies = copies;
        self.slots = slots;
    }
}

pub(super) struct Step<'t> {
    table: &'t mut Table,
    /// The slots as the step found them.
    before: &'t [u32],
    nodes: &'t [Peer],
    quotas: &'t Quotas,
    pub(super) counts: Counts,
}

impl<'t> Step<'t> {
    fn new(table: &'t mut Table, before: &'t [u32], nodes: &'t [Peer], quotas: &'t Quotas) -> Self {
        let mut counts = Counts::default();
        for number in 0..nodes.len() {
            counts.push(quotas.lo(number), quotas.hi(number));
        }
        table.slots.iter().for_each(|&owner| counts.held[owner as usize] += 1);
        Step { table, before, nodes, quotas, counts }
    }

    /// The counts that the step began with, holes for slots that were free.
    pub(super) fn counts_before(&self) -> Counts {
        let mut counts = Counts {
            held: vec![0; self.nodes.len()],
            lo: self.counts.lo.clone(),
            hi: self.counts.hi.clone(),
        };
        self.before.iter().for_each(|&owner| counts.held[owner as usize] += 1);
        counts
    }

    pub(super) fn owners(&self, partition: usize) -> &[u32] {
        self.table.owners(partition)
    }

    /// The owners of a partition as the step found them.
    pub(super) fn former(&self, partition: usize) -> &[u32] {
        &self.before[partition * self.table.copies..][..self.table.copies]
    }

    /// How many numbers of nodes there are, the hole's included.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn slots(&self) -> usize {
        self.table.slots.len()
    }

    pub(super) fn search(&mut self, search: fn(&mut Self, &mut Counts)) {
        let mut counts = std::mem::take(&mut self.counts);
        search(self, &mut counts);
        self.counts = counts;
    }

    fn choice(&self, partition: usize, node: usize) -> u64 {
        choice(partition, self.table.partitions, self.nodes[node].seed)
    }

    /// How much more a node holds than is due to it.
    fn surplus(&self, node: usize) -> f64 {
        self.counts.held[node] as f64 - self.quotas.due[node]
    }

    fn zone_count(&self, partition: usize, zone: usize) -> usize {
        let in_zone = |&&owner: &&u32| owner != HOLE && self.quotas.zone_of[owner as usize] == zone;
        self.table.owners(partition).iter().filter(in_zone).count()
    }

    /// Copies that zones still lack in a partition, all together.
    fn lacking(&self, partition: usize) -> usize {
        let lacks = |(zone, bounds): (usize, &ZoneBounds)| match bounds.lo {
            0 => 0,
            lo => lo.saturating_sub(self.zone_count(partition, zone)),
        };
        self.quotas.zones.iter().enumerate().map(lacks).sum()
    }

    fn holes(&self, partition: usize) -> usize {
        self.table.owners(partition).iter().filter(|&&owner| owner == HOLE).count()
    }

    /// Makes holes where a zone has more copies of a partition than it may, or leaves too few slots to the others.
    fn evict(&mut self) {
        for partition in 0..self.table.partitions {
            while let Some(slot) = self.slot_to_evict(partition) {
                self.put(partition, slot, HOLE as usize);
            }
        }
    }

    fn slot_to_evict(&self, partition: usize) -> Option<usize> {
        let crowded = self.slot_with_most(partition, |zone, held| held > self.quotas.zones[zone].hi);
        crowded.or_else(|| match self.lacking(partition) > self.holes(partition) {
            true => self.slot_with_most(partition, |zone, held| held > self.quotas.zones[zone].lo),
            false => None,
        })
    }

    /// The slot of the node with the greatest surplus among those whose zone (and its copies here) qualify.
    fn slot_with_most(&self, partition: usize, qualifies: impl Fn(usize, usize) -> bool) -> Option<usize> {
        let owners = self.table.owners(partition);
        let slots = (0..owners.len()).filter(|&slot| {
            let zone = self.quotas.zone_of[owners[slot] as usize];
            owners[slot] != HOLE && qualifies(zone, self.zone_count(partition, zone))
        });
        let surplus = |slot: &usize| self.surplus(owners[*slot] as usize);
        let key = |slot: &usize| (surplus(slot), Reverse(self.choice(partition, owners[*slot] as usize)));
        slots.max_by(|a, b| {
            let (a, b) = (key(a), key(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        })
    }

    /// Gives each hole to a node that is short of its quota, the shorter the likelier, by hash.
    fn fill_holes(&mut self) {
        if self.counts.held[HOLE as usize] == 0 {
            return;
        }
        for partition in 0..self.table.partitions {
            for slot in 0..self.table.copies {
                if self.table.owners(partition)[slot] != HOLE {
                    continue;
                }
                let short = |limit: &[usize], node: usize| limit[node].saturating_sub(self.counts.held[node]);
                let must = self.best(partition, slot, |node| short(&self.counts.lo, node));
                if let Some(node) =
                    must.or_else(|| self.best(partition, slot, |node| short(&self.counts.hi, node)))
                {
                    self.put(partition, slot, node);
                }
            }
        }
    }

    /// Of the nodes with a need that may take the slot, the one with the smallest hash for its need.
    fn best(&self, partition: usize, slot: usize, need: impl Fn(usize) -> usize) -> Option<usize> {
        let mut best: Option<(u64, usize)> = None;
        for node in 1..self.nodes.len() {
            let need = need(node) as u64;
            if need == 0 {
                continue;
            }
            let score = self.choice(partition, node) / need;
            if best.is_none_or(|known| (score, node) < known) && self.may_take(partition, slot, node) {
                best = Some((score, node));
            }
        }
        best.map(|(_, node)| node)
    }

    /// Nodes that must have more take slots, in the order of their own hashes, from those that give.
    fn take_directly(&mut self, gives: fn(&Counts, usize) -> bool) {
        let mut takers: Vec<usize> =
            (1..self.nodes.len()).filter(|&node| self.counts.is_short(node)).collect();
        takers.sort_by_key(|&node| Reverse(self.counts.lo[node] - self.counts.held[node]));
        for node in takers {
            self.take_from(node, &self.order_of(node), gives);
        }
    }

    fn order_of(&self, node: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.table.partitions).collect();
        order.sort_by_cached_key(|&partition| self.choice(partition, node));
        order
    }

    fn take_from(&mut self, node: usize, order: &[usize], gives: fn(&Counts, usize) -> bool) {
        for &partition in order {
            if !self.counts.is_short(node) {
                return;
            }
            let owners = self.table.owners(partition);
            let open = |&slot: &usize| {
                gives(&self.counts, owners[slot] as usize) && self.may_take(partition, slot, node)
            };
            let surplus = |&slot: &usize| self.surplus(owners[slot] as usize);
            let slot = (0..owners.len()).filter(open).max_by(|a, b| surplus(a).total_cmp(&surplus(b)));
            if let Some(slot) = slot {
                self.put(partition, slot, node);
            }
        }
    }

    /// Nodes that still hold too much give to those that have room.
    fn give_directly(&mut self) {
        for node in 1..self.nodes.len() {
            if !self.counts.is_over(node) {
                continue;
            }
            for partition in self.order_of(node).into_iter().rev() {
                let held = self.table.owners(partition).iter().position(|&owner| owner as usize == node);
                let Some(slot) = held.filter(|_| self.counts.is_over(node)) else { continue };
                let room = |other: usize| self.counts.hi[other].saturating_sub(self.counts.held[other]);
                if let Some(taker) = self.best(partition, slot, room) {
                    self.put(partition, slot, taker);
                }
            }
        }
    }

    pub(super) fn put(&mut self, partition: usize, slot: usize, node: usize) {
        let before = std::mem::replace(&mut self.table.owners_mut(partition)[slot], node as u32);
        self.counts.held[before as usize] -= 1;
        self.counts.held[node] += 1;
    }
}

impl Board for Step<'_> {
    fn partitions(&self) -> usize {
        self.table.partitions
    }

    fn offers(&self, partition: usize, taker: usize, mut visit: impl FnMut(usize, usize)) {
        for (slot, &owner) in self.table.owners(partition).iter().enumerate() {
            if self.may_take(partition, slot, taker) {
                visit(slot, owner as usize);
            }
        }
    }

    fn is_fresh(&self, partition: usize, slot: usize) -> bool {
        !self.former(partition).contains(&self.owners(partition)[slot])
    }

    fn take(&mut self, partition: usize, slot: usize, taker: usize) {
        self.table.owners_mut(partition)[slot] = taker as u32;
    }
}

impl Step<'_> {
    /// Whether a node may stand in a slot in place of whoever does: not twice in a partition, zones within their bounds.
    pub(super) fn may_take(&self, partition: usize, slot: usize, node: usize) -> bool {
        let owners = self.table.owners(partition);
        if owners.contains(&(node as u32)) {
            return false;
        }
        let zone = self.quotas.zone_of[node];
        let ZoneBounds { lo, hi } = self.quotas.zones[zone];
        let held = || self.zone_count(partition, zone);
        match owners[slot] {
            HOLE => {
                let held = held();
                held < lo || (held < hi && self.lacking(partition) < self.holes(partition))
            }
            owner => {
                let from = self.quotas.zone_of[owner as usize];
                from == zone || (held() < hi && self.zone_count(partition, from) > self.quotas.zones[from].lo)
            }
        }
    }
}
