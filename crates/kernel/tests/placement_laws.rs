//! Single changes over histories by chance, against a naive model of the membership, bounds told from the design, and an exact minimum of moves.

#[path = "common/bounds.rs"]
mod bounds;
mod common;
#[path = "common/flow.rs"]
mod flow;
#[path = "common/least.rs"]
mod least;
#[path = "common/rings.rs"]
mod rings;

use bounds::{check_balance, check_dues, check_zones};
use common::Chance;
use least::{has_fewest_moves, least};
use proptest::prelude::*;
use rings::{Log, Plan, act, id, least_by_counting, moved, owners, split_to};
use rotunda_kernel::placement::changes::{Act, Change, Id};
use rotunda_kernel::placement::{Placement, replay};
use std::collections::{BTreeMap, BTreeSet};

/// The membership as a person would keep it, change after change.
#[derive(Default)]
struct Model {
    members: BTreeMap<Id, (f64, Vec<u8>)>,
    gone: BTreeSet<Id>,
    partitions: usize,
    copies: usize,
}

impl Model {
    fn apply(&mut self, act: &Act) {
        match act.clone() {
            Act::Join { member, weight, zone } => drop(self.members.insert(member, (weight, zone))),
            Act::Leave { member } | Act::Remove { member, .. } => self.depart(member),
            Act::Weight { member, weight } => self.members.get_mut(&member).expect("present").0 = weight,
            Act::Zone { member, zone } => self.members.get_mut(&member).expect("present").1 = zone,
            Act::Replace { member, weight, zone, replaced, .. } => {
                self.depart(replaced);
                self.members.insert(member, (weight, zone));
            }
            Act::Split { partitions } => self.partitions = self.partitions.max(partitions),
            Act::Copies { copies } => self.copies = copies,
        }
    }

    fn depart(&mut self, member: Id) {
        self.members.remove(&member);
        self.gone.insert(member);
    }

    fn check(&self, placement: &Placement) {
        let members = placement.members.iter().map(|one| (one.id, (one.weight, one.zone.clone())));
        assert_eq!(members.collect::<BTreeMap<_, _>>(), self.members);
        assert_eq!(placement.gone, self.gone.iter().copied().collect::<Vec<_>>());
        assert_eq!(placement.partitions, self.partitions);
        assert_eq!(placement.copies, self.copies.min(self.members.len()));
    }
}

/// The fewest moves of a change; not counted out where counting shows that it was done with as few.
fn fewest(placement: &Placement, before: &rings::Sets, moves: usize) -> usize {
    let counted = least_by_counting(placement, before);
    if moves == counted { counted } else { least(placement, before) }
}

/// Applies a change, checks all that must hold after it; its moves and the fewest possible.
fn checked(log: &Log, act: Act, model: &mut Model, children: &mut f64) -> (Log, usize, usize) {
    let after = log.with(id(0), act.clone());
    let placement = after.placement();
    model.apply(&act);
    model.check(placement);
    let before = split_to(&owners(log.placement()), placement.partitions);
    let sets = owners(placement);
    let moves = moved(&before, &sets);
    if let Act::Split { .. } = act {
        assert_eq!(sets, before, "children own what their parents did");
        *children *= 2.0;
        return (after, 0, 0);
    }
    let changed = |a: &Placement, b: &Placement| a.members != b.members || a.copies_asked != b.copies_asked;
    if changed(log.placement(), placement) {
        *children = 1.0;
    }
    if placement.copies > 0 {
        check_dues(placement);
        check_balance(placement, *children);
        check_zones(placement, &sets);
    }
    let fewest =
        if *children > 1.0 || placement.copies == 0 { moves } else { fewest(placement, &before, moves) };
    assert!(10 * moves <= 11 * fewest, "{act:?} moved {moves}, {fewest} would do");
    (after, moves, fewest)
}

/// Moves of a history by chance, and the fewest possible.
fn check_history(seed: u64, partitions: usize, copies: usize, changes: usize, plan: &Plan) -> (usize, usize) {
    let mut chance = Chance(seed);
    let mut log = Log::new(partitions, copies);
    let mut model = Model { partitions, copies, ..Model::default() };
    let (mut children, mut all) = (1.0, (0, 0));
    for number in 1..=changes as u64 {
        let act = act(&mut chance, log.placement(), plan, number);
        let (after, moves, fewest) = checked(&log, act, &mut model, &mut children);
        all = (all.0 + moves, all.1 + fewest);
        log = after;
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_change_keeps_all_bounds_and_moves_least(
        seed in any::<u64>(),
        bits in 0_u32..7,
        copies in 1_usize..6,
        members in 1_usize..24,
        zones in 1_usize..6,
        is_equal in any::<bool>(),
    ) {
        let weights = if is_equal { vec![1.0] } else { vec![1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 0.5] };
        let plan = Plan { members, zones, weights, most_partitions: 128 };
        let (moves, fewest) = check_history(seed, 1 << bits, copies, 30, &plan);
        prop_assert!(100 * moves <= 101 * fewest, "all together {moves} moves where {fewest} would do");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    /// Up to 300 members. What counting does not show to be the least, a certificate must.
    #[test]
    fn large_rings(
        seed in any::<u64>(),
        bits in 9_u32..12,
        copies in 1_usize..6,
        members in 100_u64..300,
        zones in 1_u64..7,
        is_equal in any::<bool>(),
    ) {
        let weights = if is_equal { vec![1.0] } else { vec![1.0, 2.0, 4.0, 8.0, 0.5] };
        let plan = Plan { members: 300, zones: zones as usize, weights, most_partitions: 4096 };
        let mut chance = Chance(seed);
        let mut log = Log::grown(1 << bits, copies, members, zones, &plan.weights);
        for number in 1001..1016 {
            let act = act(&mut chance, log.placement(), &plan, number);
            let after = log.with(id(0), act.clone());
            let (placement, sets) = (after.placement(), owners(after.placement()));
            let before = split_to(&owners(log.placement()), placement.partitions);
            let moves = moved(&before, &sets);
            check_dues(placement);
            check_zones(placement, &sets);
            if let Act::Split { .. } = act {
                prop_assert_eq!(moves, 0);
            } else if placement.members != log.placement().members {
                check_balance(placement, 1.0);
                let is_least =
                    moves == least_by_counting(placement, &before) || has_fewest_moves(placement, &before);
                prop_assert!(is_least, "{:?} moved {}", act, moves);
            }
            log = after;
        }
    }
}

#[test]
fn the_largest_ring() {
    let log = Log::grown(1 << 16, 3, 12, 3, &[1.0]);
    check_dues(log.placement());
    check_balance(log.placement(), 1.0);
    check_zones(log.placement(), &owners(log.placement()));
}

#[test]
fn a_machine_of_the_same_weight_and_zone_takes_exactly_what_the_dead_one_had() {
    let log = Log::grown(256, 3, 9, 3, &[1.0, 2.0]);
    let (replaced, member) = (id(4), id(100));
    let Act::Join { weight, zone, .. } = log.changes[3].act.clone() else { panic!("a join") };
    let after = log.with(id(1), Act::Replace { member, weight, zone, replaced, seen: 0 });
    for (before, after) in owners(log.placement()).iter().zip(&owners(after.placement())) {
        let expected = before.iter().map(|owner| if *owner == replaced { member } else { *owner });
        assert_eq!(*after, expected.collect());
    }
}

#[test]
fn a_split_moves_nothing_and_balance_comes_with_the_next_change() {
    let mut log = Log::grown(64, 3, 7, 1, &[1.0]);
    let before = owners(log.placement());
    for partitions in [128, 256, 512, 1024] {
        log = log.with(id(1), Act::Split { partitions });
    }
    assert_eq!(owners(log.placement()), split_to(&before, 1024));
    let joined = log.with(id(1), Act::Join { member: id(8), weight: 1.0, zone: vec![0] });
    check_balance(joined.placement(), 1.0);
    assert!(has_fewest_moves(joined.placement(), &split_to(&before, 1024)));
}

#[test]
fn the_order_of_the_input_never_matters() {
    let plan = Plan { members: 15, zones: 3, weights: vec![1.0, 2.0, 8.0], most_partitions: 128 };
    for seed in 0..60 {
        let mut chance = Chance(seed);
        let mut log = Log::new(32, 3);
        for number in 1..20 {
            let act = act(&mut chance, log.placement(), &plan, number);
            log = log.with(id(number % 5), act);
        }
        let expected = log.placement();
        let mut changes: Vec<Change> = log.changes.clone();
        for at in (1..changes.len()).rev() {
            changes.swap(at, chance.below(at + 1));
        }
        changes.push(changes[0].clone());
        assert_eq!(replay(32, 3, &changes).as_ref(), Ok(expected));
    }
}

#[test]
fn who_is_gone_never_returns() {
    let mut log = Log::grown(16, 3, 5, 1, &[1.0]);
    let rejoin = |member| Act::Join { member, weight: 1.0, zone: vec![0] };
    let replacement = Act::Replace { member: id(9), weight: 1.0, zone: vec![0], replaced: id(4), seen: 0 };
    let acts = [
        Act::Leave { member: id(2) },
        rejoin(id(2)),
        Act::Remove { member: id(3), seen: 9 },
        rejoin(id(3)),
        replacement,
        rejoin(id(4)),
    ];
    for act in acts {
        log = log.with(id(1), act);
    }
    let mut gone = [id(2), id(3), id(4)];
    gone.sort_unstable();
    assert_eq!(log.placement().gone, gone);
    assert_eq!(log.placement().members.len(), 3);
}

#[test]
fn no_member_no_table() {
    let placement = replay(16, 3, &[]).expect("valid");
    assert_eq!((placement.members.len(), placement.copies, placement.table.len()), (0, 0, 0));
}
