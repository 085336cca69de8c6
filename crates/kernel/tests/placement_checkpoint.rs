//! A checkpoint and what is heard of after it: the same placement as from nothing, whatever that is.

mod common;
#[path = "common/rings.rs"]
mod rings;

use common::Chance;
use rings::{Log, id, least_by_counting, moved, owners};
use rotunda_kernel::digest::digest;
use rotunda_kernel::placement::changes::{Act, Change};
use rotunda_kernel::placement::{Checkpoint, replay};

/// Members record changes about each other, some of them removals that have not seen everything; in the way of before marks.
fn quarrel(seed: u64) -> Vec<Change> {
    let mut chance = Chance(seed);
    let mut changes = Log::grown(16, 3, 6, 2, &[1.0]).changes;
    for (number, change) in (1..).zip(&mut changes) {
        change.author = id(number);
        change.after = None;
    }
    for stamp in 7..20 {
        let (author, member) = (id(1 + chance.below(6) as u64), id(1 + chance.below(6) as u64));
        let (weight, zone) = (1.0 + chance.below(3) as f64, vec![chance.below(2) as u8]);
        let seen = stamp - 1 - chance.below(7) as u64;
        let act = match chance.below(4) {
            0 => Act::Weight { member, weight },
            1 => Act::Zone { member, zone },
            2 => Act::Remove { member, seen },
            _ => Act::Leave { member },
        };
        changes.push(Change { stamp, author, after: None, act });
    }
    changes
}

#[test]
fn where_removals_void_each_other_the_table_is_the_same() {
    for seed in 0..1_000 {
        let changes = quarrel(seed);
        let before = &changes[..Chance(seed).below(changes.len() + 1)];
        let checkpoint = Checkpoint::of(16, 3, before).expect("valid");
        let after = checkpoint.after(&changes).expect("valid");
        assert_eq!(*after.placement(), replay(16, 3, &changes).expect("valid"), "quarrel {seed}");
    }
}

/// What nobody who keeps to the rules says, but bytes can.
#[test]
fn changes_that_follow_what_is_not_there_have_a_place_too() {
    for seed in 0..300 {
        let mut chance = Chance(seed);
        let mut changes = quarrel(seed);
        for change in &mut changes {
            let mark = |chance: &mut Chance| (chance.below(25) as u64, id(1 + chance.below(7) as u64));
            change.after = Some((0..chance.below(3)).map(|_| mark(&mut chance)).collect());
        }
        let before = &changes[..chance.below(changes.len() + 1)];
        let after = Checkpoint::of(16, 3, before).expect("valid").after(&changes).expect("valid");
        assert_eq!(*after.placement(), replay(16, 3, &changes).expect("valid"), "seed {seed}");
    }
}

/// Each kind of change in a ring of 300 nodes and 16,384 partitions.
#[test]
fn single_changes_of_a_large_ring() {
    let base = Log::grown(16_384, 3, 300, 4, &[1.0]);
    let before = owners(base.placement());
    let (member, zone, weight) = (id(17), vec![1], 2.0);
    let acts = [
        Act::Join { member: id(301), weight, zone: zone.clone() },
        Act::Leave { member },
        Act::Weight { member, weight },
        Act::Copies { copies: 4 },
        Act::Replace { member: id(301), weight, zone, replaced: member, seen: 0 },
    ];
    for act in acts {
        let after = base.with(id(1), act.clone());
        let (moves, least) =
            (moved(&before, &owners(after.placement())), least_by_counting(after.placement(), &before));
        assert_eq!(moves, least, "{act:?}");
    }
}

/// Nodes of different builds must compute the same tables, so tables stay what they are; those of rings on which every part of the search
/// has something to do stand here as digests. (`test/vectors` has small ones in full.)
#[test]
fn tables_of_larger_rings_never_change() {
    let (member, new) = (id(17), id(301));
    let replacement =
        |weight, zone| Act::Replace { member: new, weight, zone: vec![zone], replaced: member, seen: 0 };
    let acts = [
        Act::Join { member: new, weight: 2.0, zone: vec![1] },
        Act::Leave { member },
        Act::Weight { member, weight: 8.0 },
        Act::Weight { member, weight: 0.5 },
        Act::Zone { member, zone: vec![2] },
        Act::Zone { member, zone: vec![9] },
        replacement(2.0, 2),
        replacement(0.5, 1),
        Act::Copies { copies: 1 },
        Act::Copies { copies: 2 },
        Act::Copies { copies: 5 },
        Act::Copies { copies: 16 },
    ];
    let mut digests = Vec::new();
    for (zones, weights) in [(1, &[1.0][..]), (4, &[1.0]), (4, &[1.0, 2.0, 4.0]), (40, &[1.0, 2.0])] {
        let base = Log::grown(1024, 3, 80, zones, weights);
        let mut packed = Vec::new();
        for (number, act) in acts.iter().enumerate() {
            let change = base.next(id(1), act.clone());
            let other = base.next(id(2), acts[(number + 5) % acts.len()].clone());
            packed.extend(base.having(std::slice::from_ref(&change)).placement().pack());
            packed.extend(base.having(&[change, other]).placement().pack());
        }
        digests.push(digest(&packed).iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    let expected = [
        "05675d385a7d91066b59afc8c4f03413",
        "d0f4700758dfaf8f9a5b776077e2fb70",
        "30a7f3736b809bb1626c85eb16930c86",
        "c75d7a5df9e443df432dda9ba73444f2",
    ];
    assert_eq!(digests, expected);
}
