//! A replay that can be taken up again: the table after some changes, and what later ones must be held against.
//!
//! What follows costs its own steps only, instead of the whole history's. It gives the same table as a replay from the
//! beginning, or nothing: a change that comes before the last one in canonical order would have been applied earlier, and a
//! removal that voids a change of the checkpoint takes back what the table rests on. Then the caller replays everything.
//!
//! Why the removals of a checkpoint stay decided: whoever attacks one of them is in the checkpoint too (a later removal that
//! did would be refused), so nothing that comes later changes which of them stand.

use super::changes::{Change, Id, Kind, in_force_after};
use super::{MAX_COPIES, MAX_PARTITIONS, Placement, Replay};
use crate::fault::Fault;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Where a replay has come to.
#[derive(Clone)]
pub struct Checkpoint {
    replay: Replay,
    /// Removals in force.
    standing: Vec<Change>,
    /// The last change in canonical order, also if it is void.
    last: Option<Change>,
    /// The highest stamp of each author's changes, void ones included.
    highest: BTreeMap<Id, u64>,
}

impl Checkpoint {
    /// The replay of these changes (in any order, doubles allowed) for `partitions` (a power of two) and at most `copies` owners each.
    pub fn of(partitions: usize, copies: usize, changes: &[Change]) -> Result<Self, Fault> {
        let sound = partitions.is_power_of_two()
            && partitions <= MAX_PARTITIONS
            && (1..=MAX_COPIES).contains(&copies);
        if !sound {
            return Err(Fault::BadChanges);
        }
        let replay = Replay::new(partitions, copies);
        let mut checkpoint =
            Checkpoint { replay, standing: Vec::new(), last: None, highest: BTreeMap::new() };
        checkpoint.apply(changes);
        Ok(checkpoint)
    }

    /// The checkpoint after these changes too (in any order, doubles allowed); nothing if they do not all follow it.
    pub fn advanced(&self, later: &[Change]) -> Option<Self> {
        if !later.iter().all(|change| self.is_followed_by(change)) {
            return None;
        }
        let mut advanced = self.clone();
        advanced.apply(later);
        Some(advanced)
    }

    /// Members and table as they are here.
    pub fn placement(&self) -> Result<Placement, Fault> {
        self.replay.placement()
    }

    fn is_followed_by(&self, change: &Change) -> bool {
        let comes_later =
            self.last.as_ref().is_none_or(|last| last.canonical_order(change) == Ordering::Less);
        let highest = self.highest.get(&change.member).copied().unwrap_or(0);
        comes_later && (change.kind != Kind::Remove || highest <= change.seen)
    }

    fn apply(&mut self, changes: &[Change]) {
        let (in_force, removals) = in_force_after(&self.standing, changes);
        self.standing.extend(removals.into_iter().cloned());
        for change in in_force {
            if self.replay.record(change) {
                self.replay.step();
            }
        }
        for change in changes {
            let highest = self.highest.entry(change.author).or_default();
            *highest = change.stamp.max(*highest);
        }
        let last = changes.iter().max_by(|a, b| a.canonical_order(b));
        self.last = last.cloned().or(self.last.take());
    }
}
