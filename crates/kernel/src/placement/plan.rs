//! What a change would move.

use super::changes::Id;
use super::table::Table;
use std::collections::{BTreeMap, BTreeSet};

/// Partitions of which one member becomes an owner in place of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// Who is an owner no longer; nobody: there are more copies than before.
    pub from: Option<Id>,
    /// Who is an owner now; nobody: there are fewer copies.
    pub to: Option<Id>,
    /// Which partitions, of those after the change.
    pub partitions: Vec<u16>,
}

/// All moves of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Partitions after the change.
    pub partitions: usize,
    /// By `from` and `to`.
    pub moves: Vec<Move>,
}

impl Plan {
    /// From one table to another of the same number of partitions or more.
    pub(super) fn between(before: &Table, after: &Table) -> Plan {
        let partitions = after.partitions.max(before.partitions);
        let mut moves: BTreeMap<(Option<Id>, Option<Id>), Vec<u16>> = BTreeMap::new();
        for partition in 0..partitions {
            let owners = |table: &Table| -> BTreeSet<Id> {
                let owners = table.owners(partition * table.partitions / partitions);
                owners.iter().map(|&owner| table.ids[owner as usize]).collect()
            };
            let (before, after) = (owners(before), owners(after));
            let (mut lost, mut gained) = (before.difference(&after), after.difference(&before));
            loop {
                let pair = (lost.next().copied(), gained.next().copied());
                if pair == (None, None) {
                    break;
                }
                moves.entry(pair).or_default().push(partition as u16);
            }
        }
        let moves = moves.into_iter().map(|((from, to), partitions)| Move { from, to, partitions });
        Plan { partitions, moves: moves.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_gathered_by_who_gives_and_who_takes() {
        let ids = vec![[1; 16], [2; 16], [3; 16]];
        let table = |partitions, copies, slots: &[u16]| Table {
            partitions,
            copies,
            ids: ids.clone(),
            slots: slots.to_vec(),
        };
        let before = table(2, 2, &[0, 1, 1, 0]);
        let after = table(4, 2, &[1, 0, 2, 0, 2, 1, 1, 0]);
        let moved = |from: u8, to: u8, partitions: &[u16]| Move {
            from: Some([from; 16]),
            to: Some([to; 16]),
            partitions: partitions.to_vec(),
        };
        let expected = Plan { partitions: 4, moves: vec![moved(1, 3, &[2]), moved(2, 3, &[1])] };
        assert_eq!(Plan::between(&before, &after), expected);
        let fewer = Move { from: Some([2; 16]), to: None, partitions: vec![0, 1] };
        assert_eq!(Plan::between(&before, &table(2, 1, &[0, 0])).moves, [fewer]);
    }
}
