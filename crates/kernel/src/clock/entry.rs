//! Actors, dots, and the counters of one actor within a clock.

use super::Spans;

/// Bytes of an actor.
pub const ACTOR_BYTES: usize = 14;

/// Bytes of the incarnation that an actor begins with.
pub const INCARNATION_BYTES: usize = 8;

/// Who mints dots for one key: eight random bytes of a node's incarnation, and six that count up within it.
pub type Actor = [u8; ACTOR_BYTES];

/// One write: the actor that minted it and the number it got there, from 1. Ordered by actor, then counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot<'a> {
    /// Who minted it.
    pub actor: &'a Actor,
    /// 1, 2, 3 … for this actor and key, at most 2^53 - 1.
    pub counter: u64,
}

/// The counters of one actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Whose counters these are.
    pub actor: &'a Actor,
    /// The counters; not empty.
    pub spans: Spans,
}
