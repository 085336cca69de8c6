//! The laws of letting go of spare entries. `s(x)` is x without them.
//!
//! ```text
//!   live(s(x)) = live(x)       seen(s(x)) ⊆ seen(x)       s(s(x)) = s(x)
//!   live(s(x) ⊔ y) = live(x ⊔ y)       for each y that holds nothing x has replaced: made from x or s(x), from nothing, by new writes
//! ```
//!
//! The last one is what the agreement of all members is for; where y holds such a sibling still, that comes back.

mod common;

use common::{ACTORS, Dots, encoded, object_of, sets_of};
use proptest::prelude::*;
use rotunda_kernel::object::merge::merge;
use rotunda_kernel::object::{shed, spare_entries};
use rotunda_kernel::row::{MERGE_EXTRA_BYTES, Row, check_row, merge_row, seal_row, shed_row};

fn shed_of(object: &[u8]) -> Vec<u8> {
    let mut out = vec![0; object.len()];
    let length = shed(object, &mut out).expect("an object has room for what is left of it");
    out.truncate(length);
    out
}

fn live_of_both(a: &[u8], b: &[u8]) -> Dots {
    sets_of(&encoded(|out| merge(a, b, out))).1
}

/// Some dots seen, and some of them live.
fn sets() -> impl Strategy<Value = (Dots, Dots)> {
    let dot = (0..ACTORS.len(), 1..6u64);
    (prop::collection::btree_set(dot, 0..16), any::<u32>()).prop_map(|(seen, chosen)| {
        let live =
            seen.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1).map(|(_, dot)| *dot).collect();
        (seen, live)
    })
}

proptest! {
    #[test]
    fn siblings_stay_and_spare_entries_go((seen, live) in sets()) {
        let object = object_of(&seen, &live);
        let less = shed_of(&object);
        let (seen_less, live_less) = sets_of(&less);
        prop_assert_eq!(&live_less, &live);
        let held = |actor: usize| live.iter().any(|dot| dot.0 == actor);
        prop_assert_eq!(seen_less, seen.iter().filter(|dot| held(dot.0)).copied().collect::<Dots>());
        prop_assert_eq!(shed_of(&less), less.clone());
        let actors: std::collections::BTreeSet<usize> = seen.iter().map(|dot| dot.0).collect();
        prop_assert_eq!(spare_entries(&object), Ok(actors.iter().filter(|actor| !held(**actor)).count()));
        prop_assert_eq!(spare_entries(&less), Ok(0));
    }

    /// Whoever met x, and whoever was made from nothing, meets s(x) and ends with the same siblings.
    #[test]
    fn merging_gives_the_same_siblings((seen, live) in sets(), (more, alive) in sets()) {
        let object = object_of(&seen, &live);
        // What x has replaced is live nowhere: that is what was agreed upon.
        let alive: Dots = alive.iter().filter(|dot| live.contains(dot) || !seen.contains(dot)).copied().collect();
        let other = object_of(&more, &alive);
        prop_assert_eq!(live_of_both(&shed_of(&object), &other), live_of_both(&object, &other));
    }

    #[test]
    fn rows_keep_their_envelope_but_an_actor_without_an_entry((seen, live) in sets(), incomplete: bool) {
        let object = object_of(&seen, &live);
        let mut row = vec![0; object.len() + MERGE_EXTRA_BYTES];
        let length = merge_row(&[], &object, incomplete, &mut row).expect("sound");
        row.truncate(length);
        let mut less = vec![0; row.len()];
        let length = shed_row(&row, &mut less).expect("a row has room for what is left of it");
        less.truncate(length);
        let read = Row::decode(&less).expect("a row");
        prop_assert_eq!(read.object, &shed_of(&object)[..]);
        prop_assert_eq!(read.incomplete, incomplete);
        seal_row(b"key", &mut less, 3).expect("a row");
        prop_assert_eq!(check_row(b"key", &less), Ok(()));
    }
}

/// The counterexample: somebody holds a value still that the object has replaced. So nothing is shed before all have said that they do not.
#[test]
fn what_somebody_still_holds_comes_back() {
    let (old, new) = ((0, 1), (1, 1));
    let object = object_of(&[old, new].into(), &[new].into());
    let elsewhere = object_of(&[old].into(), &[old].into());
    assert_eq!(live_of_both(&object, &elsewhere), [new].into());
    assert_eq!(live_of_both(&shed_of(&object), &elsewhere), [old, new].into());
}
