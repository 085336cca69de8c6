//! How many copies each node should hold.
//!
//! A zone takes between `lo` and `hi` copies of each partition, as even as the zones' sizes allow: three copies over two
//! zones are 2 + 1 or 1 + 2, over three zones 1 + 1 + 1; a zone with one node never takes two. A node takes at most one
//! copy of each partition. Within these bounds copies follow the weights: there is one level λ such that node i is due
//! `min(λ · weight, Q)`, a zone that this would bring over its bounds gets a level of its own. Weights 1, 1, 2, 4, 8 and
//! three copies give Q/4, Q/4, Q/2, Q, Q: the two heavy nodes hold everything once, the rest share the third copy.
//!
//! Only `+ - * / min max` are used: every machine gets the same bits.

use super::changes::Id;
use super::roster::{Roster, Standing};
use std::collections::BTreeMap;

/// A node as far as placement is concerned.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Whether it is a member now.
    pub present: bool,
    /// Its share relative to others.
    pub weight: f64,
    /// Its zone.
    pub zone: Vec<u8>,
    /// Where its choices by hash begin.
    pub seed: u64,
}

/// How many copies of one partition a zone takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneBounds {
    /// At least.
    pub lo: usize,
    /// At most.
    pub hi: usize,
}

/// What each node may hold, by number; absent nodes nothing.
#[derive(Clone, Debug)]
pub struct Quotas {
    /// Copies of a partition: as many as asked for, or as there are members.
    pub copies: usize,
    /// What is due to each node.
    pub due: Vec<f64>,
    /// The zone of each node, as an index into `zones`.
    pub zone_of: Vec<usize>,
    /// The bounds of each zone.
    pub zones: Vec<ZoneBounds>,
}

/// A due this close to a whole number is that number: the halving in [`solve`] ends a hair beside it.
const ROUNDING: f64 = 1e-6;

fn snapped(due: f64) -> f64 {
    if (due - due.round()).abs() < ROUNDING { due.round() } else { due }
}

impl Quotas {
    /// The due of a node rounded down.
    pub fn lo(&self, node: usize) -> usize {
        self.due[node].floor() as usize
    }

    /// The due of a node rounded up.
    pub fn hi(&self, node: usize) -> usize {
        self.due[node].ceil() as usize
    }
}

/// The members of a roster by number, from 1 on in the order of their ids; number 0 is nobody.
pub(super) fn peers(roster: &Roster) -> Vec<Peer> {
    let nobody = Peer { present: false, weight: 0.0, zone: Vec::new(), seed: 0 };
    let peer = |(id, standing): (&Id, &Standing)| Peer {
        present: true,
        weight: standing.weight,
        zone: standing.zone.clone(),
        seed: super::grid::seed(id),
    };
    std::iter::once(nobody).chain(roster.members.iter().map(peer)).collect()
}

/// The quotas of the present nodes for `partitions` with at most `copies` owners.
pub fn quotas(nodes: &[Peer], partitions: usize, copies: usize) -> Quotas {
    let present = |node: &&Peer| node.present;
    let mut sizes: BTreeMap<&[u8], usize> = BTreeMap::new();
    nodes.iter().filter(present).for_each(|node| *sizes.entry(&node.zone).or_default() += 1);
    let copies = copies.min(sizes.values().sum());
    let zones = zone_bounds(&sizes.values().copied().collect::<Vec<_>>(), copies);
    let index: BTreeMap<&[u8], usize> = sizes.keys().enumerate().map(|(at, &zone)| (zone, at)).collect();
    let zone_of: Vec<usize> =
        nodes.iter().map(|node| index.get(&node.zone[..]).copied().unwrap_or(0)).collect();

    let mut weights = vec![Vec::new(); zones.len()];
    for (node, &zone) in nodes.iter().zip(&zone_of).filter(|(node, _)| node.present) {
        weights[zone].push(node.weight);
    }
    let levels = zone_levels(&weights, &zones, partitions as f64, copies as f64);
    let due = |(node, &zone): (&Peer, &usize)| match node.present {
        true => snapped((levels[zone] * node.weight).min(partitions as f64)),
        false => 0.0,
    };
    Quotas { copies, due: nodes.iter().zip(&zone_of).map(due).collect(), zone_of, zones }
}

/// Copies of one partition for each zone: everyone up to a level, and the rest of the copies one above it.
fn zone_bounds(sizes: &[usize], copies: usize) -> Vec<ZoneBounds> {
    let filled = |level: usize| sizes.iter().map(|&size| size.min(level)).sum::<usize>();
    let most = sizes.iter().copied().max().unwrap_or(0);
    let level = (0..=most).rev().find(|&level| filled(level) <= copies).unwrap_or(0);
    let above = usize::from(filled(level) < copies);
    sizes.iter().map(|&size| ZoneBounds { lo: size.min(level), hi: size.min(level + above) }).collect()
}

/// Copies that nodes of these weights take at a level, each at most one of every partition.
fn taken(weights: &[f64], level: f64, partitions: f64) -> f64 {
    weights.iter().map(|weight| (level * weight).min(partitions)).sum()
}

fn zone_levels(weights: &[Vec<f64>], zones: &[ZoneBounds], partitions: f64, copies: f64) -> Vec<f64> {
    let lightest = weights.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let bounded = |zone: usize, level: f64| {
        let ZoneBounds { lo, hi } = zones[zone];
        taken(&weights[zone], level, partitions).clamp(lo as f64 * partitions, hi as f64 * partitions)
    };
    let all = |level: f64| (0..zones.len()).map(|zone| bounded(zone, level)).sum::<f64>();
    let common = solve(all, copies * partitions, partitions / lightest);
    let own = |zone: usize| {
        let target = bounded(zone, common);
        solve(|level| taken(&weights[zone], level, partitions), target, partitions / lightest)
    };
    (0..zones.len()).map(own).collect()
}

/// The level at which a rising function reaches its target, by halving until two neighbouring numbers are left.
fn solve(rising: impl Fn(f64) -> f64, target: f64, most: f64) -> f64 {
    let (mut low, mut high) = (0.0, most);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if rising(middle) < target { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues(nodes: &[(f64, u8)], copies: usize) -> Vec<f64> {
        let peer = |&(weight, zone): &(f64, u8)| Peer { present: true, weight, zone: vec![zone], seed: 0 };
        let nodes: Vec<Peer> = nodes.iter().map(peer).collect();
        let rounded = |due: &f64| (due * 1e6).round() / 1e6;
        quotas(&nodes, 256, copies).due.iter().map(rounded).collect()
    }

    #[test]
    fn what_a_heavy_node_cannot_take_is_shared_by_weight() {
        let nodes = [(1.0, 0), (1.0, 0), (2.0, 0), (4.0, 0), (8.0, 0)];
        assert_eq!(dues(&nodes, 3), [64.0, 64.0, 128.0, 256.0, 256.0]);
    }

    #[test]
    fn a_zone_takes_no_more_than_its_share_and_no_less_than_its_part() {
        let third = (256e6_f64 / 3.0).round() / 1e6;
        assert_eq!(dues(&[(1.0, 0), (1.0, 0), (1.0, 0), (1.0, 1)], 2), [third, third, third, 256.0]);
        assert_eq!(dues(&[(9.0, 0), (9.0, 1), (1.0, 2)], 3), [256.0, 256.0, 256.0]);
        let nodes = [(50.0, 0), (50.0, 0), (50.0, 1), (50.0, 1), (1.0, 2)];
        assert_eq!(dues(&nodes, 4), [192.0, 192.0, 192.0, 192.0, 256.0]);
    }

    #[test]
    fn zones_share_copies_as_evenly_as_their_sizes_allow() {
        let bounds = |sizes: &[usize], copies| {
            zone_bounds(sizes, copies).iter().map(|bounds| (bounds.lo, bounds.hi)).collect::<Vec<_>>()
        };
        assert_eq!(bounds(&[5, 5], 3), [(1, 2), (1, 2)]);
        assert_eq!(bounds(&[5, 1], 3), [(2, 2), (1, 1)]);
        assert_eq!(bounds(&[2, 2, 2, 2], 3), [(0, 1); 4]);
        assert_eq!(bounds(&[3, 1, 4], 5), [(2, 2), (1, 1), (2, 2)]);
        assert_eq!(bounds(&[2, 2], 4), [(2, 2), (2, 2)]);
    }
}
