//! Recorded membership changes: what they say, their canonical order and their packed form.
//!
//! A change is an explicit act of a person, recorded by a member. It names what its author had seen: the latest changes before
//! it (`after`), of which everything that they had seen follows. So a set of changes is a graph, as a repository of commits
//! is, and which of them were made without knowledge of each other can be told.

use crate::bytes::{MAX_NUMBER, Reader};
use crate::fault::Fault;
use std::cmp::Ordering;

/// A member's identity: 16 random bytes.
pub type Id = [u8; 16];

/// The version that a packed set begins with. Version 1 had no `after`, and no change of a cluster.
pub const CHANGES_VERSION: u8 = 2;

/// The longest zone name, in bytes.
pub const MAX_ZONE_BYTES: usize = 64;

/// The most changes that one can name as those it follows.
pub const MAX_AFTER: usize = 1024;

const MIN_CHANGE_BYTES: usize = 1 + 1 + 16 + 1 + 1;
const WEIGHTS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// Names a change: stamp and author.
pub type Mark = (u64, Id);

/// What happened. The order of the kinds is part of the canonical order.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A member came.
    Join {
        /// Who.
        member: Id,
        /// Its share relative to others.
        weight: f64,
        /// Where it stands.
        zone: Vec<u8>,
    },
    /// A member left of its own accord.
    Leave {
        /// Who.
        member: Id,
    },
    /// Another member declared it gone.
    Remove {
        /// Who is gone.
        member: Id,
        /// The highest stamp of the removed member's own changes that the author had seen.
        seen: u64,
    },
    /// A member's weight changed.
    Weight {
        /// Whose.
        member: Id,
        /// From now on.
        weight: f64,
    },
    /// A member's zone changed.
    Zone {
        /// Whose.
        member: Id,
        /// From now on.
        zone: Vec<u8>,
    },
    /// A new member came, and takes what another owned, who is gone.
    Replace {
        /// Who came.
        member: Id,
        /// Its share relative to others.
        weight: f64,
        /// Where it stands.
        zone: Vec<u8>,
        /// Who is gone.
        replaced: Id,
        /// As for a removal.
        seen: u64,
    },
    /// There are at least so many partitions, a power of two.
    Split {
        /// Partitions.
        partitions: usize,
    },
    /// There are to be so many copies.
    Copies {
        /// N.
        copies: usize,
    },
}

/// A recorded change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Lamport stamp: greater than that of all that its author had seen.
    pub stamp: u64,
    /// Which member recorded it.
    pub author: Id,
    /// The latest changes that its author had seen; none: it was recorded without, and follows all before it in canonical order.
    pub after: Option<Vec<Mark>>,
    /// What happened.
    pub act: Act,
}

impl Change {
    /// Stamp and author.
    pub fn mark(&self) -> Mark {
        (self.stamp, self.author)
    }

    /// The canonical order: stamp, author, and then whatever else could differ.
    pub fn canonical_order(&self, other: &Change) -> Ordering {
        self.mark().cmp(&other.mark()).then_with(|| self.packed().cmp(&other.packed()))
    }

    /// Who is gone by this change against its will, and the highest stamp of its own that stands.
    pub(super) fn removal(&self) -> Option<(Id, u64)> {
        match self.act {
            Act::Remove { member, seen } | Act::Replace { replaced: member, seen, .. } => {
                Some((member, seen))
            }
            _ => None,
        }
    }

    /// The change as bytes, for its place in the canonical order and for digests.
    pub(super) fn packed(&self) -> Vec<u8> {
        let mut out = vec![self.kind()];
        push_varint(&mut out, self.stamp);
        out.extend_from_slice(&self.author);
        push_varint(&mut out, self.after.as_ref().map_or(0, |after| after.len() as u64 + 1));
        for (stamp, author) in self.after.iter().flatten() {
            push_varint(&mut out, *stamp);
            out.extend_from_slice(author);
        }
        self.push_act(&mut out);
        out
    }

    fn kind(&self) -> u8 {
        match self.act {
            Act::Join { .. } => 0,
            Act::Leave { .. } => 1,
            Act::Remove { .. } => 2,
            Act::Weight { .. } => 3,
            Act::Zone { .. } => 4,
            Act::Replace { .. } => 5,
            Act::Split { .. } => 6,
            Act::Copies { .. } => 7,
        }
    }

    fn push_act(&self, out: &mut Vec<u8>) {
        match &self.act {
            Act::Join { member, weight, zone } => push_arrival(out, member, *weight, zone),
            Act::Leave { member } => out.extend_from_slice(member),
            Act::Remove { member, seen } => {
                out.extend_from_slice(member);
                push_varint(out, *seen);
            }
            Act::Weight { member, weight } => {
                out.extend_from_slice(member);
                out.extend_from_slice(&weight.to_be_bytes());
            }
            Act::Zone { member, zone } => {
                out.extend_from_slice(member);
                push_zone(out, zone);
            }
            Act::Replace { member, weight, zone, replaced, seen } => {
                push_arrival(out, member, *weight, zone);
                out.extend_from_slice(replaced);
                push_varint(out, *seen);
            }
            Act::Split { partitions: number } | Act::Copies { copies: number } => {
                push_varint(out, *number as u64);
            }
        }
    }
}

fn push_arrival(out: &mut Vec<u8>, member: &Id, weight: f64, zone: &[u8]) {
    out.extend_from_slice(member);
    out.extend_from_slice(&weight.to_be_bytes());
    push_zone(out, zone);
}

fn push_zone(out: &mut Vec<u8>, zone: &[u8]) {
    push_varint(out, zone.len() as u64);
    out.extend_from_slice(zone);
}

fn push_varint(out: &mut Vec<u8>, number: u64) {
    debug_assert!(number <= MAX_NUMBER);
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Packs a set: `[version][count]` and for each change `[kind][stamp][author 16][after][what the kind has]`; numbers are varints.
/// `after` is 0 for none, else one more than the number of marks, and the marks: `[stamp][author 16]`. Kinds, with what they have:
///
/// ```text
///   0 join     [member 16][weight f64 BE][zone length][zone]
///   1 leave    [member 16]
///   2 remove   [member 16][seen]
///   3 weight   [member 16][weight f64 BE]
///   4 zone     [member 16][zone length][zone]
///   5 replace  [member 16][weight f64 BE][zone length][zone][replaced 16][seen]
///   6 split    [partitions]
///   7 copies   [copies]
/// ```
pub fn encode(changes: &[Change]) -> Vec<u8> {
    let mut out = vec![CHANGES_VERSION];
    push_varint(&mut out, changes.len() as u64);
    changes.iter().for_each(|change| out.extend(change.packed()));
    out
}

/// Reads a packed set, of version 1 too, which had for each change
/// `[kind][stamp][author 16][member 16][weight f64 BE][zone length][zone][seen]`.
pub fn decode(bytes: &[u8]) -> Result<Vec<Change>, Fault> {
    read(bytes).ok_or(Fault::BadChanges)
}

fn read(bytes: &[u8]) -> Option<Vec<Change>> {
    let mut reader = Reader::new(bytes);
    let read_change = match reader.byte()? {
        1 => read_old_change,
        CHANGES_VERSION => read_change,
        _ => return None,
    };
    let count = usize::try_from(reader.varint()?).ok()?;
    if count > reader.rest().len() / MIN_CHANGE_BYTES {
        return None;
    }
    let changes = (0..count).map(|_| read_change(&mut reader)).collect::<Option<Vec<_>>>()?;
    reader.rest().is_empty().then_some(changes)
}

fn read_change(reader: &mut Reader<'_>) -> Option<Change> {
    let kind = reader.byte()?;
    let stamp = reader.varint()?;
    let author = *reader.array()?;
    let after = read_after(reader)?;
    Some(Change { stamp, author, after, act: read_act(kind, reader)? })
}

fn read_after(reader: &mut Reader<'_>) -> Option<Option<Vec<Mark>>> {
    let count = usize::try_from(reader.varint()?).ok()?;
    let Some(count) = count.checked_sub(1) else { return Some(None) };
    let mut mark = || Some((reader.varint()?, *reader.array()?));
    if count > MAX_AFTER {
        return None;
    }
    (0..count).map(|_| mark()).collect::<Option<Vec<_>>>().map(Some)
}

fn read_act(kind: u8, reader: &mut Reader<'_>) -> Option<Act> {
    Some(match kind {
        0 => Act::Join { member: *reader.array()?, weight: read_weight(reader)?, zone: read_zone(reader)? },
        1 => Act::Leave { member: *reader.array()? },
        2 => Act::Remove { member: *reader.array()?, seen: reader.varint()? },
        3 => Act::Weight { member: *reader.array()?, weight: read_weight(reader)? },
        4 => Act::Zone { member: *reader.array()?, zone: read_zone(reader)? },
        5 => Act::Replace {
            member: *reader.array()?,
            weight: read_weight(reader)?,
            zone: read_zone(reader)?,
            replaced: *reader.array()?,
            seen: reader.varint()?,
        },
        6 => {
            let partitions = usize::try_from(reader.varint()?).ok()?;
            let sound = partitions.is_power_of_two() && partitions <= super::MAX_PARTITIONS;
            sound.then_some(Act::Split { partitions })?
        }
        7 => {
            let copies = usize::try_from(reader.varint()?).ok()?;
            (1..=super::MAX_COPIES).contains(&copies).then_some(Act::Copies { copies })?
        }
        _ => return None,
    })
}

fn read_weight(reader: &mut Reader<'_>) -> Option<f64> {
    let weight = f64::from_be_bytes(*reader.array()?);
    WEIGHTS.contains(&weight).then_some(weight)
}

fn read_zone(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let zone = reader.sized()?.to_vec();
    (zone.len() <= MAX_ZONE_BYTES).then_some(zone)
}

fn read_old_change(reader: &mut Reader<'_>) -> Option<Change> {
    let kind = reader.byte()?;
    let stamp = reader.varint()?;
    let (author, member) = (*reader.array()?, *reader.array()?);
    let (weight, zone, seen) = (read_weight(reader)?, read_zone(reader)?, reader.varint()?);
    let act = match kind {
        0 => Act::Join { member, weight, zone },
        1 => Act::Leave { member },
        2 => Act::Remove { member, seen },
        3 => Act::Weight { member, weight },
        4 => Act::Zone { member, zone },
        _ => return None,
    };
    Some(Change { stamp, author, after: None, act })
}
