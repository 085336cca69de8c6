//! Rings that tests of placement share: members by number, histories by chance, what moved.
#![allow(dead_code)]

use crate::common::Chance;
use rotunda_kernel::placement::Placement;
use rotunda_kernel::placement::changes::{Act, Change, Id};
use std::collections::BTreeSet;

/// The owners of each partition.
pub type Sets = Vec<BTreeSet<Id>>;

/// The identity of a member that tests name by a number.
pub fn id(number: u64) -> Id {
    let mut chance = Chance(number);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&chance.bits().to_be_bytes());
    id[8..].copy_from_slice(&chance.bits().to_be_bytes());
    id
}

/// Who owns each partition of a placement.
pub fn owners(placement: &Placement) -> Sets {
    let ids = |owners: &[u16]| owners.iter().map(|&index| placement.members[index as usize].id).collect();
    if placement.copies == 0 { vec![] } else { placement.table.chunks(placement.copies).map(ids).collect() }
}

/// Who must take, whom too much must be taken from, what has no owner any more: no step can do with fewer moves than that.
pub fn least_by_counting(placement: &Placement, before: &Sets) -> usize {
    let held = |id: &Id| before.iter().filter(|set| set.contains(id)).count();
    let present = |id: &&Id| placement.members.iter().any(|member| member.id == **id);
    let stays: usize = before.iter().map(|set| set.iter().filter(present).count()).sum();
    let members = || placement.members.iter().map(|member| (held(&member.id), member.due));
    let short: usize = members().map(|(held, due)| (due.floor() as usize).saturating_sub(held)).sum();
    let over: usize = members().map(|(held, due)| held.saturating_sub(due.ceil() as usize)).sum();
    short.max(placement.table.len() - stays + over)
}

/// Copies that came to a partition's owners anew.
pub fn moved(before: &Sets, after: &Sets) -> usize {
    after.iter().zip(before).map(|(after, before)| after.difference(before).count()).sum()
}

/// What histories by chance may hold.
#[derive(Clone, Copy)]
pub struct Plan {
    pub partitions: usize,
    pub members: usize,
    pub zones: usize,
    pub equal_weights: bool,
}

/// A history by chance: it grows to about as many members as planned, then members come and go.
pub fn history(seed: u64, plan: Plan) -> (usize, Vec<Change>) {
    let mut chance = Chance(seed);
    let copies = 1 + chance.below(5);
    let zones = 1 + chance.below(plan.zones);
    let mut present: Vec<u64> = Vec::new();
    let mut changes = Vec::new();
    for stamp in 1..=(plan.members + chance.below(plan.members)) as u64 {
        let weight =
            if plan.equal_weights { 1.0 } else { [1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 0.5][chance.below(7)] };
        let zone = vec![chance.below(zones) as u8];
        let weighed = chance.below(20);
        let somebody = |chance: &mut Chance| id(present[chance.below(present.len())]);
        let act = match weighed {
            0..=11 if present.len() < plan.members => Act::Join { member: id(stamp), weight, zone },
            _ if present.is_empty() => Act::Join { member: id(stamp), weight, zone },
            0..=14 => Act::Leave { member: somebody(&mut chance) },
            15..=16 => Act::Remove { member: somebody(&mut chance), seen: stamp - 1 },
            17..=18 => Act::Weight { member: somebody(&mut chance), weight },
            _ => Act::Zone { member: somebody(&mut chance), zone },
        };
        match act {
            Act::Join { .. } => present.push(stamp),
            Act::Leave { member } | Act::Remove { member, .. } => {
                present.retain(|&other| id(other) != member)
            }
            _ => {}
        }
        changes.push(Change { stamp, author: id(0), after: None, act });
    }
    (copies, changes)
}

/// So many members, joining one after another, dealt out over zones.
pub fn joins(members: u64, zones: u64) -> Vec<Change> {
    let join = |stamp: u64| {
        let zone = vec![(stamp % zones) as u8];
        let act = Act::Join { member: id(stamp), weight: 1.0, zone };
        Change { stamp, author: id(0), after: None, act }
    };
    (1..=members).map(join).collect()
}
