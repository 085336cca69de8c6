//! Who is near to a partition and may take a slot there. Where a partition has several holes its nodes are asked for several times:
//! what was found out for one hole serves the next.

use super::counts::Counts;
use super::grid::{Grid, HOLE};
use super::zones::Spread;

/// Whether a node must have more, or may.
#[derive(Clone, Copy)]
pub(super) enum Need {
    Must,
    May,
}

/// How far a node is, and which.
type Found = (f64, u16);

/// There is no such node.
const NOBODY: Found = (f64::INFINITY, HOLE);

/// Nobody has looked yet.
const UNKNOWN: Found = (f64::NAN, HOLE);

/// Nodes as seen from one partition.
pub(super) struct Nearby {
    partition: usize,
    /// By node; not a number: not known yet. Owners are infinitely far: they take nothing more.
    distances: Vec<f64>,
    /// By need and zone, the nearest of the zone's nodes, if that was looked for.
    nearest: [Vec<Found>; 2],
    spread: Spread,
}

impl Nearby {
    pub fn new(nodes: usize, zones: usize) -> Self {
        Nearby {
            partition: 0,
            distances: vec![f64::NAN; nodes],
            nearest: [vec![UNKNOWN; zones], vec![UNKNOWN; zones]],
            spread: Spread::default(),
        }
    }

    /// Looks from a partition, and forgets what was known.
    pub fn look_from(&mut self, partition: usize, grid: &Grid<'_>) {
        self.partition = partition;
        self.distances.fill(f64::NAN);
        grid.owners(partition).iter().for_each(|&owner| self.distances[owner as usize] = f64::INFINITY);
        self.nearest.iter_mut().for_each(|nearest| nearest.fill(UNKNOWN));
    }

    /// The nearest node that has the need and may take the slot; of what nodes hold nothing has changed since `look_from`, except by `took`.
    pub fn nearest(&mut self, grid: &Grid<'_>, counts: &Counts, slot: usize, need: Need) -> Option<usize> {
        let owners = grid.owners(self.partition);
        grid.zones.look_at(owners, &mut self.spread);
        let mut best = NOBODY;
        for zone in 0..grid.zones.len() {
            if grid.zones.may_take(&self.spread, owners[slot], zone) {
                let found = self.nearest_of(grid, counts, zone, need);
                best = if found < best { found } else { best };
            }
        }
        (best != NOBODY).then_some(best.1 as usize)
    }

    /// That node of that zone has become an owner.
    pub fn took(&mut self, node: usize, zone: usize) {
        self.distances[node] = f64::INFINITY;
        self.nearest.iter_mut().for_each(|nearest| nearest[zone] = UNKNOWN);
    }

    fn nearest_of(&mut self, grid: &Grid<'_>, counts: &Counts, zone: usize, need: Need) -> Found {
        let known = self.nearest[need as usize][zone];
        if !known.0.is_nan() {
            return known;
        }
        let found = match need {
            Need::Must => self.search(grid, zone, |node| counts.is_short(node)),
            Need::May => self.search(grid, zone, |node| counts.can_take(node)),
        };
        self.nearest[need as usize][zone] = found;
        found
    }

    fn search(&mut self, grid: &Grid<'_>, zone: usize, qualifies: impl Fn(usize) -> bool) -> Found {
        let mut best = NOBODY;
        for &node in grid.zones.members(zone).iter().filter(|&&node| qualifies(node as usize)) {
            let distance = &mut self.distances[node as usize];
            if distance.is_nan() {
                *distance = grid.distance(self.partition, node as usize);
            }
            let found = (*distance, node);
            best = if found < best { found } else { best };
        }
        best
    }
}
