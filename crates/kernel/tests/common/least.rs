//! The fewest moves there can be, in two ways that share nothing with the placement's own search: a minimum-cost flow over whole
//! partitions (any ring, slow), and a certificate that a given table is one with fewest moves (large rings).

#![allow(dead_code)]

use crate::flow::Network;
use crate::rings::{Sets, owners};
use rotunda_kernel::placement::Placement;
use rotunda_kernel::placement::changes::Id;
use std::collections::BTreeMap;

/// Zones with so many members, and the fewest and most copies of a partition that each may have.
fn zones(placement: &Placement) -> BTreeMap<&[u8], (usize, usize)> {
    let mut sizes: BTreeMap<&[u8], usize> = BTreeMap::new();
    placement.members.iter().for_each(|member| *sizes.entry(&member.zone[..]).or_default() += 1);
    let spread = |level: usize| sizes.values().map(|size| (*size).min(level)).sum::<usize>();
    let levels = (0..=placement.members.len()).rev();
    let level =
        levels.into_iter().find(|&level| spread(level) <= placement.copies).expect("level 0 takes nothing");
    let above = usize::from(spread(level) < placement.copies);
    sizes.iter().map(|(zone, &size)| (*zone, (level.min(size), (level + above).min(size)))).collect()
}

/// The fewest moves by which owners of the same number of partitions can become owners that keep all bounds.
pub fn least(placement: &Placement, before: &Sets) -> usize {
    cheapest(placement, &[(1, before)]) as usize
}

/// The least cost of owners that keep all bounds, if one that was none on a side costs as much as that side weighs.
pub fn cheapest(placement: &Placement, sides: &[(i64, &Sets)]) -> i64 {
    let zones: Vec<_> = zones(placement).into_iter().collect();
    let (partitions, members) = (placement.partitions, placement.members.len());
    let zone_place = |partition: usize, zone: usize| 2 + partitions + partition * zones.len() + zone;
    let node_place = |node: usize| 2 + partitions * (1 + zones.len()) + node;
    let mut network = Network::new(node_place(members));
    for partition in 0..partitions {
        network.edge(0, 2 + partition, placement.copies, 0);
        for (zone, (_, (lo, hi))) in zones.iter().enumerate() {
            network.bounded(2 + partition, zone_place(partition, zone), *lo, *hi);
        }
        for (node, member) in placement.members.iter().enumerate() {
            let zone = zones.iter().position(|(zone, _)| *zone == member.zone).expect("a zone");
            let cost = cost_of(sides, partition, &member.id);
            network.edge(zone_place(partition, zone), node_place(node), 1, cost);
        }
    }
    for (node, member) in placement.members.iter().enumerate() {
        network.bounded(node_place(node), 1, member.due.floor() as usize, member.due.ceil() as usize);
    }
    let (units, moves) = network.send();
    assert_eq!(units, partitions * placement.copies);
    moves
}

fn cost_of(sides: &[(i64, &Sets)], partition: usize, owner: &Id) -> i64 {
    sides.iter().map(|(weight, before)| weight * i64::from(!before[partition].contains(owner))).sum()
}

/// Whether no table that keeps all bounds has fewer moves.
pub fn has_fewest_moves(placement: &Placement, before: &Sets) -> bool {
    is_cheapest(placement, &[(1, before)])
}

/// Whether no table that keeps all bounds costs less: nowhere in a circle can nodes take slots from each other, within the bounds, so that
/// it costs less afterwards. (That is when a flow is cheapest; Ahuja, Magnanti, Orlin: Network Flows, theorem 3.8.)
pub fn is_cheapest(placement: &Placement, sides: &[(i64, &Sets)]) -> bool {
    let zones = zones(placement);
    let members = &placement.members;
    let after = owners(placement);
    // The last vertex is the room that bounds leave.
    let room = members.len();
    let mut cost = vec![vec![i64::MAX; room + 1]; room + 1];
    for (node, member) in members.iter().enumerate() {
        let held = after.iter().filter(|set| set.contains(&member.id)).count();
        if held < member.due.ceil() as usize {
            cost[node][room] = 0;
        }
        if held > member.due.floor() as usize {
            cost[room][node] = 0;
        }
    }
    for (partition, slots) in placement.table.chunks(placement.copies).enumerate() {
        let count = |zone: &[u8]| slots.iter().filter(|&&slot| members[slot as usize].zone == zone).count();
        for &owner in slots {
            let from = &members[owner as usize];
            let may_leave = count(&from.zone) > zones[&from.zone[..]].0;
            for (taker, to) in members.iter().enumerate() {
                let enters = may_leave && count(&to.zone) < zones[&to.zone[..]].1;
                if after[partition].contains(&to.id) || !(from.zone == to.zone || enters) {
                    continue;
                }
                let edge = &mut cost[owner as usize][taker];
                *edge = (*edge).min(cost_of(sides, partition, &to.id) - cost_of(sides, partition, &from.id));
            }
        }
    }
    is_free_of_cheap_circles(&cost)
}

/// Bellman and Ford: after as many rounds as there are vertices nothing gets shorter.
fn is_free_of_cheap_circles(cost: &[Vec<i64>]) -> bool {
    let mut distance = vec![0; cost.len()];
    for _ in 0..=cost.len() {
        let mut is_settled = true;
        for (from, row) in cost.iter().enumerate() {
            for (to, &step) in row.iter().enumerate().filter(|(_, step)| **step != i64::MAX) {
                if distance[from] + step < distance[to] {
                    distance[to] = distance[from] + step;
                    is_settled = false;
                }
            }
        }
        if is_settled {
            return true;
        }
    }
    false
}
