//! Replicas that write, merge, forget and restart, against a model that knows the history.
//!
//! The model keeps no clocks. It knows of each write which writes its client (or its coordinator) meant to replace, and of
//! each replica which writes it has heard of; what is live there is what nothing heard of replaces:
//!
//! ```text
//!   live(heard) = { w ∈ heard : no v ∈ heard with w ∈ replaces(v) }
//! ```
//!
//! After each step the real replica must have seen just the dots that the model heard of, and hold just the live ones.

mod common;

use common::Chance;
use rotunda_kernel::Fault;
use rotunda_kernel::clock::{Actor, Clock, Dot};
use rotunda_kernel::object::{Object, context::written_context};
use rotunda_kernel::row::{
    Limits, MERGE_EXTRA_BYTES, Row, WRITE_EXTRA_BYTES, Write, apply_write, check_row, merge_row, seal_row,
};
use std::collections::{BTreeMap, BTreeSet};

const KEY: &[u8] = b"\x12\x34\x05cartsalice";
const UNLIMITED: Limits = Limits { max_siblings: u64::MAX, max_bytes: u64::MAX };

type OwnDot = (Actor, u64);
type Heard = BTreeSet<OwnDot>;

/// What a client has in its hands: a context, and the writes that it stands for.
#[derive(Clone, Default)]
struct Seen {
    context: Vec<u8>,
    dots: Heard,
}

#[derive(Default)]
struct Replica {
    row: Vec<u8>,
    heard: Heard,
    incarnation: u64,
    actors: u64,
}

#[derive(Default)]
struct World {
    replicas: Vec<Replica>,
    replaces: BTreeMap<OwnDot, Heard>,
    tombstones: Heard,
    clients: Vec<Seen>,
    minted: Heard,
}

impl World {
    fn new(replicas: usize) -> Self {
        let replicas =
            (0..replicas).map(|number| Replica { incarnation: number as u64, ..Replica::default() });
        World { replicas: replicas.collect(), clients: vec![Seen::default()], ..World::default() }
    }

    fn live(&self, heard: &Heard) -> Heard {
        let replaced: Heard =
            heard.iter().filter_map(|dot| self.replaces.get(dot)).flatten().copied().collect();
        heard.difference(&replaced).copied().collect()
    }

    fn write(&mut self, at: usize, seen: &Seen, tombstone: bool) {
        let replica = &mut self.replicas[at];
        replica.actors += 1;
        let mut fresh: Actor = [0; 14];
        fresh[..8].copy_from_slice(&replica.incarnation.to_be_bytes());
        fresh[8..].copy_from_slice(&replica.actors.to_be_bytes()[2..]);
        let value = format!("{at} writes its {}th", replica.actors);
        let write = Write {
            tombstone,
            incomplete: false,
            operation_is_clients: false,
            wall_ms: 1,
            expiry_ms: None,
            operation: &[],
            attributes: b"a",
            value: if tombstone { b"" } else { value.as_bytes() },
        };
        let mut out = vec![0; replica.row.len() + seen.context.len() + value.len() + 1 + WRITE_EXTRA_BYTES];
        let length =
            apply_write(&replica.row, &fresh, &seen.context, &write, &UNLIMITED, &mut out).expect("sound");
        out.truncate(length);
        let dot = self.newest(at, &out);
        assert!(self.minted.insert(dot), "a dot was minted twice");
        self.note(at, dot, seen, tombstone);
        self.replicas[at].row = out;
        let answer = self.answer(at, dot, seen);
        self.clients.push(answer);
    }

    /// The dot that a write has just added: the one of the envelope's actor that was never minted before.
    fn newest(&self, at: usize, row: &[u8]) -> OwnDot {
        let row = Row::decode(row).expect("a row");
        let actor = row.actor.expect("a coordinated row has an actor");
        let object = Object::decode(row.object).expect("an object");
        assert!(actor[..8] == self.replicas[at].incarnation.to_be_bytes());
        (*actor, object.clock.highest(actor))
    }

    fn note(&mut self, at: usize, dot: OwnDot, seen: &Seen, tombstone: bool) {
        let mut replaced = seen.dots.clone();
        if tombstone {
            let live = self.live(&self.replicas[at].heard);
            replaced.extend(live.intersection(&self.tombstones));
            self.tombstones.insert(dot);
        }
        let heard = &mut self.replicas[at].heard;
        heard.extend(&seen.dots);
        heard.insert(dot);
        self.replaces.insert(dot, replaced);
    }

    /// The context of a write's answer: everything heard of here but live values that the writer has not seen.
    fn answer(&self, at: usize, dot: OwnDot, seen: &Seen) -> Seen {
        let replica = &self.replicas[at];
        let object = Row::decode(&replica.row).expect("a row").object;
        let mut context = vec![0; object.len()];
        let length =
            written_context(object, Dot { actor: &dot.0, counter: dot.1 }, &mut context).expect("a context");
        context.truncate(length);
        let live = self.live(&replica.heard);
        let hidden =
            |other: &&OwnDot| **other != dot && live.contains(other) && !self.tombstones.contains(other);
        let dots: Heard = replica.heard.iter().filter(|other| !hidden(other)).copied().collect();
        assert!(dots.is_superset(&seen.dots) && dots.contains(&dot));
        assert_eq!(dots_in(&Clock::decode_context(&context).expect("canonical")), dots);
        Seen { context, dots }
    }

    fn merge(&mut self, to: usize, from: usize) {
        let object = Row::decode(&self.replicas[from].row).expect("a row").object.to_vec();
        if object.is_empty() {
            return;
        }
        let before = self.replicas[to].row.clone();
        let mut out = vec![0; before.len() + object.len() + MERGE_EXTRA_BYTES];
        let length = merge_row(&before, &object, false, &mut out).expect("sound");
        let heard = self.replicas[from].heard.clone();
        let knew_all = self.replicas[to].heard.is_superset(&heard);
        assert!(length > 0 || knew_all, "something new was taken for nothing new");
        if length > 0 {
            out.truncate(length);
            self.replicas[to].row = out;
        }
        self.replicas[to].heard.extend(heard);
        let (old, new) = (Row::decode(&before), Row::decode(&self.replicas[to].row));
        assert_eq!(old.expect("a row").actor, new.expect("a row").actor, "a merge changes no actor");
    }

    fn read(&mut self, at: usize) {
        let replica = &self.replicas[at];
        let object = Row::decode(&replica.row).expect("a row").object;
        if !object.is_empty() {
            let context = Object::decode(object).expect("an object").clock_bytes.to_vec();
            self.clients.push(Seen { context, dots: replica.heard.clone() });
        }
    }

    /// The real replica agrees with the model.
    fn check(&mut self, at: usize) {
        let live = self.live(&self.replicas[at].heard);
        let replica = &mut self.replicas[at];
        if replica.row.is_empty() {
            return assert!(replica.heard.is_empty());
        }
        seal_row(KEY, &mut replica.row, 7).expect("a row");
        assert_eq!(check_row(KEY, &replica.row), Ok(()));
        let object = Object::decode(Row::decode(&replica.row).expect("a row").object).expect("an object");
        assert_eq!(dots_in(&object.clock), replica.heard, "just the dots heard of");
        let held: Heard =
            object.siblings.iter().map(|sibling| (*sibling.dot.actor, sibling.dot.counter)).collect();
        assert_eq!(held, live, "just the live ones");
        let marked = |sibling: &&_| -> bool { rotunda_kernel::object::Sibling::clone(sibling).tombstone };
        let graves: Heard =
            object.siblings.iter().filter(marked).map(|s| (*s.dot.actor, s.dot.counter)).collect();
        assert_eq!(graves, live.intersection(&self.tombstones).copied().collect());
    }
}

fn dots_in(clock: &Clock<'_>) -> Heard {
    let spans = |entry: &rotunda_kernel::clock::Entry<'_>| {
        let actor = *entry.actor;
        let spans = entry.spans.as_slice().to_vec();
        spans.into_iter().flat_map(move |span| (span.first..=span.last).map(move |counter| (actor, counter)))
    };
    clock.entries().iter().flat_map(spans).collect()
}

fn live_through(seed: u64) {
    let mut chance = Chance(seed);
    let mut world = World::new(2 + chance.below(3));
    for _ in 0..2 + chance.below(24) {
        let at = chance.below(world.replicas.len());
        match chance.below(10) {
            0..=3 => {
                let blind = chance.once_in(3);
                let client = chance.below(world.clients.len());
                let seen = if blind { Seen::default() } else { world.clients[client].clone() };
                let tombstone = chance.once_in(4);
                world.write(at, &seen, tombstone);
            }
            4..=6 => {
                let from = chance.below(world.replicas.len());
                world.merge(at, from);
            }
            7..=8 => world.read(at),
            _ => {
                // An unclean start: a new incarnation, sometimes without the row.
                let replica = &mut world.replicas[at];
                replica.incarnation += 1000;
                if chance.once_in(2) {
                    replica.row.clear();
                    replica.heard.clear();
                }
            }
        }
        world.check(at);
    }
    converge(&mut world, &mut chance);
}

/// However they talk, those who have heard the same are equal byte for byte.
fn converge(world: &mut World, chance: &mut Chance) {
    let replicas = world.replicas.len();
    for _ in 0..200 {
        let (to, from) = (chance.below(replicas), chance.below(replicas));
        world.merge(to, from);
    }
    (0..replicas).for_each(|at| world.check(at));
    let objects: BTreeSet<&[u8]> =
        world.replicas.iter().map(|replica| Row::decode(&replica.row).expect("a row").object).collect();
    assert_eq!(objects.len(), 1, "replicas with one history differ");
}

#[test]
fn replicas_hold_what_history_says() {
    for seed in 0..10_000 {
        let outcome = std::panic::catch_unwind(|| live_through(seed));
        assert!(outcome.is_ok(), "seed {seed} failed");
    }
}

/// Two blind puts through one coordinator, then a put with the second one's context: the first survives.
#[test]
fn a_put_replaces_only_what_its_context_names() {
    let mut world = World::new(1);
    world.write(0, &Seen::default(), false);
    world.write(0, &Seen::default(), false);
    let second = world.clients[2].clone();
    assert_eq!(second.dots.len(), 1, "the second answer's context holds the second write alone");
    world.write(0, &second, false);
    world.check(0);
    let counters: Vec<u64> = world.live(&world.replicas[0].heard).iter().map(|dot| dot.1).collect();
    assert_eq!(counters, [1, 3]);
}

/// A coordinator that lacks A1 takes a write whose context names A2 alone: it records A2 without A1, and A1 still fits in.
#[test]
fn a_context_beyond_a_gap_is_recorded_as_it_is() {
    let mut world = World::new(3);
    world.write(0, &Seen::default(), false);
    world.write(0, &Seen::default(), false);
    let second = world.clients[2].clone();
    world.write(1, &second, false);
    world.check(1);
    assert_eq!(world.replicas[1].heard.len(), 2);
    world.merge(1, 0);
    world.check(1);
    assert_eq!(world.live(&world.replicas[1].heard).len(), 2, "A1 and B1 are siblings");
}

#[test]
fn a_counter_at_its_end_is_refused() {
    let mut world = World::new(1);
    world.write(0, &Seen::default(), false);
    let actor = world.minted.first().expect("one was minted").0;
    let mut clock = Clock::default();
    clock.insert(Dot { actor: &actor, counter: (1 << 53) - 1 });
    let context = common::encoded(|out| clock.encode_context(out));
    let write = Write {
        tombstone: true,
        incomplete: false,
        operation_is_clients: false,
        wall_ms: 1,
        expiry_ms: None,
        operation: &[],
        attributes: &[],
        value: &[],
    };
    let mut out = vec![0; 4096];
    let outcome = apply_write(&world.replicas[0].row, &actor, &context, &write, &UNLIMITED, &mut out);
    assert_eq!(outcome, Err(Fault::Exhausted));
}
