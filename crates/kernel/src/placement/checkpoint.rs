//! What was computed once and need not be again: the tables of changes and of sets of them, each under its key.
//!
//! A change's table follows from the change and what its author had seen, whatever else is heard of later: a checkpoint is never wrong,
//! only of use or not. It keeps the table of the set that it was made for, the tables of that set's latest changes, and some that the checkpoint
//! before it kept, for a change that comes late was made on top of one of those.

use super::changes::Change;
use super::history::{History, Key};
use super::plan::Plan;
use super::roster::Roster;
use super::step;
use super::table::Table;
use super::{MAX_COPIES, MAX_PARTITIONS, Placement};
use crate::fault::Fault;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many tables a checkpoint keeps.
const KEPT: usize = 8;

/// A roster and its table.
pub(super) struct Stage {
    pub roster: Roster,
    pub table: Table,
}

/// A placement, and what shortens the way to the next.
#[derive(Clone)]
pub struct Checkpoint {
    birth: (usize, usize),
    placement: Arc<Placement>,
    current: Arc<Stage>,
    /// The latest first.
    kept: Vec<(Key, Arc<Stage>)>,
}

impl Checkpoint {
    /// The placement after these changes (in any order, doubles allowed), in a cluster born with `partitions` (a power of two)
    /// and at most `copies` owners of each.
    pub fn of(partitions: usize, copies: usize, changes: &[Change]) -> Result<Self, Fault> {
        let sound = partitions.is_power_of_two()
            && partitions <= MAX_PARTITIONS
            && (1..=MAX_COPIES).contains(&copies);
        if sound { Self::made(partitions, copies, &[], changes) } else { Err(Fault::BadChanges) }
    }

    /// The placement after these changes: all of them, not only what is new.
    pub fn after(&self, changes: &[Change]) -> Result<Self, Fault> {
        Self::made(self.birth.0, self.birth.1, &self.kept, changes)
    }

    /// What would move if these were all the changes.
    pub fn plan(&self, changes: &[Change]) -> Result<Plan, Fault> {
        let after = self.after(changes)?;
        Ok(Plan::between(&self.current.table, &after.current.table))
    }

    /// Members and table.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    fn made(
        partitions: usize,
        copies: usize,
        kept: &[(Key, Arc<Stage>)],
        changes: &[Change],
    ) -> Result<Self, Fault> {
        let history = History::new(partitions, copies, changes);
        let mut replay = Replay::new(partitions, copies, &history, kept);
        let current = replay.run();
        let placement = Placement::of(&history, &current)?;
        let kept = replay.keep(kept);
        Ok(Checkpoint { birth: (partitions, copies), placement: Arc::new(placement), current, kept })
    }
}

struct Replay<'h> {
    partitions: usize,
    copies: usize,
    history: &'h History<'h>,
    stages: BTreeMap<Key, Arc<Stage>>,
}

/// What a replay has to compute, and until when it needs what.
struct Wanted {
    changes: Vec<bool>,
    last_use: BTreeMap<Key, usize>,
}

impl<'h> Replay<'h> {
    fn new(partitions: usize, copies: usize, history: &'h History<'h>, kept: &[(Key, Arc<Stage>)]) -> Self {
        let mut stages: BTreeMap<Key, Arc<Stage>> = kept.iter().cloned().collect();
        let roster = Roster::new(partitions, copies);
        let table = Table { partitions, ..Table::default() };
        stages.insert(history.key_of(&[]), Arc::new(Stage { roster, table }));
        Replay { partitions, copies, history, stages }
    }

    /// The stage of all changes.
    fn run(&mut self) -> Arc<Stage> {
        let wanted = self.wanted();
        let mut done_with: Vec<Vec<Key>> = vec![Vec::new(); wanted.changes.len() + 1];
        wanted.last_use.iter().for_each(|(key, &number)| done_with[number].push(*key));
        for number in (0..wanted.changes.len()).filter(|&number| wanted.changes[number]) {
            let stage = self.changed(number);
            self.stages.insert(self.history.key_of(&[number]), stage);
            for key in &done_with[number] {
                self.stages.remove(key);
            }
        }
        self.stage_of(&self.history.heads)
    }

    fn wanted(&self) -> Wanted {
        let end = self.history.changes.len();
        let mut wanted = Wanted { changes: vec![false; end], last_use: BTreeMap::new() };
        self.want(&self.history.heads, end, &mut wanted);
        for number in (0..end).rev() {
            if wanted.changes[number] {
                self.want(&self.history.parents[number], number, &mut wanted);
            }
        }
        wanted
    }

    fn want(&self, numbers: &[usize], user: usize, wanted: &mut Wanted) {
        let key = self.history.key_of(numbers);
        let last = wanted.last_use.entry(key).or_default();
        *last = user.max(*last);
        if self.stages.contains_key(&key) {
            return;
        }
        match numbers {
            [one] => wanted.changes[*one] = true,
            several => several.iter().for_each(|&one| self.want(&[one], user, wanted)),
        }
    }

    /// The stage of these changes and their pasts, merged where they are several.
    fn stage_of(&mut self, numbers: &[usize]) -> Arc<Stage> {
        let key = self.history.key_of(numbers);
        if let Some(known) = self.stages.get(&key) {
            return known.clone();
        }
        let sides: Vec<Arc<Stage>> = numbers.iter().map(|&number| self.stage_of(&[number])).collect();
        let roster = self.roster_of(numbers);
        let alike =
            |side: &Arc<Stage>| side.roster.places_alike(&roster) && side.table.agrees_with(&sides[0].table);
        let table = match sides.iter().all(alike) {
            true => sides[0].table.split_to(roster.partitions),
            false => step::settled(&sides.iter().map(|side| &side.table).collect::<Vec<_>>(), &roster),
        };
        let stage = Arc::new(Stage { roster, table });
        self.stages.insert(key, stage.clone());
        stage
    }

    /// The stage of a change, from that of what its author had seen.
    fn changed(&mut self, number: usize) -> Arc<Stage> {
        let before = self.stage_of(&self.history.parents[number]);
        let followed = before.roster.followed_by(self.history.changes[number]);
        let roster = followed.unwrap_or_else(|| self.roster_of(&[number]));
        let table = match roster.places_alike(&before.roster) {
            true => before.table.split_to(roster.partitions),
            false => step::settled(&[&before.table], &roster),
        };
        Arc::new(Stage { roster, table })
    }

    fn roster_of(&self, numbers: &[usize]) -> Roster {
        let past = self.history.past_of(numbers);
        Roster::of(self.partitions, self.copies, &self.history.changes_of(&past))
    }

    /// What the next checkpoint may want: the latest stages of this replay, then the latest of those before it.
    fn keep(mut self, before: &[(Key, Arc<Stage>)]) -> Vec<(Key, Arc<Stage>)> {
        let heads = &self.history.heads;
        let mut kept: Vec<(Key, Arc<Stage>)> = Vec::new();
        let all = std::iter::once(self.history.key_of(heads));
        for key in all.chain(heads.iter().rev().map(|&head| self.history.key_of(&[head]))) {
            kept.extend(self.stages.remove(&key).map(|stage| (key, stage)));
        }
        kept.extend(before.iter().cloned());
        let mut seen = BTreeSet::new();
        kept.retain(|(key, _)| seen.insert(*key));
        kept.truncate(KEPT);
        kept
    }
}
