//! Decoders are total: any bytes give a value or a fault, without a panic, and without more memory than the bytes deserve.

mod common;

use common::{ACTORS, Chance, clock_bytes, object_of};
use rotunda_kernel::clock::Clock;
use rotunda_kernel::object::{Object, build, compare, context, merge, skeleton};
use rotunda_kernel::placement::{changes, replay};
use rotunda_kernel::row::{Limits, Row, Write, apply_write, check_row, merge_row, seal_row};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what the thread under test asks for at once.
struct Counting;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.with(|largest| largest.set(largest.get().max(layout.size())));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIMITS: Limits = Limits { max_siblings: 10, max_bytes: 1000 };

/// An object of nothing, to hold skeletons against.
const ONE_OBJECT: &[u8] = &[1, 0, 1, 0, 0];

/// Everything that takes bytes from outside.
fn feed(bytes: &[u8], out: &mut [u8]) {
    LARGEST.with(|largest| largest.set(0));
    let write = Write {
        tombstone: false,
        incomplete: false,
        operation_is_clients: true,
        wall_ms: 1,
        expiry_ms: Some(2),
        operation: b"op",
        attributes: b"a",
        value: b"v",
    };
    let _ = Clock::decode_context(bytes);
    let _ = Object::decode(bytes);
    let _ = Row::decode(bytes);
    let _ = check_row(b"key", bytes);
    let _ = merge::merge(bytes, bytes, out);
    let _ = compare::compare(bytes, bytes);
    let _ = compare::version_digest(bytes);
    let _ = compare::compare_skeleton(ONE_OBJECT, bytes);
    let _ = skeleton(bytes, out);
    let _ = context::covers_context(bytes, bytes);
    let _ = context::live_covered(bytes, bytes);
    let _ = merge_row(bytes, bytes, true, out);
    let _ = apply_write(bytes, &ACTORS[0], bytes, &write, &LIMITS, out);
    let _ = changes::decode(bytes);
    let largest = LARGEST.with(Cell::get);
    assert!(largest <= 64 * bytes.len() + 512, "{largest} bytes at once for an input of {}", bytes.len());
}

fn samples() -> Vec<Vec<u8>> {
    let dots = |list: &[(usize, u64)]| list.iter().copied().collect();
    let object = object_of(&dots(&[(0, 1), (0, 2), (1, 5), (2, 1)]), &dots(&[(0, 2), (1, 5)]));
    let mut row = vec![0; 500];
    let length = merge_row(&[], &object, false, &mut row).expect("room");
    row.truncate(length);
    let written = {
        let mut out = vec![0; 1000];
        let write = Write {
            tombstone: true,
            incomplete: true,
            operation_is_clients: true,
            wall_ms: 1,
            expiry_ms: Some(1),
            operation: b"operation",
            attributes: b"",
            value: b"",
        };
        let length = apply_write(&row, &ACTORS[3], &[], &write, &LIMITS, &mut out).expect("room");
        out.truncate(length);
        seal_row(b"key", &mut out, 3).expect("a row");
        out
    };
    let mut packed = vec![1, 2];
    for kind in [0u8, 2] {
        packed.extend([kind, 9]);
        packed.extend([7; 32]);
        packed.extend(1.5f64.to_be_bytes());
        packed.extend([2, b'z', b'1', 8]);
    }
    assert!(changes::decode(&packed).is_ok());
    let mut bones = vec![0; object.len()];
    let length = skeleton(&object, &mut bones).expect("an object has room for its skeleton");
    bones.truncate(length);
    assert_eq!(compare::compare_skeleton(&object, &bones), Ok(compare::Relation::Equal));
    vec![clock_bytes(&dots(&[(0, 1), (0, 7), (3, 900)])), object, row, written, packed, bones]
}

#[test]
fn bytes_by_chance() {
    let mut chance = Chance(11);
    let mut out = vec![0; 4096];
    for _ in 0..100_000 {
        let mut bytes: Vec<u8> = (0..chance.below(80)).map(|_| chance.bits() as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        if bytes.len() > 2 && chance.once_in(2) {
            bytes[1] = 0;
            bytes[2] = 1;
        }
        feed(&bytes, &mut out);
    }
}

#[test]
fn valid_bytes_that_were_changed_or_cut() {
    let mut chance = Chance(12);
    let mut out = vec![0; 4096];
    let samples = samples();
    for sample in &samples {
        (0..sample.len()).for_each(|length| feed(&sample[..length], &mut out));
        for _ in 0..20_000 {
            let mut bytes = sample.clone();
            for _ in 0..1 + chance.below(3) {
                let at = chance.below(bytes.len());
                match chance.below(4) {
                    0 => bytes[at] = chance.bits() as u8,
                    1 => bytes[at] ^= 1 << chance.below(8),
                    2 => bytes.insert(at, chance.bits() as u8),
                    _ => drop(bytes.remove(at)),
                }
            }
            feed(&bytes, &mut out);
        }
    }
}

/// Whatever is accepted is canonical: written again from what was read, it is the same bytes.
#[test]
fn what_is_accepted_is_canonical() {
    let mut chance = Chance(13);
    let samples = samples();
    let mut accepted = 0;
    for _ in 0..200_000 {
        let mut bytes = samples[1].clone();
        for _ in 0..1 + chance.below(3) {
            let at = chance.below(bytes.len());
            bytes[at] = chance.bits() as u8;
        }
        let Ok(object) = Object::decode(&bytes) else { continue };
        accepted += 1;
        let mut out = vec![0; 2 * bytes.len()];
        assert_eq!(merge::merge(&bytes, &bytes, &mut out), Ok(bytes.len()));
        assert_eq!(out[..bytes.len()], bytes);
        let context = common::encoded(|out| object.clock.encode_context(out));
        assert_eq!(context, object.clock_bytes);
    }
    assert!(accepted > 10_000, "only {accepted} of the changed objects were still objects");
}

#[test]
fn a_false_count_takes_no_memory() {
    let mut out = vec![0; 4096];
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    for head in [&[1][..], &[1, 0, 1, 0], &[1, 0], &[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]] {
        feed(&[head, &huge, &[0; 40]].concat(), &mut out);
    }
    assert!(changes::decode(&[&[1][..], &huge].concat()).is_err());
}

#[test]
fn an_object_that_breaks_a_rule_is_refused() {
    let dots = |list: &[(usize, u64)]| list.iter().copied().collect::<common::Dots>();
    let good = object_of(&dots(&[(2, 1), (2, 2)]), &dots(&[(2, 1), (2, 2)]));
    assert!(Object::decode(&good).is_ok());
    let trailing = [&good[..], &[0]].concat();
    assert!(Object::decode(&trailing).is_err(), "trailing bytes");
    // The actor stands in the clock, in the first sibling and in the second one, each time with a counter behind it.
    let counters: Vec<usize> = (0..good.len() - 14).filter(|&at| good[at..at + 14] == ACTORS[2]).collect();
    assert_eq!(counters.len(), 3);
    let mut swapped = good.clone();
    swapped[counters[1] + 14] = 2;
    swapped[counters[2] + 14] = 1;
    assert!(Object::decode(&swapped).is_err(), "unsorted siblings");
    swapped[counters[1] + 14] = 1;
    assert!(Object::decode(&swapped).is_err(), "two siblings of one dot");
    let unseen = build(&common::clock_of(&dots(&[(0, 1)])), &[], &mut [0; 100]);
    assert!(unseen.is_ok());
    let mut beyond = good.clone();
    beyond[counters[2] + 14] = 3;
    assert!(Object::decode(&beyond).is_err(), "a sibling whose dot is not in the clock");
    for (at, flag) in [(1, 2), (1, 0x20), (counters[1] - 1, 0x10), (counters[1] - 1, 0x20)] {
        let mut flagged = good.clone();
        flagged[at] |= flag;
        assert!(Object::decode(&flagged).is_err(), "an unknown required flag");
    }
    for (at, flag) in [(1, 0x40), (1, 0x80), (counters[1] - 1, 0x40), (counters[1] - 1, 0x80)] {
        let mut flagged = good.clone();
        flagged[at] |= flag;
        assert!(Object::decode(&flagged).is_ok(), "an unknown optional flag");
        let mut out = vec![0; 2 * good.len()];
        let length = merge::merge(&good, &flagged, &mut out).expect("mergeable");
        assert_eq!(out[..length], flagged, "is kept");
    }
    let mut version = good.clone();
    version[0] = 2;
    assert!(Object::decode(&version).is_err(), "an unknown version");
}

#[test]
fn placement_refuses_what_it_cannot_place() {
    assert!(replay(0, 3, &[]).is_err());
    assert!(replay(3, 3, &[]).is_err());
    assert!(replay(1 << 17, 3, &[]).is_err());
    assert!(replay(256, 0, &[]).is_err());
    assert!(replay(256, 17, &[]).is_err());
}
