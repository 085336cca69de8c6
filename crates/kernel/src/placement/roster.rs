//! Who belongs to the cluster and what it asks for, as the changes in force say: without any table.

use super::changes::{Act, Change, Id};
use super::voids::{Removal, in_force, voids};
use std::collections::{BTreeMap, BTreeSet};

/// A present member as the changes describe it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub weight: f64,
    pub zone: Vec<u8>,
}

/// What the changes in force come to.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    /// Q.
    pub partitions: usize,
    /// N as asked for, whatever the number of members.
    pub copies: usize,
    pub members: BTreeMap<Id, Standing>,
    /// Who left, was removed or replaced; they never return.
    pub gone: BTreeSet<Id>,
    /// Who took the place of whom.
    pub successors: BTreeMap<Id, Id>,
    removals: Vec<Removal>,
    /// The highest stamp of each author's changes, void ones included.
    highest: BTreeMap<Id, u64>,
}

impl Roster {
    /// Nobody yet.
    pub fn new(partitions: usize, copies: usize) -> Self {
        Roster {
            partitions,
            copies,
            members: BTreeMap::new(),
            gone: BTreeSet::new(),
            successors: BTreeMap::new(),
            removals: Vec::new(),
            highest: BTreeMap::new(),
        }
    }

    /// After these changes, in canonical order.
    pub fn of(partitions: usize, copies: usize, ordered: &[&Change]) -> Self {
        let mut roster = Roster::new(partitions, copies);
        let (in_force, removals) = in_force(ordered);
        roster.removals = removals;
        in_force.into_iter().for_each(|change| roster.record(change));
        ordered.iter().for_each(|change| roster.heard_of(change));
        roster
    }

    /// After one more change, whose author had seen all of these; nothing if it takes any of them back.
    pub fn followed_by(&self, change: &Change) -> Option<Self> {
        let takes_back =
            |(member, seen): Removal| member == change.author || self.highest.get(&member) > Some(&seen);
        if change.removal().is_some_and(takes_back) {
            return None;
        }
        let mut next = self.clone();
        next.heard_of(change);
        if !self.removals.iter().any(|&removal| voids(removal, change)) {
            next.removals.extend(change.removal());
            next.record(change);
        }
        Some(next)
    }

    /// Whether a table that suits one suits the other too, but for the number of partitions.
    pub fn places_alike(&self, other: &Roster) -> bool {
        self.copies == other.copies && self.members == other.members
    }

    fn heard_of(&mut self, change: &Change) {
        let highest = self.highest.entry(change.author).or_default();
        *highest = change.stamp.max(*highest);
    }

    fn record(&mut self, change: &Change) {
        match &change.act {
            Act::Join { member, weight, zone } => {
                self.join(*member, *weight, zone);
            }
            Act::Leave { member } | Act::Remove { member, .. } => {
                self.depart(*member);
            }
            Act::Weight { member, weight } => {
                self.members.entry(*member).and_modify(|standing| standing.weight = *weight);
            }
            Act::Zone { member, zone } => {
                self.members.entry(*member).and_modify(|standing| standing.zone.clone_from(zone));
            }
            Act::Replace { member, weight, zone, replaced, .. } => {
                let was_present = self.depart(*replaced);
                if self.join(*member, *weight, zone) && was_present {
                    self.successors.insert(*replaced, *member);
                }
            }
            Act::Split { partitions } => self.partitions = self.partitions.max(*partitions),
            Act::Copies { copies } => self.copies = *copies,
        }
    }

    /// Whether the member is a new one.
    fn join(&mut self, member: Id, weight: f64, zone: &[u8]) -> bool {
        if self.gone.contains(&member) || self.members.contains_key(&member) {
            return false;
        }
        self.members.insert(member, Standing { weight, zone: zone.to_vec() });
        true
    }

    /// Whether the member was present.
    fn depart(&mut self, member: Id) -> bool {
        self.gone.insert(member);
        self.members.remove(&member).is_some()
    }

    /// The present member that owns what this one owned: itself, or who took its place.
    pub fn heir(&self, member: &Id) -> Option<Id> {
        let mut heir = *member;
        while !self.members.contains_key(&heir) {
            heir = *self.successors.get(&heir)?;
        }
        Some(heir)
    }
}
