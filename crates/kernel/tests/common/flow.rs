//! The fewest moves there can be, by a minimum-cost flow over whole partitions: slow, exact, and nothing like the placement's own search.
//!
//! Copies flow from each partition through its zones to nodes; a copy that stays where it was costs nothing, another one
//! costs 1. Lower bounds (a zone's part, a node's due rounded down) are units with a reward that nothing else outweighs.

use std::collections::VecDeque;

const REWARD: i64 = 1_000_000_000;

/// A network of unit steps between numbered places.
pub struct Network {
    heads: Vec<usize>,
    room: Vec<i64>,
    cost: Vec<i64>,
    out_of: Vec<Vec<usize>>,
}

impl Network {
    /// A network of so many places.
    pub fn new(places: usize) -> Self {
        Network { heads: vec![], room: vec![], cost: vec![], out_of: vec![vec![]; places] }
    }

    /// An edge for up to `room` units at `cost` each; edge `e ^ 1` is its way back.
    pub fn edge(&mut self, from: usize, to: usize, room: usize, cost: i64) {
        for (a, b, room, cost) in [(from, to, room as i64, cost), (to, from, 0, -cost)] {
            self.out_of[a].push(self.heads.len());
            self.heads.push(b);
            self.room.push(room);
            self.cost.push(cost);
        }
    }

    /// An edge that takes at least `lo` and at most `hi` units, if that is possible at all.
    pub fn bounded(&mut self, from: usize, to: usize, lo: usize, hi: usize) {
        self.edge(from, to, lo, -REWARD);
        self.edge(from, to, hi - lo, 0);
    }

    /// Sends as much as fits from place 0 to place 1 as cheaply as possible; units sent, and the cost without rewards.
    pub fn send(&mut self) -> (usize, i64) {
        let (mut units, mut total) = (0, 0);
        while let Some((cost, way)) = self.cheapest_way() {
            for edge in way {
                self.room[edge] -= 1;
                self.room[edge ^ 1] += 1;
            }
            units += 1;
            total += cost;
        }
        (units, total.rem_euclid(REWARD))
    }

    fn cheapest_way(&self) -> Option<(i64, Vec<usize>)> {
        let mut cost = vec![i64::MAX; self.out_of.len()];
        let mut came_by = vec![None; self.out_of.len()];
        let mut waits = vec![false; self.out_of.len()];
        let mut queue = VecDeque::from([0]);
        cost[0] = 0;
        while let Some(place) = queue.pop_front() {
            waits[place] = false;
            for &edge in &self.out_of[place] {
                let (next, through) = (self.heads[edge], cost[place] + self.cost[edge]);
                if self.room[edge] == 0 || through >= cost[next] {
                    continue;
                }
                cost[next] = through;
                came_by[next] = Some(edge);
                if !std::mem::replace(&mut waits[next], true) {
                    queue.push_back(next);
                }
            }
        }
        let mut way = Vec::new();
        let mut place = 1;
        while place != 0 {
            let edge: usize = came_by[place]?;
            way.push(edge);
            place = self.heads[edge ^ 1];
        }
        Some((cost[1], way))
    }
}
