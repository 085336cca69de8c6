//! A checkpoint and what follows it: the same table as a replay from the beginning, or none.

mod common;
#[path = "common/rings.rs"]
mod rings;

use common::Chance;
use rings::{Plan, history, id, joins, least_by_counting, moved, owners};
use rotunda_kernel::placement::changes::{Change, Kind};
use rotunda_kernel::placement::{Checkpoint, replay};
use std::time::Instant;

const PLAN: Plan = Plan { partitions: 64, members: 20, zones: 3, equal_weights: false };

#[test]
fn any_cut_of_a_history_ends_in_the_same_table() {
    for seed in 0..100 {
        let (copies, changes) = history(seed, PLAN);
        let cut = Chance(seed).below(changes.len() + 1);
        let (before, after) = changes.split_at(cut);
        let checkpoint = Checkpoint::of(PLAN.partitions, copies, before).expect("valid");
        let advanced = checkpoint.advanced(after).expect("what follows");
        assert_eq!(advanced.placement(), replay(PLAN.partitions, copies, &changes), "history {seed}");
    }
}

/// Members record changes about each other, some of them removals that have not seen everything.
fn quarrel(seed: u64) -> Vec<Change> {
    let mut chance = Chance(seed);
    let mut changes = joins(6, 2);
    changes.iter_mut().for_each(|change| change.author = change.member);
    for stamp in 7..20 {
        let kind = [Kind::Weight, Kind::Zone, Kind::Remove, Kind::Leave][chance.below(4)];
        let (author, member) = (id(1 + chance.below(6) as u64), id(1 + chance.below(6) as u64));
        let (weight, zone) = (1.0 + chance.below(3) as f64, vec![chance.below(2) as u8]);
        let seen = stamp - 1 - chance.below(7) as u64;
        changes.push(Change { stamp, author, kind, member, weight, zone, seen });
    }
    changes
}

#[test]
fn where_removals_void_each_other_the_table_is_the_same_or_none() {
    let (mut same, mut refused) = (0, 0);
    for seed in 0..2_000 {
        let changes = quarrel(seed);
        let (before, after) = changes.split_at(Chance(seed).below(changes.len() + 1));
        match Checkpoint::of(16, 3, before).expect("valid").advanced(after) {
            Some(advanced) => {
                assert_eq!(advanced.placement(), replay(16, 3, &changes), "quarrel {seed}");
                same += 1;
            }
            None => refused += 1,
        }
    }
    assert!(same > 200 && refused > 200, "{same} the same, {refused} refused");
}

#[test]
fn what_comes_before_is_refused() {
    let changes = joins(5, 1);
    let checkpoint = Checkpoint::of(16, 3, &changes[1..]).expect("valid");
    assert!(checkpoint.advanced(&changes[..1]).is_none(), "an earlier stamp");
    assert!(checkpoint.advanced(&changes[4..]).is_none(), "the last one again");
}

/// A join, a leave and a change of weight in a ring of 300 nodes and 16,384 partitions, from a checkpoint. `--nocapture` shows figures.
#[test]
fn single_changes_of_a_large_ring() {
    let base = joins(300, 4);
    let started = Instant::now();
    let checkpoint = Checkpoint::of(16_384, 3, &base).expect("valid");
    println!("300 joins: {:?}", started.elapsed());
    let before = owners(&checkpoint.placement().expect("valid"));
    let change = |kind, member| Change {
        stamp: 301,
        kind,
        member: id(member),
        weight: 2.0,
        zone: vec![1],
        ..base[0].clone()
    };
    for (kind, member) in [(Kind::Join, 301), (Kind::Leave, 17), (Kind::Weight, 17)] {
        let started = Instant::now();
        let after =
            checkpoint.advanced(&[change(kind, member)]).expect("it follows").placement().expect("valid");
        let took = started.elapsed();
        let (moves, least) = (moved(&before, &owners(&after)), least_by_counting(&after, &before));
        println!("{kind:?}: {took:?}, {moves} moves, at least {least}");
        assert!(moves as f64 <= 1.1 * least as f64, "{kind:?} moved {moves}, {least} would do");
    }
}
