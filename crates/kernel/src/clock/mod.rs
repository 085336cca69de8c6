//! An exact set of dots: what a replica, or a reader, has seen.
//!
//! A dot is one write: the actor that minted it and a number that counts 1, 2, 3 … for this actor and key. A version
//! vector (Dynamo, section 4.4) keeps one number for each actor and means "all up to there". That cannot say "this
//! write and not the one before it". Take two blind puts through one coordinator, dots A1 and A2:
//!
//! ```text
//!   put x ─────────► A1           seen by the second client:  {A2}, not {A1, A2}
//!   put y ─────────► A2           a put with that context replaces y and leaves x: siblings A1, A3
//! ```
//!
//! Rounded up to "A: 2", the context would cover x, which its client never saw, and the put would lose it. So a clock
//! holds, for each actor, the *spans* of counters that it contains: `A: 1..=4, 7, 9..=12`. For nearly every clock that
//! is one span from 1, which costs as much as a version vector. (The causal context of delta-CRDTs: Almeida, Shoker,
//! Baquero, 2018; dotted version vectors: Preguiça et al., 2010.) Spans and not single dots beyond the gap: a client
//! that goes on writing with the contexts of its own puts beside somebody's untouched sibling A1 holds A: 2..=n.
//!
//! The failure to fear is a clock that claims too much: what it covers and does not hold as a sibling is deleted
//! everywhere. Nothing here ever adds a dot that was in neither input.

mod codec;
mod entry;
mod spans;

pub use entry::{ACTOR_BYTES, Actor, Dot, Entry, INCARNATION_BYTES};
pub use spans::{Span, Spans};

use smallvec::SmallVec;
use std::cmp::Ordering;

/// An exact set of dots, its actors borrowed from the bytes that it was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock<'a> {
    /// Sorted by actor, each at most once, none empty.
    entries: SmallVec<[Entry<'a>; 3]>,
}

impl<'a> Clock<'a> {
    /// Whether it contains no dot.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The actors with their spans, sorted by actor.
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    fn position(&self, actor: &Actor) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.actor.cmp(actor))
    }

    /// Whether the dot is in the set.
    pub fn contains(&self, dot: Dot<'_>) -> bool {
        self.position(dot.actor).is_ok_and(|at| self.entries[at].spans.contains(dot.counter))
    }

    /// The highest counter of an actor, 0 if there is none.
    pub fn highest(&self, actor: &Actor) -> u64 {
        self.position(actor).map_or(0, |at| self.entries[at].spans.highest())
    }

    /// Adds a dot.
    pub fn insert(&mut self, dot: Dot<'a>) {
        match self.position(dot.actor) {
            Ok(at) => self.entries[at].spans.insert(dot.counter),
            Err(at) => {
                let spans = Spans::one(dot.counter);
                self.entries.insert(at, Entry { actor: dot.actor, spans });
            }
        }
    }

    /// The set without some dots, which come in rising order.
    pub fn without<'x>(&self, dots: impl Iterator<Item = Dot<'x>>) -> Clock<'a> {
        let mut dots = dots.peekable();
        let mut entries = SmallVec::new();
        for entry in &self.entries {
            while dots.next_if(|dot| dot.actor < entry.actor).is_some() {}
            let own =
                std::iter::from_fn(|| dots.next_if(|dot| dot.actor == entry.actor).map(|dot| dot.counter));
            let spans = entry.spans.without(own);
            if !spans.is_empty() {
                entries.push(Entry { actor: entry.actor, spans });
            }
        }
        Clock { entries }
    }

    /// The entries of those actors that `keep` says.
    pub fn only(&self, keep: impl Fn(&Actor) -> bool) -> Clock<'a> {
        Clock { entries: self.entries.iter().filter(|entry| keep(entry.actor)).cloned().collect() }
    }

    /// Whether every dot of `other` is in this set.
    pub fn covers(&self, other: &Clock<'_>) -> bool {
        let mut mine = self.entries.iter();
        other.entries.iter().all(|theirs| {
            let same = mine.find(|entry| entry.actor >= theirs.actor);
            same.is_some_and(|entry| entry.actor == theirs.actor && entry.spans.covers(&theirs.spans))
        })
    }

    /// The union of both sets.
    pub fn union(&self, other: &Clock<'a>) -> Clock<'a> {
        let mut entries = SmallVec::with_capacity(self.entries.len() + other.entries.len());
        let (mut left, mut right) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            match a.actor.cmp(b.actor) {
                Ordering::Less => entries.extend(left.next().cloned()),
                Ordering::Greater => entries.extend(right.next().cloned()),
                Ordering::Equal => {
                    entries.push(Entry { actor: a.actor, spans: a.spans.union(&b.spans) });
                    left.next();
                    right.next();
                }
            }
        }
        entries.extend(left.cloned());
        entries.extend(right.cloned());
        Clock { entries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Actor = [1; ACTOR_BYTES];
    const B: Actor = [2; ACTOR_BYTES];

    fn clock(dots: &[(&'static Actor, u64)]) -> Clock<'static> {
        let mut clock = Clock::default();
        for &(actor, counter) in dots {
            clock.insert(Dot { actor, counter });
        }
        clock
    }

    #[test]
    fn a_dot_beyond_a_gap_does_not_cover_the_gap() {
        let seen = clock(&[(&A, 2)]);
        assert!(seen.contains(Dot { actor: &A, counter: 2 }));
        assert!(!seen.contains(Dot { actor: &A, counter: 1 }));
        assert!(!seen.covers(&clock(&[(&A, 1)])));
        assert_eq!(seen.highest(&A), 2);
    }

    #[test]
    fn filling_the_gap_gives_the_same_clock_as_counting_up() {
        assert_eq!(clock(&[(&A, 2), (&A, 1)]), clock(&[(&A, 1), (&A, 2)]));
        assert_eq!(clock(&[(&A, 3), (&A, 1), (&A, 2)]).entries()[0].spans.as_slice().len(), 1);
    }

    #[test]
    fn without_its_last_dot_an_actor_is_gone() {
        let seen = clock(&[(&A, 1), (&B, 1)]);
        let gone = [Dot { actor: &A, counter: 1 }, Dot { actor: &A, counter: 9 }];
        assert_eq!(seen.without(gone.into_iter()), clock(&[(&B, 1)]));
        let third = [Dot { actor: &A, counter: 3 }];
        let gap = clock(&[(&A, 1), (&A, 2), (&A, 3), (&A, 4)]).without(third.into_iter());
        assert_eq!(gap, clock(&[(&A, 1), (&A, 2), (&A, 4)]));
    }

    #[test]
    fn covering_needs_every_actor() {
        let both = clock(&[(&A, 1), (&B, 1)]);
        assert!(both.covers(&clock(&[(&B, 1)])));
        assert!(both.covers(&Clock::default()));
        assert!(!clock(&[(&B, 1)]).covers(&both));
        assert_eq!(clock(&[(&A, 1)]).union(&clock(&[(&B, 1)])), both);
    }
}
