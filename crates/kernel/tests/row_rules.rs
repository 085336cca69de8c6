//! What a coordinator's write and a merge do to a row, rule by rule.

mod common;

use common::{ACTORS, Chance, clock_bytes, encoded};
use rotunda_kernel::Fault;
use rotunda_kernel::clock::Actor;
use rotunda_kernel::object::{Object, context};
use rotunda_kernel::row::{
    Limits, MAX_OPERATIONS, MERGE_EXTRA_BYTES, Row, WRITE_EXTRA_BYTES, Write, apply_write, check_row,
    merge_row, seal_row, shed_row,
};

const LIMITS: Limits = Limits { max_siblings: 3, max_bytes: 100 };
const NO_ROW: &[u8] = &[];
const BLIND: &[u8] = &[];

fn value(bytes: &[u8]) -> Write<'_> {
    Write {
        tombstone: false,
        incomplete: false,
        operation_is_clients: false,
        wall_ms: 5,
        expiry_ms: None,
        operation: &[],
        attributes: b"text/plain",
        value: bytes,
    }
}

fn named<'a>(bytes: &'a [u8], operation: &'a [u8]) -> Write<'a> {
    Write { operation, operation_is_clients: true, ..value(bytes) }
}

fn tombstone() -> Write<'static> {
    Write { tombstone: true, attributes: b"", ..value(b"") }
}

fn written(row: &[u8], actor: &Actor, context: &[u8], write: &Write<'_>) -> Result<Vec<u8>, Fault> {
    let parts =
        row.len() + context.len() + write.operation.len() + write.attributes.len() + write.value.len();
    let mut out = vec![0; parts + WRITE_EXTRA_BYTES];
    let length = apply_write(row, actor, context, write, &LIMITS, &mut out)?;
    out.truncate(length);
    Ok(out)
}

fn merged(row: &[u8], object: &[u8], incomplete: bool) -> Option<Vec<u8>> {
    let mut out = vec![0; row.len() + object.len() + MERGE_EXTRA_BYTES];
    let length = merge_row(row, object, incomplete, &mut out).expect("sound");
    out.truncate(length);
    (length > 0).then_some(out)
}

fn object(row: &[u8]) -> Object<'_> {
    Object::decode(Row::decode(row).expect("a row").object).expect("an object")
}

fn context(row: &[u8]) -> Vec<u8> {
    object(row).clock_bytes.to_vec()
}

fn values(row: &[u8]) -> Vec<&[u8]> {
    object(row).siblings.iter().map(|sibling| sibling.value).collect()
}

#[test]
fn an_actor_goes_on_in_its_incarnation_and_only_there() {
    let next_of_same = {
        let mut actor = ACTORS[0];
        actor[13] = 99;
        actor
    };
    let first = written(NO_ROW, &ACTORS[0], BLIND, &value(b"x")).expect("written");
    let second = written(&first, &next_of_same, &context(&first), &value(b"y")).expect("written");
    assert_eq!(Row::decode(&second).expect("a row").actor, Some(&ACTORS[0]));
    assert_eq!(object(&second).siblings[0].dot.counter, 2);
    let reborn = written(&second, &ACTORS[1], &context(&second), &value(b"z")).expect("written");
    assert_eq!(Row::decode(&reborn).expect("a row").actor, Some(&ACTORS[1]));
    assert_eq!(object(&reborn).siblings[0].dot.counter, 1);
}

#[test]
fn a_row_made_by_a_merge_has_no_actor_even_of_its_own_dots() {
    let first = written(NO_ROW, &ACTORS[0], BLIND, &value(b"x")).expect("written");
    let copy = merged(NO_ROW, Row::decode(&first).expect("a row").object, false).expect("new");
    assert_eq!(Row::decode(&copy).expect("a row").actor, None);
    let again = written(&copy, &ACTORS[2], BLIND, &value(b"y")).expect("written");
    assert_eq!(Row::decode(&again).expect("a row").actor, Some(&ACTORS[2]));
}

#[test]
fn the_sibling_limit_holds_for_values_and_lets_whoever_merges_through() {
    let mut row = Vec::new();
    for bytes in [b"a", b"b", b"c"] {
        row = written(&row, &ACTORS[0], BLIND, &value(bytes)).expect("within the limit");
    }
    assert_eq!(written(&row, &ACTORS[0], BLIND, &value(b"d")), Err(Fault::TooManySiblings));
    let dead = written(&row, &ACTORS[0], BLIND, &tombstone()).expect("a tombstone is never refused");
    assert_eq!(object(&dead).siblings.len(), 4);
    let again = written(&dead, &ACTORS[0], BLIND, &tombstone()).expect("never");
    assert_eq!(object(&again).siblings.len(), 4, "a tombstone replaces tombstones");
    let both = written(&again, &ACTORS[0], &context(&again), &value(b"merged")).expect("a merge");
    assert_eq!(values(&both), [b"merged"]);
}

#[test]
fn tombstones_do_not_count() {
    let mut row = written(NO_ROW, &ACTORS[0], BLIND, &tombstone()).expect("written");
    for bytes in [b"a", b"b", b"c"] {
        row = written(&row, &ACTORS[0], BLIND, &value(bytes)).expect("three values are within the limit");
    }
    assert_eq!(object(&row).siblings.len(), 4);
    assert_eq!(written(&row, &ACTORS[0], BLIND, &value(b"d")), Err(Fault::TooManySiblings));
    let one = clock_bytes(&[(0, 1)].into());
    assert_eq!(written(&row, &ACTORS[0], &one, &value(b"d")), Err(Fault::TooManySiblings), "no fewer values");
}

#[test]
fn the_byte_limit_is_exact() {
    let row = written(NO_ROW, &ACTORS[0], BLIND, &value(&[7; 60])).expect("within the limit");
    assert!(written(&row, &ACTORS[0], BLIND, &value(&[8; 40])).is_ok());
    assert_eq!(written(&row, &ACTORS[0], BLIND, &value(&[8; 41])), Err(Fault::TooManySiblings));
    assert!(written(&row, &ACTORS[0], &context(&row), &value(&[8; 100])).is_ok());
    assert_eq!(written(NO_ROW, &ACTORS[0], BLIND, &value(&[8; 101])), Err(Fault::TooManySiblings));
}

#[test]
fn fewer_values_than_before_are_never_refused() {
    let mut row = Vec::new();
    for (actor, byte) in ACTORS.iter().zip(*b"abcd") {
        let other = written(NO_ROW, actor, BLIND, &value(&[byte; 60])).expect("written");
        row = merged(&row, Row::decode(&other).expect("a row").object, false).expect("new");
    }
    let two = clock_bytes(&[(0, 1), (1, 1)].into());
    let resolved = written(&row, &ACTORS[0], &two, &value(&[9; 90])).expect("four values become three");
    assert_eq!(object(&resolved).siblings.len(), 3);
    let one = clock_bytes(&[(0, 1)].into());
    assert_eq!(written(&row, &ACTORS[0], &one, &value(b"")), Err(Fault::TooManySiblings));
    let dead = written(&row, &ACTORS[0], BLIND, &tombstone()).expect("never refused");
    let grave_too = clock_bytes(&[(0, 1), (0, 2)].into());
    let refused = written(&dead, &ACTORS[0], &grave_too, &value(b""));
    assert_eq!(refused, Err(Fault::TooManySiblings), "four values as before, a tombstone less");
}

#[test]
fn an_operation_is_one_write_while_it_is_remembered() {
    let first = written(NO_ROW, &ACTORS[0], BLIND, &named(b"x", b"op-1")).expect("written");
    assert_eq!(written(&first, &ACTORS[0], BLIND, &named(b"x", b"op-1")), Err(Fault::Already));
    let second = written(&first, &ACTORS[0], &context(&first), &named(b"y", b"op-2")).expect("written");
    assert_eq!(
        written(&second, &ACTORS[0], BLIND, &named(b"x", b"op-1")),
        Err(Fault::Already),
        "replaced here"
    );
    let mut row = second;
    for number in 3..=(2 + MAX_OPERATIONS) {
        let operation = format!("op-{number}");
        row = written(&row, &ACTORS[0], &context(&row), &named(b"z", operation.as_bytes())).expect("written");
    }
    assert_eq!(written(&row, &ACTORS[0], BLIND, &named(b"y", b"op-2")), Err(Fault::Already), "the 16th back");
    assert!(written(&row, &ACTORS[0], BLIND, &named(b"x", b"op-1")).is_ok(), "the 17th is forgotten");
}

#[test]
fn only_operations_of_clients_are_remembered_after_they_are_replaced() {
    let ours = Write { operation: b"ours", ..value(b"x") };
    let first = written(NO_ROW, &ACTORS[0], BLIND, &ours).expect("written");
    assert_eq!(written(&first, &ACTORS[0], BLIND, &ours), Err(Fault::Already), "while it is a sibling");
    let second = written(&first, &ACTORS[0], &context(&first), &value(b"y")).expect("written");
    assert_eq!(Row::decode(&second).expect("a row").operations, b"");
    assert!(written(&second, &ACTORS[0], BLIND, &ours).is_ok());
}

#[test]
fn a_merge_remembers_the_operations_that_it_replaces() {
    let first = written(NO_ROW, &ACTORS[0], BLIND, &named(b"x", b"op-1")).expect("written");
    let newer = written(&first, &ACTORS[1], &context(&first), &value(b"y")).expect("written");
    let row = merged(&first, Row::decode(&newer).expect("a row").object, false).expect("newer");
    assert_eq!(values(&row), [b"y"]);
    assert_eq!(written(&row, &ACTORS[0], BLIND, &named(b"x", b"op-1")), Err(Fault::Already));
}

#[test]
fn incomplete_is_kept_until_it_is_taken_away() {
    let row =
        written(NO_ROW, &ACTORS[0], BLIND, &Write { incomplete: true, ..value(b"x") }).expect("written");
    assert!(Row::decode(&row).expect("a row").incomplete);
    let again = written(&row, &ACTORS[0], BLIND, &value(b"y")).expect("written");
    assert!(Row::decode(&again).expect("a row").incomplete);
    let own = Row::decode(&again).expect("a row").object.to_vec();
    assert_eq!(merged(&again, &own, false), None);
    assert_eq!(merged(&again, &own, true), None, "marked already");
    let other = written(NO_ROW, &ACTORS[1], BLIND, &value(b"z")).expect("written");
    let both = merged(&again, Row::decode(&other).expect("a row").object, false).expect("something new");
    assert!(Row::decode(&both).expect("a row").incomplete, "a merge takes no mark away");
    let whole = written(NO_ROW, &ACTORS[0], BLIND, &value(b"x")).expect("written");
    let own = Row::decode(&whole).expect("a row").object.to_vec();
    let marked = merged(&whole, &own, true).expect("the mark is new");
    assert!(Row::decode(&marked).expect("a row").incomplete);
    assert_eq!(Row::decode(&marked).expect("a row").object, own);
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let row = written(NO_ROW, &ACTORS[0], BLIND, &value(b"x")).expect("written");
    let own = Row::decode(&row).expect("a row").object.to_vec();
    assert_eq!(written(&row[..20], &ACTORS[0], BLIND, &value(b"y")), Err(Fault::BadRow));
    assert_eq!(written(&row, &ACTORS[0], &[9, 9], &value(b"y")), Err(Fault::BadContext));
    let mut out = [0; 1000];
    assert_eq!(merge_row(&row, &own[1..], false, &mut out), Err(Fault::BadObject));
    assert_eq!(merge_row(&[], &[], false, &mut out), Err(Fault::BadObject));
    assert_eq!(merge_row(&row[..row.len() - 9], &own, false, &mut out), Err(Fault::BadRow));
    let long = [1; 65];
    assert_eq!(written(NO_ROW, &ACTORS[0], BLIND, &named(b"x", &long)), Err(Fault::BadWrite));
    assert_eq!(
        written(NO_ROW, &ACTORS[0], BLIND, &Write { wall_ms: 1 << 48, ..value(b"x") }),
        Err(Fault::BadWrite)
    );
    assert_eq!(
        written(NO_ROW, &ACTORS[0], BLIND, &Write { value: b"x", ..tombstone() }),
        Err(Fault::BadWrite)
    );
}

#[test]
fn contexts_count_what_they_cover() {
    let first = written(NO_ROW, &ACTORS[0], BLIND, &value(b"x")).expect("written");
    let row = written(&first, &ACTORS[0], BLIND, &value(b"y")).expect("written");
    let row = written(&row, &ACTORS[0], BLIND, &tombstone()).expect("written");
    let object = Row::decode(&row).expect("a row").object;
    assert_eq!(context::live_covered(object, &context(&row)), Ok(2));
    assert_eq!(context::live_covered(object, &context(&first)), Ok(1));
    assert_eq!(context::live_covered(object, BLIND), Ok(0));
    assert_eq!(context::covers_context(object, &context(&row)), Ok(true));
    assert_eq!(context::covers_context(object, &clock_bytes(&[(1, 1)].into())), Ok(false));
    assert_eq!(context::covers_context(object, &[7]), Err(Fault::BadContext));
}

/// The bounds that callers allocate by hold, also where clocks have gaps and numbers are long.
#[test]
fn the_documented_bounds_are_enough() {
    let mut chance = Chance(1);
    for _ in 0..20_000 {
        let mut dots = || {
            let counter = |chance: &mut Chance| 1 + (chance.bits() >> (11 + chance.below(53)));
            (0..chance.below(12))
                .map(|_| (chance.below(4), counter(&mut chance).min((1 << 53) - 2)))
                .collect()
        };
        let (here, there) = (clock_bytes(&dots()), clock_bytes(&dots()));
        let row = written(NO_ROW, &ACTORS[0], &here, &named(b"x", &[1; 64]));
        let Ok(row) = row else { continue };
        let other = written(NO_ROW, &ACTORS[1], &there, &named(b"y", &[2; 64])).expect("written");
        let object = Row::decode(&other).expect("a row").object;
        if let Some(both) = merged(&row, object, false) {
            let next =
                written(&both, &ACTORS[2], &there, &named(&[3; 30], &[4; 64])).expect("the bound is enough");
            let object = Row::decode(&next).expect("a row").object;
            let dot = rotunda_kernel::clock::Dot { actor: &ACTORS[2], counter: 1 };
            let mut out = vec![0; object.len()];
            assert!(context::written_context(object, dot, &mut out).is_ok());
        }
    }
}

#[test]
fn a_sealed_row_is_whole_and_any_damage_is_seen() {
    let mut row = written(NO_ROW, &ACTORS[0], BLIND, &named(b"some value", b"op")).expect("written");
    seal_row(b"row key", &mut row, (1 << 53) - 1).expect("a row");
    assert_eq!(check_row(b"row key", &row), Ok(()));
    let first_context = encoded(|out| Ok::<_, Fault>(object(&row).clock.encode_context(out).expect("room")));
    assert_eq!(first_context, context(&row));
    for bit in 0..row.len() * 8 {
        let mut damaged = row.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(check_row(b"row key", &damaged), Err(Fault::BadRow), "bit {bit}");
    }
}

/// A replica that sheds the entry of its own actor begins again under a fresh one: it would count from one, and mint dots that were others before.
#[test]
fn an_actor_whose_entry_was_shed_is_never_used_again() {
    let mine = written(NO_ROW, &ACTORS[0], BLIND, &value(b"old")).expect("written");
    let theirs = written(&mine, &ACTORS[1], &context(&mine), &value(b"new")).expect("written");
    let mut newer = ACTORS[1];
    newer[0] += 1;
    let replaced = written(&theirs, &newer, &context(&theirs), &value(b"newest")).expect("written");
    let merged_here = merged(&mine, Row::decode(&replaced).expect("a row").object, false).expect("newer");
    let mut less = vec![0; merged_here.len()];
    let length = shed_row(&merged_here, &mut less).expect("room enough");
    less.truncate(length);
    assert_eq!(Row::decode(&merged_here).expect("a row").actor, Some(&ACTORS[0]));
    assert_eq!(Row::decode(&less).expect("a row").actor, None);
    assert_eq!(object(&less).clock.highest(&ACTORS[0]), 0);
    assert_eq!(values(&less), [b"newest"]);
    let mut fresh = ACTORS[0];
    fresh[13] += 1;
    let next = written(&less, &fresh, BLIND, &value(b"next")).expect("written");
    assert_eq!(Row::decode(&next).expect("a row").actor, Some(&fresh));
    // One whose sibling is left stays.
    let mut still = vec![0; mine.len()];
    let length = shed_row(&mine, &mut still).expect("room enough");
    assert_eq!(Row::decode(&still[..length]).expect("a row").actor, Some(&ACTORS[0]));
}
