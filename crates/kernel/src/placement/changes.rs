//! Recorded membership changes: their packed form, their canonical order, and which of them are in force.
//!
//! A removal says that a member is gone against its will, and it voids what that member had recorded and the remover had
//! not seen: the word of a node that was already out. Each removal carries the highest stamp of the removed member's own
//! changes that its author had seen (full-state gossip delivers an author's changes in order, so one number says it all).
//! Removals may void removals, in a circle too (a removes b while b removes a): who is attacked by nobody undecided is
//! decided first, and where everybody left is attacked, the first in canonical order stands.

use crate::bytes::Reader;
use crate::fault::Fault;
use std::cmp::Ordering;

/// A member's identity: 16 random bytes.
pub type Id = [u8; 16];

/// The version that a packed set begins with.
pub const CHANGES_VERSION: u8 = 1;

/// The longest zone name, in bytes.
pub const MAX_ZONE_BYTES: usize = 64;

const MIN_CHANGE_BYTES: usize = 1 + 1 + 16 + 16 + 8 + 1 + 1;
const WEIGHTS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// What happened to a member. The order is part of the canonical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It became a member, with a weight and a zone.
    Join,
    /// It left of its own accord.
    Leave,
    /// Another member declared it gone.
    Remove,
    /// Its weight changed.
    Weight,
    /// Its zone changed.
    Zone,
}

/// A recorded change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Lamport stamp: greater than that of all that its author had seen.
    pub stamp: u64,
    /// Which member recorded it.
    pub author: Id,
    /// What happened.
    pub kind: Kind,
    /// To whom.
    pub member: Id,
    /// For `Join` and `Weight`.
    pub weight: f64,
    /// For `Join` and `Zone`.
    pub zone: Vec<u8>,
    /// For `Remove`: the highest stamp of the removed member's own changes that the author had seen.
    pub seen: u64,
}

impl Change {
    /// The canonical order: stamp, author, kind, member, and then whatever else could differ.
    pub fn canonical_order(&self, other: &Change) -> Ordering {
        let key = |c: &Change| (c.stamp, c.author, c.kind, c.member, c.seen);
        let rest = || self.zone.cmp(&other.zone).then(self.weight.total_cmp(&other.weight));
        key(self).cmp(&key(other)).then_with(rest)
    }

    /// Whether this removal voids that change, if it is in force.
    fn voids(&self, change: &Change) -> bool {
        self.member == change.author && change.stamp > self.seen
    }
}

/// Reads a packed set: `[version][count]` and for each change `[kind][stamp][author 16][member 16][weight f64 BE][zone length]`
/// `[zone][seen]`; numbers are varints.
pub fn decode(bytes: &[u8]) -> Result<Vec<Change>, Fault> {
    read(bytes).ok_or(Fault::BadChanges)
}

fn read(bytes: &[u8]) -> Option<Vec<Change>> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != CHANGES_VERSION {
        return None;
    }
    let count = usize::try_from(reader.varint()?).ok()?;
    if count > reader.rest().len() / MIN_CHANGE_BYTES {
        return None;
    }
    let changes = (0..count).map(|_| read_change(&mut reader)).collect::<Option<Vec<_>>>()?;
    reader.rest().is_empty().then_some(changes)
}

fn read_change(reader: &mut Reader<'_>) -> Option<Change> {
    let kind = match reader.byte()? {
        0 => Kind::Join,
        1 => Kind::Leave,
        2 => Kind::Remove,
        3 => Kind::Weight,
        4 => Kind::Zone,
        _ => return None,
    };
    let stamp = reader.varint()?;
    let (author, member) = (*reader.array()?, *reader.array()?);
    let weight = f64::from_be_bytes(*reader.array()?);
    let zone = reader.sized()?.to_vec();
    let seen = reader.varint()?;
    let sound = WEIGHTS.contains(&weight) && zone.len() <= MAX_ZONE_BYTES;
    sound.then_some(Change { stamp, author, kind, member, weight, zone, seen })
}

/// The changes in canonical order, without doubles and without those that a removal in force voids.
pub fn in_force(changes: &[Change]) -> Vec<&Change> {
    in_force_after(&[], changes).0
}

/// The same for changes that follow others, of whose removals these stand; none of the changes may void an earlier one. With them
/// the removals among them that stand: one that its own member recorded can void itself, and stands all the same.
pub(super) fn in_force_after<'x>(
    standing: &[Change],
    changes: &'x [Change],
) -> (Vec<&'x Change>, Vec<&'x Change>) {
    let mut ordered: Vec<&Change> = changes.iter().collect();
    ordered.sort_by(|a, b| a.canonical_order(b));
    ordered.dedup();
    ordered.retain(|change| !standing.iter().any(|removal| removal.voids(change)));
    let removals = removals_in_force(&ordered);
    ordered.retain(|change| !removals.iter().any(|removal| removal.voids(change)));
    (ordered, removals)
}

/// Decides the removals; see the top of this file.
fn removals_in_force<'x>(ordered: &[&'x Change]) -> Vec<&'x Change> {
    let mut undecided: Vec<&Change> = ordered.iter().copied().filter(|c| c.kind == Kind::Remove).collect();
    let mut standing: Vec<&Change> = Vec::new();
    while !undecided.is_empty() {
        let attacked =
            |r: &Change, by: &[&Change]| by.iter().any(|other| !std::ptr::eq(*other, r) && other.voids(r));
        let free = undecided.iter().position(|r| !attacked(r, &undecided));
        let removal = undecided.remove(free.unwrap_or(0));
        standing.push(removal);
        undecided.retain(|other| !removal.voids(other));
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Id {
        [n; 16]
    }

    fn change(stamp: u64, author: u8, kind: Kind, member: u8) -> Change {
        let (author, member) = (id(author), id(member));
        Change { stamp, author, kind, member, weight: 1.0, zone: Vec::new(), seen: stamp - 1 }
    }

    #[test]
    fn a_removal_voids_what_its_author_had_not_seen() {
        let seen = change(3, 2, Kind::Weight, 2);
        let unseen = change(4, 2, Kind::Remove, 3);
        let removal = Change { seen: 3, ..change(9, 1, Kind::Remove, 2) };
        let changes = [unseen, removal.clone(), seen.clone()];
        assert_eq!(in_force(&changes), [&seen, &removal]);
    }

    #[test]
    fn a_voided_removal_voids_nothing() {
        let late = change(20, 3, Kind::Weight, 3);
        let by_removed = Change { seen: 2, ..change(10, 2, Kind::Remove, 3) };
        let removal = Change { seen: 2, ..change(11, 1, Kind::Remove, 2) };
        let changes = [late.clone(), by_removed, removal.clone()];
        assert_eq!(in_force(&changes), [&removal, &late]);
    }

    #[test]
    fn of_two_that_remove_each_other_the_first_in_order_stands() {
        let first = Change { seen: 1, ..change(5, 1, Kind::Remove, 2) };
        let second = Change { seen: 1, ..change(5, 2, Kind::Remove, 1) };
        assert_eq!(in_force(&[second.clone(), first.clone()]), [&first]);
    }
}
