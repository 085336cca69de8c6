//! The hot path without the language border, value by value. `cargo bench -p rotunda-kernel`.

use divan::{Bencher, black_box};
use rotunda_kernel::clock::{Actor, Clock, Dot};
use rotunda_kernel::digest::{crc32c, digest, mac};
use rotunda_kernel::key::seal_row_key;
use rotunda_kernel::merkle::{Entry, Shape, Tree};
use rotunda_kernel::object::{Object, compare, context, merge};
use rotunda_kernel::placement::changes::{Act, Change, Id, Mark};
use rotunda_kernel::placement::{Checkpoint, replay};
use rotunda_kernel::row::{Limits, Row, Write, apply_write, check_row, merge_row, seal_row};
use std::sync::LazyLock;

fn main() {
    divan::main();
}

const KEY: &[u8] = b"\x6f\xf9\x05cartsalice";
const A: Actor = [1; 14];
const B: Actor = [2; 14];
const LIMITS: Limits = Limits { max_siblings: 128, max_bytes: 8 << 20 };
const VALUE: &[u8] = &[7; 1024];

fn write(value: &[u8]) -> Write<'_> {
    Write {
        tombstone: false,
        incomplete: false,
        operation_is_clients: false,
        wall_ms: 1_700_000_000_000,
        expiry_ms: None,
        operation: b"sixteen bytes id",
        attributes: b"\x01\x0atext/plain\x00",
        value,
    }
}

/// A sealed row after one write by an actor, on top of another row.
fn row(below: &[u8], actor: &Actor, context: &[u8]) -> Vec<u8> {
    let mut out = vec![0; below.len() + 4096];
    let operation = [below.len() as u8; 16];
    let write = Write { operation: &operation, ..write(VALUE) };
    let length = apply_write(below, actor, context, &write, &LIMITS, &mut out).expect("sound");
    out.truncate(length);
    seal_row(KEY, &mut out, 1).expect("a row");
    out
}

fn object(row: &[u8]) -> &[u8] {
    Row::decode(row).expect("a row").object
}

fn clock(row: &[u8]) -> Vec<u8> {
    Object::decode(object(row)).expect("an object").clock_bytes.to_vec()
}

fn first() -> Vec<u8> {
    row(&[], &A, &[])
}

fn second() -> Vec<u8> {
    let first = first();
    let context = clock(&first);
    row(&first, &A, &context)
}

fn concurrent() -> Vec<u8> {
    let first = first();
    let context = clock(&first);
    row(&first, &B, &context)
}

#[divan::bench]
fn row_key_sealed(bencher: Bencher<'_, '_>) {
    let mut key = KEY.to_vec();
    bencher.bench_local(|| seal_row_key(black_box(&mut key)));
}

#[divan::bench]
fn write_of_a_new_key(bencher: Bencher<'_, '_>) {
    let mut out = vec![0; 4096];
    bencher.bench_local(|| apply_write(&[], &A, &[], black_box(&write(VALUE)), &LIMITS, &mut out));
}

#[divan::bench]
fn write_over_what_was_read(bencher: Bencher<'_, '_>) {
    let row = first();
    let context = clock(&row);
    let write = Write { operation: b"another operatio", ..write(VALUE) };
    let mut out = vec![0; 4096];
    bencher.bench_local(|| apply_write(black_box(&row), &A, &context, &write, &LIMITS, &mut out));
}

#[divan::bench]
fn merge_of_the_same(bencher: Bencher<'_, '_>) {
    let row = first();
    bencher.bench_local(|| merge_row(black_box(&row), object(&row), false, &mut []));
}

#[divan::bench]
fn merge_into_nothing(bencher: Bencher<'_, '_>) {
    let row = first();
    let mut out = vec![0; 4096];
    bencher.bench_local(|| merge_row(&[], black_box(object(&row)), false, &mut out));
}

#[divan::bench]
fn merge_of_the_newer(bencher: Bencher<'_, '_>) {
    let (row, newer) = (first(), second());
    let mut out = vec![0; 4096];
    bencher.bench_local(|| merge_row(black_box(&row), object(&newer), false, &mut out));
}

#[divan::bench]
fn merge_of_the_concurrent(bencher: Bencher<'_, '_>) {
    let (one, other) = (second(), concurrent());
    let mut out = vec![0; 8192];
    bencher.bench_local(|| merge::merge(black_box(object(&one)), object(&other), &mut out));
}

#[divan::bench]
fn comparing(bencher: Bencher<'_, '_>) {
    let (one, other) = (second(), concurrent());
    bencher.bench_local(|| compare::compare(black_box(object(&one)), object(&other)));
}

#[divan::bench]
fn checking_an_object(bencher: Bencher<'_, '_>) {
    let row = second();
    bencher.bench_local(|| Object::decode(black_box(object(&row))).is_ok());
}

#[divan::bench(args = [1, 25, 250])]
fn checking_a_clock_of_actors(bencher: Bencher<'_, '_>, actors: u8) {
    let names: Vec<Actor> = (0..actors).map(|number| [number; 14]).collect();
    let mut clock = Clock::default();
    names.iter().for_each(|actor| clock.insert(Dot { actor, counter: 9 }));
    let mut bytes = vec![0; 8192];
    let length = clock.encode_context(&mut bytes).expect("room");
    bencher.bench_local(|| Clock::decode_context(black_box(&bytes[..length])).is_ok());
}

#[divan::bench]
fn context_of_an_answer(bencher: Bencher<'_, '_>) {
    let row = second();
    let mut out = vec![0; 4096];
    let dot = Dot { actor: &A, counter: 2 };
    bencher.bench_local(|| context::written_context(black_box(object(&row)), dot, &mut out));
}

#[divan::bench]
fn row_sealed(bencher: Bencher<'_, '_>) {
    let mut row = first();
    bencher.bench_local(|| seal_row(KEY, black_box(&mut row), 7));
}

#[divan::bench]
fn row_checked(bencher: Bencher<'_, '_>) {
    let row = first();
    bencher.bench_local(|| check_row(KEY, black_box(&row)));
}

#[divan::bench]
fn object_digest(bencher: Bencher<'_, '_>) {
    let row = first();
    bencher.bench_local(|| digest(black_box(object(&row))));
}

#[divan::bench]
fn version_digest(bencher: Bencher<'_, '_>) {
    let row = first();
    bencher.bench_local(|| compare::version_digest(black_box(object(&row))));
}

#[divan::bench(args = [100, 1024, 65536])]
fn checksum_of_bytes(bencher: Bencher<'_, '_>, length: usize) {
    let bytes = vec![7; length];
    bencher.bench_local(|| crc32c(black_box(&bytes), 0));
}

#[divan::bench(args = [64, 100, 1024])]
fn mac_of_bytes(bencher: Bencher<'_, '_>, length: usize) {
    let bytes = vec![7; length];
    bencher.bench_local(|| mac(&[1; 32], black_box(&bytes)));
}

#[divan::bench]
fn tree_updated(bencher: Bencher<'_, '_>) {
    let shape = Shape { partition: 0, partition_bits: 0, segment_bits: 12, fan_bits: 4 };
    let mut tree = Tree::new(shape).expect("sound");
    let entry = |byte| Entry { digest: [byte; 16], bytes: 200 };
    let (mut old, mut new) = (entry(1), entry(2));
    tree.update(KEY, None, Some(old)).expect("in here");
    bencher.bench_local(|| {
        std::mem::swap(&mut old, &mut new);
        tree.update(black_box(KEY), Some(new), Some(old))
    });
}

fn joins(members: u64, zones: u64, weights: &[f64]) -> Vec<Change> {
    let join = |number: u64| Change {
        stamp: number,
        author: [0; 16],
        after: Some(if number == 1 { vec![] } else { vec![(number - 1, [0; 16])] }),
        act: Act::Join {
            member: member(number),
            weight: weights[number as usize % weights.len()],
            zone: vec![(number % zones) as u8],
        },
    };
    (1..=members).map(join).collect()
}

fn member(number: u64) -> Id {
    digest(&number.to_be_bytes())
}

#[divan::bench(args = [(256, 3), (256, 12), (256, 60), (4096, 12), (65536, 12)], sample_count = 10)]
fn placement_of(bencher: Bencher<'_, '_>, (partitions, members): (usize, u64)) {
    let changes = joins(members, 1, &[1.0]);
    bencher.bench_local(|| replay(partitions, 3, black_box(&changes)));
}

/// Members of the rings in which a change is measured, and partitions: the largest that are promised.
const MEMBERS: u64 = 300;
const PARTITIONS: usize = 16_384;

type Ring = (Vec<Change>, Checkpoint);

fn ring(weights: &[f64]) -> Ring {
    let changes = joins(MEMBERS, 4, weights);
    let checkpoint = Checkpoint::of(PARTITIONS, 3, &changes).expect("valid");
    (changes, checkpoint)
}

/// In four zones, all weights equal.
static EQUAL: LazyLock<Ring> = LazyLock::new(|| ring(&[1.0]));

/// In four zones, a third of the members each of weight 1, 2 and 4.
static MIXED: LazyLock<Ring> = LazyLock::new(|| ring(&[1.0, 2.0, 4.0]));

/// Changes, each recorded in knowledge of all before it. Member 17 stands in zone 1, and has weight 4 where weights are mixed.
const CHANGES: [&str; 26] = [
    "join",
    "join, weight 2",
    "leave",
    "removal",
    "replacement, same weight and zone",
    "replacement, half the weight",
    "replacement, another zone",
    "replacement, another zone, weight 2",
    "weight doubled",
    "weight halved",
    "weight times 100",
    "zone, to another",
    "zone, to a new one",
    "copies 3 to 1",
    "copies 3 to 2",
    "copies 3 to 4",
    "copies 3 to 5",
    "copies 3 to 16",
    "split",
    "mixed weights: join",
    "mixed weights: leave",
    "mixed weights: replacement, another zone, weight 2",
    "mixed weights: zone, to another",
    "mixed weights: copies 3 to 1",
    "mixed weights: copies 3 to 2",
    "mixed weights: copies 3 to 5",
];

fn act_of(what: &str) -> Act {
    let (new, old) = (member(MEMBERS + 1), member(17));
    let join = |weight| Act::Join { member: new, weight, zone: vec![1] };
    let replacement =
        |weight, zone| Act::Replace { member: new, weight, zone: vec![zone], replaced: old, seen: 0 };
    let weight = |weight| Act::Weight { member: old, weight };
    let zone = |zone| Act::Zone { member: old, zone: vec![zone] };
    match what {
        "join" => join(1.0),
        "join, weight 2" => join(2.0),
        "leave" => Act::Leave { member: old },
        "removal" => Act::Remove { member: old, seen: 0 },
        "replacement, same weight and zone" => replacement(1.0, 1),
        "replacement, half the weight" => replacement(0.5, 1),
        "replacement, another zone" => replacement(1.0, 2),
        "replacement, another zone, weight 2" => replacement(2.0, 2),
        "weight doubled" => weight(2.0),
        "weight halved" => weight(0.5),
        "weight times 100" => weight(100.0),
        "zone, to another" => zone(2),
        "zone, to a new one" => zone(9),
        "split" => Act::Split { partitions: 2 * PARTITIONS },
        _ => {
            let copies = what.strip_prefix("copies 3 to ").expect("a kind of change");
            Act::Copies { copies: copies.parse().expect("a number") }
        }
    }
}

fn change(author: u8, after: Vec<Mark>, act: Act) -> Change {
    let stamp = 1 + after.iter().map(|mark| mark.0).max().unwrap_or(0);
    Change { stamp, author: [author; 16], after: Some(after), act }
}

/// One change in a ring of 300 members in four zones and 16,384 partitions with three copies, from the checkpoint before it.
#[divan::bench(args = CHANGES, sample_count = 5, sample_size = 1)]
fn placement_after(bencher: Bencher<'_, '_>, what: &str) {
    let mixed = what.strip_prefix("mixed weights: ");
    let (changes, before) = if mixed.is_some() { &*MIXED } else { &*EQUAL };
    let mut changes = changes.clone();
    changes.push(change(1, vec![(MEMBERS, [0; 16])], act_of(mixed.unwrap_or(what))));
    bencher.bench_local(|| before.after(black_box(&changes)).map(|after| after.placement().copies));
}

/// The same after a change that is in the checkpoint: a join on top of a split, and of two joins recorded at once the second one and the merge.
#[divan::bench(
    args = ["join, after a split", "join, at the same time as another", "mixed weights: join, at the same time as another"],
    sample_count = 5,
    sample_size = 1
)]
fn placement_after_another(bencher: Bencher<'_, '_>, what: &str) {
    let (changes, before) = if what.starts_with("mixed") { &*MIXED } else { &*EQUAL };
    let mut changes = changes.clone();
    let tip = vec![(MEMBERS, [0; 16])];
    let is_split = what == "join, after a split";
    let first = match is_split {
        true => act_of("split"),
        false => Act::Join { member: [9; 16], weight: 1.0, zone: vec![2] },
    };
    let first = change(2, tip.clone(), first);
    let after = if is_split { vec![first.mark()] } else { tip };
    changes.push(first);
    let before = before.after(&changes).expect("valid");
    changes.push(change(1, after, act_of("join")));
    bencher.bench_local(|| before.after(black_box(&changes)).map(|after| after.placement().copies));
}
