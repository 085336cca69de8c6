//! Placement over histories by chance: joins, leaves, removals, weights, zones.

mod common;
#[path = "common/flow.rs"]
mod flow;
#[path = "common/rings.rs"]
mod rings;

use common::Chance;
use flow::Network;
use rings::{Plan, Sets, history, id, joins, least_by_counting, moved, owners};
use rotunda_kernel::placement::changes::{Act, Change, Id};
use rotunda_kernel::placement::{Placement, replay};
use std::collections::BTreeMap;

/// How many members each zone has.
fn zone_sizes(placement: &Placement) -> BTreeMap<&[u8], usize> {
    let mut sizes = BTreeMap::new();
    placement.members.iter().for_each(|member| *sizes.entry(&member.zone[..]).or_default() += 1);
    sizes
}

/// Copies of one partition for each zone if they are dealt out one by one, always to a zone that has fewest and has room.
fn dealt(sizes: &[usize], copies: usize) -> Vec<usize> {
    let mut dealt = vec![0; sizes.len()];
    for _ in 0..copies {
        let zone = (0..sizes.len()).filter(|&zone| dealt[zone] < sizes[zone]).min_by_key(|&zone| dealt[zone]);
        dealt[zone.expect("no more copies than members")] += 1;
    }
    dealt.retain(|&copies| copies > 0);
    dealt.sort_unstable();
    dealt
}

fn check_balance(placement: &Placement, sets: &Sets) {
    let copies = placement.copies;
    for (number, member) in placement.members.iter().enumerate() {
        let held = sets.iter().filter(|set| set.contains(&member.id)).count() as f64;
        assert!((held - member.due).abs() < 1.0, "{held} held, {} due", member.due);
        let firsts =
            placement.table.chunks(copies).filter(|owners| usize::from(owners[0]) == number).count() as f64;
        assert!(
            (firsts - held / copies as f64).abs() < 1.0,
            "{firsts} times first of {held} with {copies} copies"
        );
    }
}

fn check_zones(placement: &Placement, sets: &Sets) {
    let zone_of: BTreeMap<Id, &[u8]> =
        placement.members.iter().map(|member| (member.id, &member.zone[..])).collect();
    let sizes: Vec<usize> = zone_sizes(placement).into_values().collect();
    let expected = dealt(&sizes, placement.copies);
    for set in sets {
        assert_eq!(set.len(), placement.copies, "distinct owners");
        let mut spread: BTreeMap<&[u8], usize> = BTreeMap::new();
        set.iter().for_each(|owner| *spread.entry(zone_of[owner]).or_default() += 1);
        let mut spread: Vec<usize> = spread.into_values().collect();
        spread.sort_unstable();
        assert_eq!(spread, expected, "zones as far apart as they can be");
    }
}

/// The fewest moves by which the owners before can become owners that keep all bounds.
fn least(placement: &Placement, before: &Sets) -> usize {
    let sizes = zone_sizes(placement);
    let zones: Vec<(&[u8], usize)> = sizes.into_iter().collect();
    let (partitions, copies, members) = (before.len(), placement.copies, placement.members.len());
    let spread = |level: usize| zones.iter().map(|(_, size)| (*size).min(level)).sum::<usize>();
    let level = (0..=members).rev().find(|&level| spread(level) <= copies).expect("level 0 takes nothing");
    let above = usize::from(spread(level) < copies);
    let zone_place = |partition: usize, zone: usize| 2 + partitions + partition * zones.len() + zone;
    let node_place = |node: usize| 2 + partitions * (1 + zones.len()) + node;
    let mut network = Network::new(node_place(members));
    for (partition, owners) in before.iter().enumerate() {
        network.edge(0, 2 + partition, copies, 0);
        for (zone, (_, size)) in zones.iter().enumerate() {
            let (lo, hi) = (level.min(*size), (level + above).min(*size));
            network.bounded(2 + partition, zone_place(partition, zone), lo, hi);
        }
        for (node, member) in placement.members.iter().enumerate() {
            let zone = zones.iter().position(|(zone, _)| *zone == member.zone).expect("a zone");
            let cost = i64::from(!owners.contains(&member.id));
            network.edge(zone_place(partition, zone), node_place(node), 1, cost);
        }
    }
    for (node, member) in placement.members.iter().enumerate() {
        network.bounded(node_place(node), 1, member.due.floor() as usize, member.due.ceil() as usize);
    }
    let (units, moves) = network.send();
    assert_eq!(units, partitions * copies);
    moves as usize
}

/// Checks the table after each change of a history, and that joins and leaves move little more than they must.
fn check_history(seed: u64, plan: Plan) -> (usize, usize) {
    let (copies, changes) = history(seed, plan);
    let mut before: Option<Placement> = None;
    let (mut all_moves, mut all_least) = (0, 0);
    for length in 1..=changes.len() {
        let after = replay(plan.partitions, copies, &changes[..length]).expect("valid");
        let sets = owners(&after);
        check_balance(&after, &sets);
        check_zones(&after, &sets);
        let act = &changes[length - 1].act;
        let single = matches!(act, Act::Join { .. } | Act::Leave { .. } | Act::Remove { .. });
        if let Some(before) = before.filter(|before| single && before.copies > 0 && after.copies > 0) {
            let (had, moves) = (owners(&before), moved(&owners(&before), &sets));
            let mut fewest = least_by_counting(&after, &had);
            if moves as f64 > 1.1 * fewest as f64 {
                fewest = least(&after, &had);
            }
            assert!(
                moves as f64 <= 1.1 * fewest as f64,
                "{act:?} no. {length} moved {moves}, {fewest} would do"
            );
            all_moves += moves;
            all_least += fewest;
        }
        before = Some(after);
    }
    (all_moves, all_least)
}

fn check_histories(seeds: std::ops::Range<u64>, plan: Plan) {
    let (mut moves, mut least) = (0, 0);
    for seed in seeds {
        let checked = std::panic::catch_unwind(|| check_history(seed, plan));
        let (some, fewest) = checked.unwrap_or_else(|_| panic!("history {seed} failed"));
        moves += some;
        least += fewest;
    }
    assert!(moves as f64 <= 1.02 * least as f64, "all together {moves} moves where {least} would do");
}

#[test]
fn one_zone_and_equal_weights_move_the_least_possible() {
    let plan = Plan { partitions: 256, members: 40, zones: 1, equal_weights: true };
    for seed in 0..20 {
        let (moves, least) = check_history(seed, plan);
        assert_eq!(moves, least, "history {seed}");
    }
}

#[test]
fn weights() {
    check_histories(100..120, Plan { partitions: 256, members: 30, zones: 1, equal_weights: false });
}

#[test]
fn zones() {
    check_histories(200..220, Plan { partitions: 128, members: 30, zones: 5, equal_weights: true });
}

#[test]
fn weights_and_zones() {
    check_histories(300..330, Plan { partitions: 64, members: 30, zones: 5, equal_weights: false });
}

#[test]
fn few_partitions_and_many_members() {
    check_histories(400..420, Plan { partitions: 1, members: 12, zones: 3, equal_weights: false });
    check_histories(420..440, Plan { partitions: 8, members: 30, zones: 3, equal_weights: false });
}

#[test]
fn a_larger_ring() {
    check_histories(500..501, Plan { partitions: 4096, members: 20, zones: 3, equal_weights: false });
}

#[test]
fn the_largest_ring() {
    let placement = replay(1 << 16, 3, &joins(12, 3)).expect("valid");
    let sets = owners(&placement);
    check_balance(&placement, &sets);
    check_zones(&placement, &sets);
}

#[test]
fn three_hundred_members() {
    let mut changes = joins(300, 4);
    let before = replay(1024, 3, &changes).expect("valid");
    check_balance(&before, &owners(&before));
    check_zones(&before, &owners(&before));
    let leave = Change { stamp: 301, act: Act::Leave { member: id(18) }, ..changes[17].clone() };
    changes.push(leave);
    let after = replay(1024, 3, &changes).expect("valid");
    check_balance(&after, &owners(&after));
    let (moves, least) =
        (moved(&owners(&before), &owners(&after)), least_by_counting(&after, &owners(&before)));
    assert!(moves as f64 <= 1.1 * least as f64, "{moves} moves, {least} at least");
}

#[test]
fn the_order_of_the_input_never_matters() {
    let plan = Plan { partitions: 64, members: 15, zones: 3, equal_weights: false };
    for seed in 0..200 {
        let (copies, mut changes) = history(seed, plan);
        let expected = replay(plan.partitions, copies, &changes).expect("valid");
        let mut chance = Chance(seed);
        for at in (1..changes.len()).rev() {
            changes.swap(at, chance.below(at + 1));
        }
        changes.push(changes[0].clone());
        assert_eq!(replay(plan.partitions, copies, &changes), Ok(expected));
    }
}

/// Two members join at once, and two nodes have heard of one each: their tables differ from the final one by little more than a join.
#[test]
fn a_late_change_moves_little() {
    let mut base = joins(20, 1);
    for change in &mut base {
        change.stamp *= 10;
    }
    let join = |stamp, number| Change {
        stamp,
        act: Act::Join { member: id(number), weight: 1.0, zone: vec![0] },
        ..base[0].clone()
    };
    let (early, late) = (join(201, 1001), join(202, 1002));
    let with = |extra: &[&Change]| {
        let changes: Vec<Change> = base.iter().chain(extra.iter().copied()).cloned().collect();
        owners(&replay(1024, 3, &changes).expect("valid"))
    };
    let both = with(&[&early, &late]);
    let a_join = 3 * 1024 / 21;
    assert!(moved(&with(&[&late]), &both) <= 3 * a_join, "the one that comes late stands before");
    assert!(moved(&with(&[&early]), &both) <= a_join);
}

#[test]
fn who_is_gone_never_returns() {
    let mut changes = joins(4, 1);
    let (left, removed) = (id(2), id(3));
    let rejoin = |member| Act::Join { member, weight: 1.0, zone: vec![0] };
    let acts = [
        Act::Leave { member: left },
        rejoin(left),
        Act::Remove { member: removed, seen: 6 },
        rejoin(removed),
    ];
    changes.extend((5..).zip(acts).map(|(stamp, act)| Change { stamp, act, ..joins(1, 1)[0].clone() }));
    let placement = replay(16, 3, &changes).expect("valid");
    let mut gone = [id(2), id(3)];
    gone.sort_unstable();
    assert_eq!(placement.gone, gone);
    assert_eq!(placement.members.len(), 2);
    assert_eq!(placement.copies, 2);
}

#[test]
fn no_member_no_table() {
    let placement = replay(16, 3, &[]).expect("valid");
    assert_eq!((placement.members.len(), placement.copies, placement.table.len()), (0, 0, 0));
}
