//! A checkpoint and what follows it: the same table as a replay from the beginning, or none.

mod common;
#[path = "common/rings.rs"]
mod rings;

use common::Chance;
use rings::{Plan, history, id, joins, least_by_counting, moved, owners};
use rotunda_kernel::placement::changes::{Act, Change};
use rotunda_kernel::placement::{Checkpoint, replay};
use std::time::Instant;

const PLAN: Plan = Plan { partitions: 64, members: 20, zones: 3, equal_weights: false };

#[test]
fn any_cut_of_a_history_ends_in_the_same_table() {
    for seed in 0..100 {
        let (copies, changes) = history(seed, PLAN);
        let cut = Chance(seed).below(changes.len() + 1);
        let checkpoint = Checkpoint::of(PLAN.partitions, copies, &changes[..cut]).expect("valid");
        let advanced = checkpoint.after(&changes).expect("valid");
        let replayed = replay(PLAN.partitions, copies, &changes).expect("valid");
        assert_eq!(*advanced.placement(), replayed, "history {seed}");
    }
}

/// Members record changes about each other, some of them removals that have not seen everything.
fn quarrel(seed: u64) -> Vec<Change> {
    let mut chance = Chance(seed);
    let mut changes = joins(6, 2);
    (1..).zip(&mut changes).for_each(|(number, change)| change.author = id(number));
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
    for seed in 0..2_000 {
        let changes = quarrel(seed);
        let before = &changes[..Chance(seed).below(changes.len() + 1)];
        let checkpoint = Checkpoint::of(16, 3, before).expect("valid");
        let advanced = checkpoint.after(&changes).expect("valid");
        assert_eq!(*advanced.placement(), replay(16, 3, &changes).expect("valid"), "quarrel {seed}");
    }
}

/// A join, a leave and a change of weight in a ring of 300 nodes and 16,384 partitions, from a checkpoint. `--nocapture` shows figures.
#[test]
fn single_changes_of_a_large_ring() {
    let base = joins(300, 4);
    let started = Instant::now();
    let checkpoint = Checkpoint::of(16_384, 3, &base).expect("valid");
    println!("300 joins: {:?}", started.elapsed());
    let before = owners(checkpoint.placement());
    let (member, weight, zone) = (id(17), 2.0, vec![1]);
    let acts =
        [Act::Join { member: id(301), weight, zone }, Act::Leave { member }, Act::Weight { member, weight }];
    for act in acts {
        let started = Instant::now();
        let change = Change { stamp: 301, act, ..base[0].clone() };
        let advanced = checkpoint.after(&[&base[..], &[change.clone()]].concat()).expect("valid");
        let took = started.elapsed();
        let (after, act) = (advanced.placement(), change.act);
        let (moves, least) = (moved(&before, &owners(after)), least_by_counting(after, &before));
        println!("{act:?}: {took:?}, {moves} moves, at least {least}");
        assert!(moves as f64 <= 1.1 * least as f64, "{act:?} moved {moves}, {least} would do");
    }
}
