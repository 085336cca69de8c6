//! Clocks against the plainest model there is: a set of dots.

mod common;

use common::{ACTORS, Dots, clock_bytes, clock_of, dots_of};
use proptest::prelude::*;
use rotunda_kernel::clock::{Clock, Dot};

/// Few actors and counters, so that sets meet, touch and overlap; now and then far apart.
fn dots() -> impl Strategy<Value = Dots> {
    let counter = prop_oneof![9 => 1..=12u64, 1 => 1..=1_000_000u64];
    prop::collection::btree_set((0..ACTORS.len(), counter), 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn one_set_has_one_encoding(seen in dots(), order in any::<u64>()) {
        let bytes = clock_bytes(&seen);
        let read = Clock::decode_context(&bytes).expect("canonical");
        prop_assert_eq!(dots_of(&read), seen.clone());
        let mut shuffled: Vec<_> = seen.into_iter().collect();
        let mut chance = common::Chance(order);
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, chance.below(at + 1));
        }
        let mut clock = Clock::default();
        for (actor, counter) in shuffled {
            clock.insert(Dot { actor: &ACTORS[actor], counter });
        }
        let again = common::encoded(|out| clock.encode_context(out));
        prop_assert_eq!(&again, &bytes);
    }

    #[test]
    fn union_is_the_union_of_sets(a in dots(), b in dots()) {
        let joined = clock_of(&a).union(&clock_of(&b));
        prop_assert_eq!(joined.clone(), clock_of(&b).union(&clock_of(&a)));
        let both: Dots = a.union(&b).copied().collect();
        prop_assert_eq!(joined, clock_of(&both));
        prop_assert!(clock_bytes(&both).len() <= clock_bytes(&a).len() + clock_bytes(&b).len());
    }

    #[test]
    fn covering_is_being_a_superset(a in dots(), b in dots()) {
        prop_assert_eq!(clock_of(&a).covers(&clock_of(&b)), a.is_superset(&b));
        let both: Dots = a.union(&b).copied().collect();
        prop_assert!(clock_of(&both).covers(&clock_of(&a)));
    }

    #[test]
    fn single_dots(seen in dots(), actor in 0..ACTORS.len(), counter in 1..=14u64) {
        let dot = Dot { actor: &ACTORS[actor], counter };
        let mut clock = clock_of(&seen);
        prop_assert_eq!(clock.contains(dot), seen.contains(&(actor, counter)));
        let highest = seen.iter().filter(|dot| dot.0 == actor).map(|dot| dot.1).max();
        prop_assert_eq!(clock.highest(&ACTORS[actor]), highest.unwrap_or(0));
        clock.insert(dot);
        let mut with = seen;
        with.insert((actor, counter));
        prop_assert_eq!(clock, clock_of(&with));
    }

    #[test]
    fn without_is_the_difference_of_sets(a in dots(), b in dots()) {
        let dot = |&(actor, counter): &(usize, u64)| Dot { actor: &ACTORS[actor], counter };
        let left: Dots = a.difference(&b).copied().collect();
        prop_assert_eq!(clock_of(&a).without(b.iter().map(dot)), clock_of(&left));
        prop_assert_eq!(clock_of(&a).without(a.iter().map(dot)), Clock::default());
    }
}
