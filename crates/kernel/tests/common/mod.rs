//! What several tests share.
#![allow(dead_code)]

use rotunda_kernel::clock::{ACTOR_BYTES, Actor, Clock, Dot};
use rotunda_kernel::object::{self, NewSibling, Object};
use std::collections::{BTreeMap, BTreeSet};

/// Actors that tests name by a letter.
pub const ACTORS: [Actor; 4] = [[1; ACTOR_BYTES], [2; ACTOR_BYTES], [3; ACTOR_BYTES], [4; ACTOR_BYTES]];

/// A dot of the models: number of the actor, counter.
pub type ModelDot = (usize, u64);

/// A set of dots, as plainly as it can be said.
pub type Dots = BTreeSet<ModelDot>;

/// The clock of a set of dots, made one dot at a time.
pub fn clock_of(dots: &Dots) -> Clock<'static> {
    let mut clock = Clock::default();
    for &(actor, counter) in dots {
        clock.insert(Dot { actor: &ACTORS[actor], counter });
    }
    clock
}

/// Its encoding.
pub fn clock_bytes(dots: &Dots) -> Vec<u8> {
    encoded(|out| clock_of(dots).encode_context(out))
}

/// The dots of a clock, one by one.
pub fn dots_of(clock: &Clock<'_>) -> Dots {
    let mut dots = Dots::new();
    for entry in clock.entries() {
        let actor = ACTORS.iter().position(|known| known == entry.actor).expect("a known actor");
        for span in entry.spans.as_slice() {
            dots.extend((span.first..=span.last).map(|counter| (actor, counter)));
        }
    }
    dots
}

/// Runs something that writes into a buffer of the caller's.
pub fn encoded<E: std::fmt::Debug>(write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Vec<u8> {
    let mut out = vec![0; 1 << 16];
    let length = write(&mut out).expect("room enough");
    out.truncate(length);
    out
}

/// What a test's sibling holds: a value that follows from its dot.
pub fn value_of((actor, counter): ModelDot) -> Vec<u8> {
    format!("value of {actor}.{counter}").into_bytes()
}

/// Whether a test's dot is a tombstone: some are.
pub fn is_tombstone((actor, counter): ModelDot) -> bool {
    (actor as u64 + counter).is_multiple_of(3)
}

/// The object that has seen some dots and holds some of them.
pub fn object_of(seen: &Dots, live: &Dots) -> Vec<u8> {
    let values: BTreeMap<ModelDot, Vec<u8>> = live.iter().map(|&dot| (dot, value_of(dot))).collect();
    let sibling = |(&dot, value): (&ModelDot, &'_ Vec<u8>)| {
        let tombstone = is_tombstone(dot);
        NewSibling {
            dot: Dot { actor: &ACTORS[dot.0], counter: dot.1 },
            tombstone,
            operation_is_clients: false,
            wall_ms: 1_700_000_000_000 + dot.1,
            operation: &[],
            expiry_ms: None,
            attributes: &[],
            value: if tombstone { &[] } else { value.clone().leak() },
        }
    };
    let siblings: Vec<NewSibling<'_>> = values.iter().map(sibling).collect();
    encoded(|out| object::build(&clock_of(seen), &siblings, out))
}

/// What an object has seen, and what it holds.
pub fn sets_of(object: &[u8]) -> (Dots, Dots) {
    let object = Object::decode(object).expect("a canonical object");
    let dot = |dot: Dot<'_>| {
        let actor = ACTORS.iter().position(|known| known == dot.actor).expect("a known actor");
        (actor, dot.counter)
    };
    (dots_of(&object.clock), object.siblings.iter().map(|sibling| dot(sibling.dot)).collect())
}

/// SplitMix64: the tests' own source of chance, the same on every machine.
pub struct Chance(pub u64);

impl Chance {
    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
