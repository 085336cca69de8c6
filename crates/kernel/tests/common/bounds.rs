//! What every table must keep, told from the words of the design and not from the code.

#![allow(dead_code)]

use crate::rings::{Sets, held, owners};
use rotunda_kernel::placement::Placement;
use rotunda_kernel::placement::changes::Id;
use std::collections::BTreeMap;

/// How many members each zone has.
fn zone_sizes(placement: &Placement) -> BTreeMap<&[u8], usize> {
    let mut sizes = BTreeMap::new();
    placement.members.iter().for_each(|member| *sizes.entry(&member.zone[..]).or_default() += 1);
    sizes
}

/// Copies of one partition for each zone if they are dealt out one by one, always to a zone that has fewest and has room.
fn dealt(sizes: &[usize], copies: usize) -> Vec<usize> {
    let mut dealt = vec![0; sizes.len()];
    for _ in 0..copies {
        let zone = (0..sizes.len()).filter(|&zone| dealt[zone] < sizes[zone]).min_by_key(|&zone| dealt[zone]);
        dealt[zone.expect("no more copies than members")] += 1;
    }
    dealt.retain(|&copies| copies > 0);
    dealt.sort_unstable();
    dealt
}

/// The dues follow the weights, as far as partitions and zones let them: all copies are due to somebody, to nobody more than there are
/// partitions; within a zone whoever is not at that limit is due the same for its weight, and whoever is would be due more; and so between
/// zones, where the limits are the fewest and most copies that a zone of that size can have.
pub fn check_dues(placement: &Placement) {
    const CLOSE: f64 = 1e-3;
    let partitions = placement.partitions as f64;
    let total: f64 = placement.members.iter().map(|member| member.due).sum();
    assert!((total - placement.table.len() as f64).abs() < CLOSE, "{total} due of {}", placement.table.len());
    let sizes = zone_sizes(placement);
    let fewest = |size: usize| {
        let all: Vec<usize> = sizes.values().copied().collect();
        let share = dealt(&all, placement.copies);
        let full = |level: usize| all.iter().map(|size| (*size).min(level)).sum::<usize>();
        let level = (0..=share.last().copied().unwrap_or(0)).rev().find(|&l| full(l) <= placement.copies);
        let level = level.expect("level 0 takes nothing");
        let most = if full(level) < placement.copies { level + 1 } else { level };
        (size.min(level) as f64 * partitions, size.min(most) as f64 * partitions)
    };
    // For each zone: what is due to it, its limits, and the greatest due for a weight among those not at their limit.
    let mut levels = Vec::new();
    for (&zone, &size) in &sizes {
        let members: Vec<_> = placement.members.iter().filter(|member| member.zone == zone).collect();
        let free = members.iter().filter(|member| member.due < partitions - CLOSE);
        let rates: Vec<f64> = free.map(|member| member.due / member.weight).collect();
        let level = rates.iter().copied().fold(0.0, f64::max);
        assert!(rates.iter().all(|rate| (rate / level - 1.0).abs() < CLOSE), "one rate in a zone: {rates:?}");
        for member in members.iter().filter(|member| member.due >= partitions - CLOSE) {
            assert!(member.due < partitions + CLOSE, "{} of {partitions} partitions due", member.due);
            assert!(partitions / member.weight < level * (1.0 + CLOSE) || rates.is_empty());
        }
        let due: f64 = members.iter().map(|member| member.due).sum();
        let (lo, hi) = fewest(size);
        assert!(lo - CLOSE < due && due < hi + CLOSE, "a zone of {size} is due {due}, not {lo} to {hi}");
        if !rates.is_empty() {
            levels.push((level, due - lo > CLOSE, hi - due > CLOSE));
        }
    }
    // Whoever could give is due no more for its weight than whoever could take.
    for giver in levels.iter().filter(|zone| zone.1) {
        let mut takers = levels.iter().filter(|zone| zone.2);
        assert!(takers.all(|taker| giver.0 < taker.0 * (1.0 + CLOSE)), "zones: {levels:?}");
    }
}

/// Each node within one partition (or what it was split into) of its due, and first for its even part.
pub fn check_balance(placement: &Placement, children: f64) {
    let held = held(&owners(placement));
    let mut firsts: BTreeMap<u16, usize> = BTreeMap::new();
    placement.table.chunks(placement.copies).for_each(|owners| *firsts.entry(owners[0]).or_default() += 1);
    for (number, member) in placement.members.iter().enumerate() {
        let held = held.get(&member.id).copied().unwrap_or(0) as f64;
        assert!((held - member.due).abs() < children, "{held} held, {} due", member.due);
        let firsts = firsts.get(&(number as u16)).copied().unwrap_or(0) as f64;
        let part = held / placement.copies as f64;
        assert!((firsts - part).abs() < children, "{firsts} times first, {part} would be even");
    }
}

/// Distinct owners, as far apart as zones let them be.
pub fn check_zones(placement: &Placement, sets: &Sets) {
    let zone_of: BTreeMap<Id, &[u8]> =
        placement.members.iter().map(|member| (member.id, &member.zone[..])).collect();
    let sizes: Vec<usize> = zone_sizes(placement).into_values().collect();
    let expected = dealt(&sizes, placement.copies);
    for set in sets {
        assert_eq!(set.len(), placement.copies, "distinct owners");
        let mut spread: BTreeMap<&[u8], usize> = BTreeMap::new();
        set.iter().for_each(|owner| *spread.entry(zone_of[owner]).or_default() += 1);
        let mut spread: Vec<usize> = spread.into_values().collect();
        spread.sort_unstable();
        assert_eq!(spread, expected, "zones as far apart as they can be");
    }
}
