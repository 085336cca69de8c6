//! No side moves more than it must for the sake of another.
//!
//! A table that is near to several sides has the fewest moves over all of them, but one side may bear what another could: then
//! slots go round in such circles as cost others little and relieve that side, until its share is fair, or no such circle is left.

use super::counts::Counts;
use super::graph::Exchange;
use super::grid::Grid;

/// What a move weighs on the side that bears too much, and on others: from one round to the next that side matters more.
const WEIGHTS: [(i32, i32); 5] = [(3, 2), (3, 2), (2, 1), (3, 1), (4, 1)];

/// What a side has to move, and what it would have to alone.
#[derive(Clone, Copy)]
struct Burden {
    moves: usize,
    least: usize,
}

impl Burden {
    /// More than a tenth beyond what it would have to move alone.
    fn is_unfair(&self) -> bool {
        10 * self.moves > 11 * self.least
    }

    fn is_worse_than(&self, other: &Burden) -> bool {
        self.moves * other.least.max(1) > other.moves * self.least.max(1)
    }
}

/// Relieves sides that move more than a tenth too much. `demanded` is what bounds alone demand of each, `least` finds out what a
/// side would have to move alone.
pub(super) fn relieve(
    grid: &mut Grid<'_>,
    counts: &mut Counts,
    demanded: &[usize],
    least: impl Fn(usize) -> usize,
) {
    let mut known: Vec<Option<usize>> = vec![None; grid.sides()];
    let mut best: Option<(Burden, Vec<u16>)> = None;
    for weights in WEIGHTS.iter().map(Some).chain([None]) {
        let burdens = burdens(grid, &mut known, demanded, &least);
        let Some(worst) = worst_of(&burdens) else { return };
        if best.as_ref().is_none_or(|(burden, _)| burden.is_worse_than(&burdens[worst])) {
            best = Some((burdens[worst], grid.slots().to_vec()));
        }
        let Some(weights) = weights.filter(|_| burdens[worst].is_unfair()) else { break };
        relieve_side(grid, counts, worst, &burdens, *weights);
    }
    if let Some((_, slots)) = best {
        grid.restore(slots);
    }
}

fn burdens(
    grid: &Grid<'_>,
    known: &mut [Option<usize>],
    demanded: &[usize],
    least: impl Fn(usize) -> usize,
) -> Vec<Burden> {
    let burden = |(side, known): (usize, &mut Option<usize>)| {
        let mut burden = Burden { moves: grid.moves_of(side), least: known.unwrap_or(demanded[side]) };
        if burden.is_unfair() {
            burden.least = *known.get_or_insert_with(|| least(side));
        }
        burden
    };
    known.iter_mut().enumerate().map(burden).collect()
}

fn worst_of(burdens: &[Burden]) -> Option<usize> {
    (0..burdens.len()).reduce(|a, b| if burdens[b].is_worse_than(&burdens[a]) { b } else { a })
}

fn relieve_side(
    grid: &mut Grid<'_>,
    counts: &mut Counts,
    side: usize,
    burdens: &[Burden],
    (burdened, others): (i32, i32),
) {
    grid.weigh((0..grid.sides()).map(|at| if at == side { burdened } else { others }).collect());
    let is_fair = |grid: &Grid<'_>| {
        let now = |at: usize| Burden { moves: grid.moves_of(at), least: burdens[at].least };
        let mine = now(side);
        !mine.is_unfair() || (0..burdens.len()).any(|at| at != side && !mine.is_worse_than(&now(at)))
    };
    Exchange::new(grid, counts).refine_until(is_fair);
}
