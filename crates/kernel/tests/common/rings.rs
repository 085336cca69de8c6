//! Rings that tests of placement share: members by number, histories by chance on one side or on several, what moved.
#![allow(dead_code)]

use crate::common::Chance;
use rotunda_kernel::placement::changes::{Act, Change, Id};
use rotunda_kernel::placement::{Checkpoint, Placement};
use std::collections::{BTreeMap, BTreeSet};

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
    match placement.copies {
        0 => vec![BTreeSet::new(); placement.partitions],
        copies => placement.table.chunks(copies).map(ids).collect(),
    }
}

/// How many partitions each owns.
pub fn held(sets: &Sets) -> BTreeMap<Id, usize> {
    let mut held = BTreeMap::new();
    sets.iter().flatten().for_each(|owner| *held.entry(*owner).or_default() += 1);
    held
}

/// The same owners of so many partitions, no fewer.
pub fn split_to(sets: &Sets, partitions: usize) -> Sets {
    (0..partitions).map(|partition| sets[partition * sets.len() / partitions].clone()).collect()
}

/// Copies that came to a partition's owners anew.
pub fn moved(before: &Sets, after: &Sets) -> usize {
    after.iter().zip(before).map(|(after, before)| after.difference(before).count()).sum()
}

/// Who must take, and what nobody may keep: no step can do with fewer moves than that.
pub fn least_by_counting(placement: &Placement, before: &Sets) -> usize {
    let held = held(before);
    let members = || {
        let held = |id: &Id| held.get(id).copied().unwrap_or(0);
        placement.members.iter().map(move |member| (held(&member.id), member.due))
    };
    let short: usize = members().map(|(held, due)| (due.floor() as usize).saturating_sub(held)).sum();
    let kept: usize = members().map(|(held, due)| held.min(due.ceil() as usize)).sum();
    short.max(placement.table.len().saturating_sub(kept))
}

/// A set of changes and the checkpoint after it: what one node knows.
#[derive(Clone)]
pub struct Log {
    pub changes: Vec<Change>,
    pub checkpoint: Checkpoint,
}

impl Log {
    /// A cluster without members.
    pub fn new(partitions: usize, copies: usize) -> Self {
        Log { changes: vec![], checkpoint: Checkpoint::of(partitions, copies, &[]).expect("valid") }
    }

    pub fn placement(&self) -> &Placement {
        self.checkpoint.placement()
    }

    /// A change recorded here and now.
    pub fn next(&self, author: Id, act: Act) -> Change {
        let stamp = 1 + self.changes.iter().map(|change| change.stamp).max().unwrap_or(0);
        Change { stamp, author, after: Some(self.placement().heads.clone()), act }
    }

    pub fn with(&self, author: Id, act: Act) -> Log {
        self.having(&[self.next(author, act)])
    }

    /// After hearing of these changes too.
    pub fn having(&self, heard: &[Change]) -> Log {
        let changes = [&self.changes[..], heard].concat();
        Log { checkpoint: self.checkpoint.after(&changes).expect("valid"), changes }
    }

    /// So many members, joining one after another, dealt out over zones.
    pub fn grown(partitions: usize, copies: usize, members: u64, zones: u64, weights: &[f64]) -> Log {
        let empty = Log::new(partitions, copies);
        let join = |number: u64| Change {
            stamp: number,
            author: id(1),
            after: Some(if number == 1 { vec![] } else { vec![(number - 1, id(1))] }),
            act: Act::Join {
                member: id(number),
                weight: weights[number as usize % weights.len()],
                zone: vec![(number % zones) as u8],
            },
        };
        empty.having(&(1..=members).map(join).collect::<Vec<_>>())
    }
}

/// What acts by chance may be.
#[derive(Clone, Debug)]
pub struct Plan {
    pub members: usize,
    pub zones: usize,
    pub weights: Vec<f64>,
    /// Partitions that splits stop at.
    pub most_partitions: usize,
}

/// An act by chance on a ring, on the member of that number if somebody comes.
pub fn act(chance: &mut Chance, placement: &Placement, plan: &Plan, number: u64) -> Act {
    let weight = plan.weights[chance.below(plan.weights.len())];
    let zone = vec![chance.below(plan.zones) as u8];
    let member = id(number);
    if placement.members.is_empty() {
        return Act::Join { member, weight, zone };
    }
    let somebody = placement.members[chance.below(placement.members.len())].id;
    let seen = u64::from(u32::MAX);
    match chance.below(24) {
        0..=8 if placement.members.len() < plan.members => Act::Join { member, weight, zone },
        0..=11 => Act::Leave { member: somebody },
        12..=13 => Act::Remove { member: somebody, seen },
        14..=15 => Act::Replace { member, weight, zone, replaced: somebody, seen },
        16..=18 => Act::Weight { member: somebody, weight },
        19..=20 => Act::Zone { member: somebody, zone },
        21 if placement.partitions < plan.most_partitions => {
            Act::Split { partitions: 2 * placement.partitions }
        }
        _ => Act::Copies { copies: 1 + chance.below(5) },
    }
}
