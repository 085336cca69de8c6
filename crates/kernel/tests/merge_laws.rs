//! The laws of merging, over every small object there is, and over larger ones by chance.
//!
//! ```text
//!   a ⊔ a = a        a ⊔ b = b ⊔ a        (a ⊔ b) ⊔ c = a ⊔ (b ⊔ c)        as bytes
//!   seen(a ⊔ b) = seen(a) ∪ seen(b)       nothing is invented
//!   d ∈ live(a ⊔ b)  ⇔  d ∈ seen(a ⊔ b) and each side that has seen d holds it       nothing is lost
//!   a ≥ b  ⇔  a ⊔ b = a                   comparing agrees with merging
//! ```

mod common;

use common::{ACTORS, Dots, ModelDot, encoded, object_of, sets_of};
use proptest::prelude::*;
use rotunda_kernel::object::compare::{Relation, compare, compare_skeleton, version_digest};
use rotunda_kernel::object::merge::merge;
use rotunda_kernel::object::{Object, skeleton};

fn merged(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = vec![0; a.len() + b.len()];
    let length = merge(a, b, &mut out).expect("the bound is enough");
    out.truncate(length);
    out
}

/// Every object over the given dots: each dot is unseen, seen and replaced, or live.
fn all_objects(dots: &[ModelDot]) -> Vec<Vec<u8>> {
    let states = 3usize.pow(dots.len() as u32);
    let object = |state: usize| {
        let digit = |at: usize| state / 3usize.pow(at as u32) % 3;
        let chosen = |least: usize| -> Dots {
            dots.iter().enumerate().filter(|(at, _)| digit(*at) >= least).map(|(_, dot)| *dot).collect()
        };
        object_of(&chosen(1), &chosen(2))
    };
    (0..states).map(object).collect()
}

fn check_pair(a: &[u8], b: &[u8]) {
    let both = merged(a, b);
    assert_eq!(both, merged(b, a), "commutative");
    let ((seen_a, live_a), (seen_b, live_b)) = (sets_of(a), sets_of(b));
    let (seen, live) = sets_of(&both);
    assert_eq!(seen, seen_a.union(&seen_b).copied().collect());
    let survives = |dot: &&ModelDot| {
        (live_a.contains(dot) || !seen_a.contains(dot)) && (live_b.contains(dot) || !seen_b.contains(dot))
    };
    assert_eq!(live, seen.iter().filter(survives).copied().collect());
    let expected = match (both == a, both == b) {
        (true, true) => Relation::Equal,
        (true, false) => Relation::FirstNewer,
        (false, true) => Relation::SecondNewer,
        (false, false) => Relation::Concurrent,
    };
    assert_eq!(compare(a, b), Ok(expected));
    assert_eq!(version_digest(a) == version_digest(b), a == b);
    let mut bones = vec![0; b.len()];
    let length = skeleton(b, &mut bones).expect("an object has room for its skeleton");
    assert_eq!(compare_skeleton(a, &bones[..length]), Ok(expected));
    assert!(Object::decode(&bones[..length]).is_err() && compare_skeleton(a, b).is_err());
}

#[test]
fn every_pair_of_small_objects() {
    let dots = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)];
    let objects = all_objects(&dots);
    assert_eq!(objects.len(), 243);
    for a in &objects {
        assert_eq!(&merged(a, a), a, "idempotent");
        objects.iter().for_each(|b| check_pair(a, b));
    }
}

#[test]
fn every_triple_of_smaller_objects() {
    let objects = all_objects(&[(0, 1), (0, 2), (1, 1), (2, 1)]);
    assert_eq!(objects.len(), 81);
    for a in &objects {
        for b in &objects {
            let left = merged(a, b);
            for c in &objects {
                assert_eq!(merged(&left, c), merged(a, &merged(b, c)), "associative");
            }
        }
    }
}

/// A larger object: some dots seen, some of them live.
fn object() -> impl Strategy<Value = Vec<u8>> {
    let dot = (0..ACTORS.len(), 1..=9u64);
    prop::collection::btree_map(dot, any::<bool>(), 0..20).prop_map(|dots| {
        let live = dots.iter().filter(|(_, live)| **live).map(|(dot, _)| *dot).collect();
        object_of(&dots.into_keys().collect(), &live)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn larger_objects_obey_too(a in object(), b in object(), c in object()) {
        check_pair(&a, &b);
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &merged(&a, &b)), merged(&a, &b));
    }

    #[test]
    fn a_buffer_too_small_is_an_error_and_nothing_else(a in object(), b in object(), room in 0..200usize) {
        let full = merged(&a, &b);
        let mut out = vec![0xee; room.min(full.len().saturating_sub(1))];
        prop_assert_eq!(merge(&a, &b, &mut out), Err(rotunda_kernel::Fault::OutTooSmall));
        let mut exact = encoded(|out| merge(&a, &b, out));
        prop_assert_eq!(merge(&a, &b, &mut exact.clone()), Ok(exact.len()));
        exact.truncate(0);
    }
}
