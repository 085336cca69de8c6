//! A checkpoint and what is heard of after it: the same placement as from nothing, whatever that is.

mod common;
#[path = "common/rings.rs"]
mod rings;

use common::Chance;
use rings::{Log, id, least_by_counting, moved, owners};
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
