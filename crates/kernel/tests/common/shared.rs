//! What one table can be for several sides at once.
//!
//! Sides that know nothing of each other may have tables that no table is near to at once. If the moves from each side are weighed, a flow says
//! what all of them together cost at least; where less than that would be asked of them, there is no such table.

#![allow(dead_code)]

use crate::rings::Sets;

/// A side of a merge: its table, the moves from it to the merged one, and the fewest by which it could have come to any that keeps all bounds.
pub struct Burden<'t> {
    pub before: &'t Sets,
    pub moves: usize,
    pub fewest: usize,
}

impl Burden<'_> {
    pub fn is_fair(&self) -> bool {
        10 * self.moves <= 11 * self.fewest
    }

    /// The most moves with which this side is better off than that many moves where so few would do; nothing: any number.
    fn most_below(&self, moves: usize, fewest: usize) -> Option<i64> {
        match (fewest, self.fewest) {
            (0, 0) => Some(moves as i64 - 1),
            (0, _) => None,
            _ => Some(((moves * self.fewest).div_ceil(fewest) as i64 - 1).max(0)),
        }
    }
}

/// The side that moves most for what it would have to alone.
fn worst<'b, 't>(burdens: &'b [Burden<'t>]) -> &'b Burden<'t> {
    let ratio = |burden: &Burden<'_>| burden.moves as f64 / burden.fewest as f64;
    let moving = burdens.iter().filter(|burden| burden.moves > 0);
    moving.max_by(|a, b| ratio(a).total_cmp(&ratio(b))).unwrap_or(&burdens[0])
}

/// Weights of so many sides, smaller ones first, none of them a multiple of others.
fn weights(sides: usize, most: i64) -> Vec<Vec<i64>> {
    let divides = |all: &[i64], by: i64| all.iter().all(|weight| weight % by == 0);
    let mut all: Vec<Vec<i64>> = vec![vec![]];
    for _ in 0..sides {
        all = all
            .iter()
            .flat_map(|some| (0..=most).map(move |weight| [&some[..], &[weight]].concat()))
            .collect();
    }
    all.retain(|some| some.iter().any(|&weight| weight > 0) && !(2..=most).any(|by| divides(some, by)));
    all.sort_by_key(|some| some.iter().sum::<i64>());
    all
}

/// Whether it is proven that no table has every side better off than the worst one would be with `spared` moves fewer. `least_cost` knows of
/// weights what every table costs at least, or nothing.
pub fn is_best(
    burdens: &[Burden<'_>],
    spared: usize,
    most_weight: i64,
    least_cost: impl Fn(&[(i64, &Sets)]) -> Option<i64>,
) -> bool {
    let worst = worst(burdens);
    if worst.moves <= spared {
        return true;
    }
    let most = |burden: &Burden<'_>| burden.most_below(worst.moves - spared, worst.fewest);
    let mosts: Vec<Option<i64>> = burdens.iter().map(most).collect();
    if burdens.iter().zip(&mosts).any(|(burden, most)| most.is_some_and(|most| most < burden.fewest as i64)) {
        return true;
    }
    weights(burdens.len(), most_weight).iter().any(|weights| {
        let of_any = |(weight, most): (&i64, &Option<i64>)| {
            if *weight == 0 { Some(0) } else { most.map(|most| weight * most) }
        };
        let Some(better) = weights.iter().zip(&mosts).map(of_any).sum::<Option<i64>>() else { return false };
        let weighed: Vec<(i64, &Sets)> =
            weights.iter().copied().zip(burdens.iter().map(|burden| burden.before)).collect();
        least_cost(&weighed).is_some_and(|least| better < least)
    })
}
