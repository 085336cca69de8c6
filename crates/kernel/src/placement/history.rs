//! Changes as the graph that they are: which of them each author had seen.
//!
//! ```text
//!   join a ◄── join b ◄── join c ◄─┬─ weight a ◄─┬─ split       one change has no arrow to it: one head, "split".
//!                                  └─ join d   ◄─┘              Its author had seen everything; those of
//!                                                               "weight a" and "join d" not each other.
//! ```
//!
//! A change's *key* is a digest of it and of the keys of those that it follows: equal keys, equal pasts. What follows from a
//! change and its past alone (its table) may therefore be kept under the key for ever, whatever else is heard of later.

use super::changes::{Change, Mark};
use crate::digest::digest;
use std::collections::BTreeMap;

/// Names a change with all of its past, or a set of changes with theirs.
pub(super) type Key = [u8; 16];

/// Changes by number: all below `prefix`, and the others named, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Past {
    prefix: usize,
    others: Vec<usize>,
}

impl Past {
    fn contains(&self, number: usize) -> bool {
        number < self.prefix || self.others.binary_search(&number).is_ok()
    }

    fn add(&mut self, other: &Past) {
        self.prefix = self.prefix.max(other.prefix);
        self.others.extend_from_slice(&other.others);
        self.settle();
    }

    fn push(&mut self, number: usize) {
        self.others.push(number);
        self.settle();
    }

    fn settle(&mut self) {
        self.others.sort_unstable();
        self.others.dedup();
        let met = self.others.partition_point(|&number| number < self.prefix);
        let run = self.others[met..].iter().zip(self.prefix..).take_while(|(a, b)| *a == b).count();
        self.prefix += run;
        self.others.drain(..met + run);
    }

    pub fn numbers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.prefix).chain(self.others.iter().copied())
    }
}

/// A set of changes, numbered in canonical order.
pub(super) struct History<'c> {
    pub changes: Vec<&'c Change>,
    /// Those that each follows directly: none of them in another's past.
    pub parents: Vec<Vec<usize>>,
    /// Those that nobody follows.
    pub heads: Vec<usize>,
    pasts: Vec<Past>,
    keys: Vec<Key>,
    birth: Key,
}

impl<'c> History<'c> {
    /// The graph of these changes (in any order, doubles allowed) of a cluster born with such partitions and copies. What a
    /// change says that it follows and is not there, or has no lower stamp, is passed over.
    pub fn new(partitions: usize, copies: usize, changes: &'c [Change]) -> Self {
        let mut packed: Vec<(Mark, Vec<u8>, &Change)> =
            changes.iter().map(|change| (change.mark(), change.packed(), change)).collect();
        packed.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        packed.dedup_by(|a, b| a.1 == b.1);
        let mut numbers: BTreeMap<Mark, Vec<usize>> = BTreeMap::new();
        packed.iter().enumerate().for_each(|(number, one)| numbers.entry(one.0).or_default().push(number));
        let birth = digest(&[partitions.to_be_bytes(), copies.to_be_bytes()].concat());
        let changes = packed.iter().map(|one| one.2).collect();
        let mut history =
            History { changes, parents: vec![], heads: vec![], pasts: vec![], keys: vec![], birth };
        for (number, (_, bytes, change)) in packed.iter().enumerate() {
            let parents = history.parents_of(number, change, &numbers);
            let mut past = history.past_of(&parents);
            let key = digest(&[&history.key_of(&parents), &bytes[..]].concat());
            history.heads.retain(|&head| !past.contains(head));
            history.heads.push(number);
            past.push(number);
            history.parents.push(parents);
            history.pasts.push(past);
            history.keys.push(key);
        }
        history
    }

    fn parents_of(&self, number: usize, change: &Change, numbers: &BTreeMap<Mark, Vec<usize>>) -> Vec<usize> {
        let Some(after) = &change.after else { return self.heads.clone() };
        let known = after.iter().filter(|mark| mark.0 < change.stamp).filter_map(|mark| numbers.get(mark));
        let mut parents: Vec<usize> = known.flatten().copied().collect();
        parents.sort_unstable();
        parents.dedup();
        debug_assert!(parents.iter().all(|&parent| parent < number));
        let is_past =
            |one: &usize| parents.iter().any(|other| other != one && self.pasts[*other].contains(*one));
        parents.iter().copied().filter(|one| !is_past(one)).collect()
    }

    /// The past of these changes, themselves included.
    pub fn past_of(&self, numbers: &[usize]) -> Past {
        let mut past = Past::default();
        numbers.iter().for_each(|&number| past.add(&self.pasts[number]));
        past
    }

    /// The changes of a past in canonical order.
    pub fn changes_of(&self, past: &Past) -> Vec<&'c Change> {
        past.numbers().map(|number| self.changes[number]).collect()
    }

    /// The key of these changes, none of them in another's past, with all of their pasts.
    pub fn key_of(&self, numbers: &[usize]) -> Key {
        match numbers {
            [] => self.birth,
            [one] => self.keys[*one],
            several => digest(&several.iter().map(|&number| self.keys[number]).collect::<Vec<_>>().concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::changes::Act;

    fn change(stamp: u64, author: u8, after: Option<&[(u64, u8)]>) -> Change {
        let marks =
            |after: &[(u64, u8)]| after.iter().map(|&(stamp, author)| (stamp, [author; 16])).collect();
        Change {
            stamp,
            author: [author; 16],
            after: after.map(marks),
            act: Act::Leave { member: [author; 16] },
        }
    }

    #[test]
    fn heads_are_what_nobody_follows() {
        let changes = [
            change(1, 1, Some(&[])),
            change(2, 1, Some(&[(1, 1)])),
            change(2, 2, Some(&[(1, 1)])),
            change(3, 3, Some(&[(2, 2), (1, 1)])),
        ];
        let history = History::new(8, 3, &changes);
        assert_eq!(history.heads, [1, 3]);
        assert_eq!(history.parents, [vec![], vec![0], vec![0], vec![2]], "what is past is no parent");
        assert_eq!(history.past_of(&[3]).numbers().collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(history.past_of(&[1, 3]), Past { prefix: 4, others: vec![] });
    }

    #[test]
    fn a_key_depends_on_the_past_alone() {
        let (first, mine, theirs) =
            (change(1, 1, Some(&[])), change(2, 1, Some(&[(1, 1)])), change(2, 2, Some(&[(1, 1)])));
        let all = [theirs.clone(), first.clone(), mine.clone()];
        let both = [first.clone(), mine.clone()];
        assert_eq!(History::new(8, 3, &all).key_of(&[1]), History::new(8, 3, &both).key_of(&[1]));
        assert_ne!(History::new(8, 3, &all).key_of(&[1]), History::new(8, 2, &all).key_of(&[1]));
        let orphan = [mine];
        assert_ne!(History::new(8, 3, &orphan).key_of(&[0]), History::new(8, 3, &both).key_of(&[1]));
    }

    #[test]
    fn a_change_of_old_follows_all_before_it() {
        let changes = [change(1, 1, None), change(2, 1, None), change(2, 2, None)];
        let history = History::new(8, 3, &changes);
        assert_eq!(history.heads, [2]);
        assert_eq!(history.parents, [vec![], vec![0], vec![1]]);
    }

    #[test]
    fn a_circle_is_none() {
        let changes = [change(1, 1, Some(&[(2, 2), (1, 1), (7, 7)])), change(2, 2, Some(&[(1, 1)]))];
        assert_eq!(History::new(8, 3, &changes).parents, [vec![], vec![0]]);
    }
}
