//! The last few moves too many, taken back.
//!
//! Single moves and shortest paths come close to the fewest moves, not always to the fewest. Let an edge a → b mean "a
//! takes a slot from b", costing 1 if a comes new into that partition, less 1 if b had only come in this step; and let
//! one more vertex stand for the room that quotas leave: it leads to whoever may have one more, and whoever may have one
//! less leads to it. A step is as cheap as can be when no cycle of this graph costs less than nothing (Klein, 1967); so
//! such cycles are looked for (Bellman and Ford) and walked. The graph has a vertex for each node, not for each partition: small.

use super::search::{Board, Counts};
use super::step::Step;

/// Slots looked at times nodes: bounds the time that a step may spend here.
const EFFORT: usize = 1 << 22;

/// The vertex for the room that quotas leave; it stands at the number of the hole, for no holes are left.
const ROOM: usize = 0;

/// The cheapest way in which one node can take from another.
#[derive(Clone, Copy)]
struct Edge {
    cost: i32,
    /// Partition and slot; nothing moves on the edges of the room.
    place: Option<(usize, usize)>,
}

struct Graph {
    vertices: usize,
    edges: Vec<Option<Edge>>,
}

impl Step<'_> {
    /// Takes back moves while that can be done within the bounds, and within the effort.
    pub(super) fn refine(&mut self) {
        let work = self.nodes() * (self.slots() + self.nodes() * self.nodes()) + 1;
        for _ in 0..EFFORT / work {
            let Some(cycle) = Graph::new(self).negative_cycle() else { return };
            if !self.walk(&cycle) {
                return;
            }
        }
    }

    /// Makes the moves of a cycle; none of them, if they turn out to be in each other's way.
    fn walk(&mut self, cycle: &[(usize, Edge)]) -> bool {
        let mut done = Vec::new();
        for &(taker, edge) in cycle {
            let Some((partition, slot)) = edge.place else { continue };
            let owner = self.owners(partition)[slot] as usize;
            if !self.may_take(partition, slot, taker) {
                done.into_iter().rev().for_each(|(partition, slot, owner)| self.put(partition, slot, owner));
                return false;
            }
            self.put(partition, slot, taker);
            done.push((partition, slot, owner));
        }
        true
    }

    /// Whether more moves were made than quotas alone demand: whoever is short must take, what is over must be taken.
    pub(super) fn moved_more_than_quotas_demand(&self) -> bool {
        let Counts { held, lo, hi } = self.counts_before();
        let short: usize = held.iter().zip(&lo).map(|(held, lo)| lo.saturating_sub(*held)).sum();
        let over: usize = held.iter().zip(&hi).map(|(held, hi)| held.saturating_sub(*hi)).sum();
        let fresh =
            |partition| (0..self.owners(partition).len()).filter(move |&slot| self.is_fresh(partition, slot));
        (0..self.partitions()).flat_map(fresh).count() > short.max(over)
    }
}

impl Graph {
    fn new(step: &Step<'_>) -> Self {
        let vertices = step.nodes();
        let mut graph = Graph { vertices, edges: vec![None; vertices * vertices] };
        for node in 1..vertices {
            let free = Edge { cost: 0, place: None };
            graph.edges[ROOM * vertices + node] = step.counts.can_take(node).then_some(free);
            graph.edges[node * vertices + ROOM] = step.counts.can_give(node).then_some(free);
        }
        for partition in 0..step.partitions() {
            for taker in 1..vertices {
                graph.offer(step, partition, taker);
            }
        }
        graph
    }

    fn offer(&mut self, step: &Step<'_>, partition: usize, taker: usize) {
        let comes_new = i32::from(!step.former(partition).contains(&(taker as u32)));
        step.offers(partition, taker, |slot, owner| {
            let cost = comes_new - i32::from(step.is_fresh(partition, slot));
            let known = &mut self.edges[taker * self.vertices + owner];
            if known.is_none_or(|edge| cost < edge.cost) {
                *known = Some(Edge { cost, place: Some((partition, slot)) });
            }
        });
    }

    /// A cycle that costs less than nothing, as takers with the edges that leave them.
    fn negative_cycle(&self) -> Option<Vec<(usize, Edge)>> {
        let mut cost = vec![0; self.vertices];
        let mut came_from: Vec<Option<usize>> = vec![None; self.vertices];
        let mut last = None;
        for _ in 0..self.vertices {
            last = Some(self.relax(&mut cost, &mut came_from)?);
        }
        // Still falling after as many rounds as there are vertices: the way back from here ends in a cycle.
        let mut at = last?;
        let mut seen = vec![false; self.vertices];
        while !std::mem::replace(&mut seen[at], true) {
            at = came_from[at]?;
        }
        self.cycle_through(at, &came_from)
    }

    /// One round; a vertex whose cost fell, if any did.
    fn relax(&self, cost: &mut [i32], came_from: &mut [Option<usize>]) -> Option<usize> {
        let mut relaxed = None;
        for from in 0..self.vertices {
            for to in 0..self.vertices {
                let Some(edge) = self.edges[from * self.vertices + to] else { continue };
                if cost[from] + edge.cost < cost[to] {
                    cost[to] = cost[from] + edge.cost;
                    came_from[to] = Some(from);
                    relaxed = Some(to);
                }
            }
        }
        relaxed
    }

    fn cycle_through(&self, start: usize, came_from: &[Option<usize>]) -> Option<Vec<(usize, Edge)>> {
        let mut cycle = Vec::new();
        let mut at = start;
        loop {
            let from = came_from[at]?;
            cycle.push((from, self.edges[from * self.vertices + at]?));
            at = from;
            if at == start {
                return Some(cycle);
            }
        }
    }
}
