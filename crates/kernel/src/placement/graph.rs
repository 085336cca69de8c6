//! Slots change hands at the least cost: shortest paths, and cycles that cost less than nothing.
//!
//! One vertex for each node; an edge from b to a means that a may take a slot from b in some partition, and its weight what that costs there
//! (1 if a comes new and b was an owner before; 0 if both do; -1 if a comes back). However many partitions there are, the graph has
//! no more edges than pairs of nodes, each with the number of partitions behind it by cost, which is kept as slots change hands:
//!
//! ```text
//!    b ──0──► a      a takes from b where b is as new as a itself: 17 partitions, and at the cost of 1 in 240 others
//!    ▲        │      a short of slots, c with too many: b takes one from c, a one from b
//!    └─1── c ◄┘
//! ```
//!
//! Whoever has too many (and the hole, that owns slots without an owner) is a source, whoever is short a drain; the room that bounds leave
//! is a vertex more: it takes from whoever may hold one more and gives to whoever may hold one less. A table is as near as can be to those
//! before it when this graph has no cycle that costs less than nothing (Klein, 1967), and stays so when paths from sources to drains are
//! shortest ones (Busacker and Gowen, 1960; Ahuja, Magnanti, Orlin: Network Flows, 9.7). Of equally cheap paths one with fewest moves is
//! taken: its moves do not disturb each other, for two of them in one partition could be joined into a shorter path.

use super::counts::Counts;
use super::holdings::Holdings;
use std::collections::BTreeSet;

/// Who may take a slot from its owner, and what it costs them.
pub(super) enum Offer {
    /// Everybody of a group may.
    Group { owner: usize, group: usize, cost: i32 },
    /// One of the group may not, or not at the group's cost.
    Except { owner: usize, taker: usize, cost: i32 },
    /// This one may.
    One { owner: usize, taker: usize, cost: i32 },
}

/// Slots that nodes may take from each other. Node 0 is the hole.
pub(super) trait Board {
    fn partitions(&self) -> usize;

    /// The highest cost; the lowest is as far below zero.
    fn dearest(&self) -> i32;

    /// The group of each node, and how many groups there are: most nodes have nothing to do with most partitions, and are counted there
    /// all at once.
    fn groups(&self) -> (Vec<usize>, usize);

    /// Calls `visit` for all that may change hands in a partition as things stand.
    fn exchanges(&mut self, partition: usize, visit: impl FnMut(Offer));

    /// The owners of a partition that have something to give.
    fn givers(&self, partition: usize) -> &[u16];

    /// The slot of the owner, and what it costs, if the taker may take it.
    fn exchange(&self, partition: usize, owner: usize, taker: usize) -> Option<(usize, i32)>;

    /// Puts the taker into a slot.
    fn put(&mut self, partition: usize, slot: usize, taker: usize);

    /// Of several partitions that would do, the taker takes the nearest.
    fn distance(&self, partition: usize, taker: usize) -> f64;
}

/// The length of a hop. Lengths are whole numbers, as floats: processors compare several of these at once.
const HOP: f64 = 1.0;

/// The length of a cost beside that of a hop: paths have fewer hops than this.
const COST: f64 = (1 << 20) as f64;

/// No edge.
const NONE: f64 = f64::INFINITY;

/// How many cycles are taken back at most: bounds the time of a step.
const MOST_CYCLES: usize = 1 << 12;

struct Graph {
    /// Nodes, the hole among them.
    nodes: usize,
    dearest: i32,
    /// The group of each node; the hole has none.
    group_of: Vec<usize>,
    groups: usize,
    /// Partitions in which all of a group can have a slot from an owner, by owner, group and cost.
    group_counts: Vec<i32>,
    /// By edge and cost: in how many partitions more, or fewer, than those of the taker's group.
    counts: Vec<i32>,
    /// The length of each edge at its lowest cost.
    lengths: Vec<f64>,
    /// Edges that turned out to be in the way of others: not taken again.
    blocked: BTreeSet<(usize, usize)>,
}

impl Graph {
    fn new(board: &mut impl Board, nodes: usize) -> Self {
        let dearest = board.dearest();
        let levels = 2 * dearest as usize + 1;
        let (group_of, groups) = board.groups();
        let mut graph = Graph {
            nodes,
            dearest,
            group_of,
            groups,
            group_counts: vec![0; nodes * groups * levels],
            counts: vec![0; nodes * nodes * levels],
            lengths: vec![NONE; nodes * nodes],
            blocked: BTreeSet::new(),
        };
        (0..board.partitions()).for_each(|partition| graph.count(board, partition, 1));
        (0..nodes).for_each(|owner| graph.choose(owner));
        graph
    }

    fn levels(&self) -> usize {
        2 * self.dearest as usize + 1
    }

    /// Counts what may change hands in a partition, once more or once less.
    fn count(&mut self, board: &mut impl Board, partition: usize, times: i32) {
        let levels = self.levels();
        let at = |row: usize, cost: i32| row * levels + (cost + self.dearest) as usize;
        let (nodes, groups) = (self.nodes, self.groups);
        let (counts, group_counts) = (&mut self.counts, &mut self.group_counts);
        board.exchanges(partition, |offer| match offer {
            Offer::Group { owner, group, cost } => group_counts[at(owner * groups + group, cost)] += times,
            Offer::Except { owner, taker, cost } => counts[at(owner * nodes + taker, cost)] -= times,
            Offer::One { owner, taker, cost } => counts[at(owner * nodes + taker, cost)] += times,
        });
    }

    fn lengths_from(&self, owner: usize) -> &[f64] {
        &self.lengths[owner * self.nodes..][..self.nodes]
    }

    /// The lowest cost of an edge that there is.
    fn cost(&self, owner: usize, taker: usize) -> i32 {
        ((self.lengths_from(owner)[taker] - HOP) / COST) as i32
    }

    fn block(&mut self, owner: usize, taker: usize) {
        self.blocked.insert((owner, taker));
        self.lengths[owner * self.nodes + taker] = NONE;
    }

    /// Finds the lowest cost of each edge from an owner.
    fn choose(&mut self, owner: usize) {
        let levels = self.levels();
        for taker in 1..self.nodes {
            let edge = owner * self.nodes + taker;
            let own = &self.counts[edge * levels..][..levels];
            let row = (owner * self.groups + self.group_of[taker]) * levels;
            let group = &self.group_counts[row..][..levels];
            let lowest = own.iter().zip(group).position(|(own, group)| own + group > 0);
            let length = |level: usize| (level as i32 - self.dearest) as f64 * COST + HOP;
            self.lengths[edge] = lowest.map_or(NONE, length);
        }
        let blocked = self.blocked.range((owner, 0)..=(owner, self.nodes));
        blocked.for_each(|&(_, taker)| self.lengths[owner * self.nodes + taker] = NONE);
    }
}

/// What a search came to.
enum Found {
    /// Vertices from a source to a drain.
    Path(Vec<usize>),
    /// Vertices of a cycle that costs less than nothing, the first one again at the end.
    Cycle(Vec<usize>),
    Nothing,
}

/// A board, its graph, and what its nodes hold.
pub(super) struct Exchange<'b, B> {
    board: &'b mut B,
    counts: &'b mut Counts,
    graph: Graph,
    /// Where each node has something to give.
    holdings: Holdings,
}

impl<'b, B: Board> Exchange<'b, B> {
    pub fn new(board: &'b mut B, counts: &'b mut Counts) -> Self {
        let nodes = counts.held.len();
        let graph = Graph::new(board, nodes);
        let slots = (0..board.partitions()).flat_map(|partition| {
            board.givers(partition).iter().map(move |&giver| (partition, usize::from(giver)))
        });
        let holdings = Holdings::new(nodes, slots);
        Exchange { board, counts, graph, holdings }
    }

    /// Takes back what costs more than it has to, then moves slots until everybody is within the bounds, or no path is left.
    pub fn settle(&mut self) {
        self.refine_until(|_| false);
        while !self.counts.are_kept() {
            match self.search(&self.sources(), true) {
                Found::Path(path) | Found::Cycle(path) => self.walk(&path),
                Found::Nothing => return,
            };
        }
    }

    /// Walks cycles that cost less than nothing, until it is enough.
    pub fn refine_until(&mut self, is_enough: impl Fn(&B) -> bool) {
        let everywhere: Vec<usize> = (0..=self.room()).collect();
        for _ in 0..MOST_CYCLES {
            if is_enough(self.board) {
                return;
            }
            let Found::Cycle(cycle) = self.search(&everywhere, false) else { return };
            self.walk(&cycle);
        }
    }

    /// The vertex for the room that the bounds leave.
    fn room(&self) -> usize {
        self.graph.nodes
    }

    fn sources(&self) -> Vec<usize> {
        let over = (0..self.graph.nodes).filter(|&node| self.counts.is_over(node));
        let room = (self.counts.promised_too_much() > 0).then_some(self.room());
        over.chain(room).collect()
    }

    fn is_drain(&self, vertex: usize) -> bool {
        match vertex == self.room() {
            true => self.counts.promised_too_much() < 0,
            false => self.counts.is_short(vertex),
        }
    }

    /// Bellman and Ford, from all sources at once: the shortest path to a drain if one is wanted, or a cycle that shortens itself.
    fn search(&self, sources: &[usize], wants_path: bool) -> Found {
        let vertices = self.graph.nodes + 1;
        let mut distance = vec![NONE; vertices];
        let mut came_from = vec![usize::MAX; vertices];
        let mut active = vec![false; vertices];
        for &source in sources {
            distance[source] = 0.0;
            active[source] = true;
        }
        while active.contains(&true) {
            let mut next = vec![false; vertices];
            for vertex in (0..vertices).filter(|&vertex| active[vertex]) {
                self.relax(vertex, &mut distance, &mut came_from, &mut next);
            }
            if let Some(cycle) = cycle_in(&came_from) {
                return Found::Cycle(cycle);
            }
            active = next;
        }
        let drains =
            (0..vertices).filter(|&vertex| wants_path && distance[vertex] < NONE && self.is_drain(vertex));
        match drains.min_by(|&a, &b| distance[a].total_cmp(&distance[b])) {
            Some(drain) => Found::Path(path_to(drain, &came_from)),
            None => Found::Nothing,
        }
    }

    fn relax(&self, from: usize, distance: &mut [f64], came_from: &mut [usize], next: &mut [bool]) {
        let (room, so_far) = (self.room(), distance[from]);
        let mut reach = |to: usize, through: f64, known: &mut f64| {
            if through < *known {
                *known = through;
                came_from[to] = from;
                next[to] = true;
            }
        };
        if from == room {
            let takers = (1..room).filter(|&to| self.counts.can_give(to));
            takers.for_each(|to| reach(to, so_far, &mut distance[to]));
            return;
        }
        if from != 0 && self.counts.can_take(from) {
            reach(room, so_far, &mut distance[room]);
        }
        let lengths = self.graph.lengths_from(from);
        if is_shorter_anywhere(so_far, lengths, distance) {
            let edges = lengths.iter().zip(distance).enumerate();
            edges.for_each(|(to, (length, known))| reach(to, so_far + length, known));
        }
    }

    /// Moves one slot along each edge; none, if they turn out to be in each other's way.
    fn walk(&mut self, vertices: &[usize]) {
        let room = self.room();
        let edges = vertices.windows(2).filter(|ends| ends[0] != room && ends[1] != room);
        let edges: Vec<(usize, usize, i32)> =
            edges.map(|ends| (ends[0], ends[1], self.graph.cost(ends[0], ends[1]))).collect();
        let mut done = Vec::new();
        for (owner, taker, cost) in edges {
            let Some((partition, slot)) = self.place(owner, taker, cost) else {
                self.graph.block(owner, taker);
                done.into_iter()
                    .rev()
                    .for_each(|(partition, slot, owner, taker)| self.pass(partition, slot, taker, owner));
                return;
            };
            self.pass(partition, slot, owner, taker);
            done.push((partition, slot, owner, taker));
        }
    }

    /// Where the owner's slot costs the taker no more than that: the nearest place.
    fn place(&self, owner: usize, taker: usize, cost: i32) -> Option<(usize, usize)> {
        let places = self.holdings.of(owner).filter_map(|partition| {
            let (slot, here) = self.board.exchange(partition, owner, taker)?;
            (here <= cost).then(|| (self.board.distance(partition, taker), partition, slot))
        });
        let nearest = places.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        nearest.map(|(_, partition, slot)| (partition, slot))
    }

    fn pass(&mut self, partition: usize, slot: usize, owner: usize, taker: usize) {
        self.graph.count(self.board, partition, -1);
        self.board.put(partition, slot, taker);
        self.holdings.pass(partition, owner, taker);
        self.graph.count(self.board, partition, 1);
        let givers = self.board.givers(partition).iter().map(|&giver| usize::from(giver));
        givers.chain([owner]).for_each(|giver| self.graph.choose(giver));
        self.counts.pass(owner, taker);
    }
}

/// Whether any edge of these lengths leads to a shorter way: most do not, and without a branch for each the answer comes quickly.
fn is_shorter_anywhere(so_far: f64, lengths: &[f64], distance: &[f64]) -> bool {
    lengths.iter().zip(distance).fold(false, |any, (length, known)| any | (so_far + length < *known))
}

/// A circle among those that each came from another.
fn cycle_in(came_from: &[usize]) -> Option<Vec<usize>> {
    let mut walk_of = vec![usize::MAX; came_from.len()];
    for start in 0..came_from.len() {
        let mut at = start;
        while at != usize::MAX && walk_of[at] == usize::MAX {
            walk_of[at] = start;
            at = came_from[at];
        }
        if at != usize::MAX && walk_of[at] == start {
            let mut cycle = vec![at];
            let mut back = came_from[at];
            while back != at {
                cycle.push(back);
                back = came_from[back];
            }
            cycle.push(at);
            cycle.reverse();
            return Some(cycle);
        }
    }
    None
}

/// The way on which a vertex was reached, from its beginning.
fn path_to(vertex: usize, came_from: &[usize]) -> Vec<usize> {
    let mut path = vec![vertex];
    let mut at = came_from[vertex];
    while at != usize::MAX {
        path.push(at);
        at = came_from[at];
    }
    path.reverse();
    path
}
