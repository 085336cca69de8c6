//! Which changes are in force.
//!
//! A removal says that a member is gone against its will, and it voids what that member had recorded and the remover had
//! not seen: the word of a node that was already out. Each removal (and each replacement) carries the highest stamp of the
//! removed member's own changes that its author had seen (gossip delivers an author's changes in order, so one number
//! says it all). Removals may void removals, in a circle too (a removes b while b removes a): who is attacked by nobody
//! undecided is decided first, and where everybody left is attacked, the first in canonical order stands.
//!
//! A split is never void: "at least so many partitions" harms nobody, and a number that only grows is one that trees,
//! cursors and clients can rely on.

use super::changes::{Act, Change, Id};

/// A removal: of whom, and the highest stamp of theirs that stands.
pub(super) type Removal = (Id, u64);

/// Whether this removal voids that change, if it is in force.
pub(super) fn voids((member, seen): Removal, change: &Change) -> bool {
    member == change.author && change.stamp > seen && !matches!(change.act, Act::Split { .. })
}

/// Of changes in canonical order those in force, and the removals that stand: one that its own member recorded can void
/// itself, and stands all the same.
pub(super) fn in_force<'x>(ordered: &[&'x Change]) -> (Vec<&'x Change>, Vec<Removal>) {
    let removals = removals_in_force(ordered);
    let stands = |change: &&&Change| !removals.iter().any(|&removal| voids(removal, change));
    (ordered.iter().filter(stands).copied().collect(), removals)
}

/// Decides the removals; see the top of this file.
fn removals_in_force(ordered: &[&Change]) -> Vec<Removal> {
    let numbered = ordered.iter().enumerate();
    let mut undecided: Vec<(usize, Removal)> =
        numbered.filter_map(|(at, change)| change.removal().map(|removal| (at, removal))).collect();
    let mut standing = Vec::new();
    while !undecided.is_empty() {
        let attacked =
            |at: usize| undecided.iter().any(|&(other, removal)| other != at && voids(removal, ordered[at]));
        let free = undecided.iter().position(|&(at, _)| !attacked(at));
        let (_, removal) = undecided.remove(free.unwrap_or(0));
        standing.push(removal);
        undecided.retain(|&(at, _)| !voids(removal, ordered[at]));
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Id {
        [n; 16]
    }

    fn change(stamp: u64, author: u8, act: Act) -> Change {
        Change { stamp, author: id(author), after: None, act }
    }

    fn removal(stamp: u64, author: u8, member: u8, seen: u64) -> Change {
        change(stamp, author, Act::Remove { member: id(member), seen })
    }

    fn weight(stamp: u64, author: u8) -> Change {
        change(stamp, author, Act::Weight { member: id(author), weight: 2.0 })
    }

    #[test]
    fn a_removal_voids_what_its_author_had_not_seen() {
        let (seen, unseen, removal) = (weight(3, 2), removal(4, 2, 3, 3), removal(9, 1, 2, 3));
        assert_eq!(in_force(&[&seen, &unseen, &removal]).0, [&seen, &removal]);
    }

    #[test]
    fn so_does_a_replacement() {
        let (member, replaced) = (id(9), id(2));
        let replacement = Act::Replace { member, weight: 1.0, zone: vec![], replaced, seen: 3 };
        let (seen, unseen, replacement) = (weight(3, 2), weight(4, 2), change(9, 1, replacement));
        assert_eq!(in_force(&[&seen, &unseen, &replacement]).0, [&seen, &replacement]);
    }

    #[test]
    fn a_split_is_never_void() {
        let (split, removal) = (change(4, 2, Act::Split { partitions: 128 }), removal(9, 1, 2, 3));
        assert_eq!(in_force(&[&split, &removal]).0, [&split, &removal]);
    }

    #[test]
    fn a_voided_removal_voids_nothing() {
        let (by_removed, removal, late) = (removal(10, 2, 3, 2), removal(11, 1, 2, 2), weight(20, 3));
        assert_eq!(in_force(&[&by_removed, &removal, &late]).0, [&removal, &late]);
    }

    #[test]
    fn of_two_that_remove_each_other_the_first_in_order_stands() {
        let (first, second) = (removal(5, 1, 2, 1), removal(5, 2, 1, 1));
        assert_eq!(in_force(&[&first, &second]).0, [&first]);
    }
}
