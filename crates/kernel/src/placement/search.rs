//! Augmenting paths: what is left when single moves find no more.
//!
//! A node that is short may be unable to take from one that has too many, because they meet in no partition that allows
//! it. Then somebody between them can: a takes a slot from b, and b one from c. The shortest such path is looked for
//! breadth first; its moves do not disturb each other, for two of them in one partition could be joined into a shorter path.

/// What each node holds, and between which bounds it should be. Number 0 is the hole: it holds slots and should hold none.
#[derive(Default)]
pub(super) struct Counts {
    pub held: Vec<usize>,
    pub lo: Vec<usize>,
    pub hi: Vec<usize>,
}

impl Counts {
    /// Adds a node that holds nothing yet.
    pub fn push(&mut self, lo: usize, hi: usize) {
        self.held.push(0);
        self.lo.push(lo);
        self.hi.push(hi);
    }

    pub fn is_short(&self, node: usize) -> bool {
        self.held[node] < self.lo[node]
    }

    pub fn is_over(&self, node: usize) -> bool {
        self.held[node] > self.hi[node]
    }

    pub fn can_give(&self, node: usize) -> bool {
        self.held[node] > self.lo[node]
    }

    pub fn can_take(&self, node: usize) -> bool {
        self.held[node] < self.hi[node]
    }
}

/// Slots that nodes may take from each other.
pub(super) trait Board {
    fn partitions(&self) -> usize;

    /// Calls `visit(slot, owner)` for each slot of the partition that the taker may take as things stand.
    fn offers(&self, partition: usize, taker: usize, visit: impl FnMut(usize, usize));

    /// Whether a slot's owner has come into the partition in this step only: to take from it costs no further move.
    fn is_fresh(&self, partition: usize, slot: usize) -> bool;

    /// Puts the taker into a slot.
    fn take(&mut self, partition: usize, slot: usize, taker: usize);
}

/// Which slots a path may go through. The fewer, the fewer moves it costs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Through {
    /// Fresh ones only, the last included.
    Fresh,
    /// Fresh ones, and at last any.
    FreshThenAny,
    /// Any.
    Any,
}

/// One move: the taker takes a slot of a partition.
#[derive(Clone, Copy)]
struct Move {
    taker: usize,
    partition: usize,
    slot: usize,
}

/// What costs no move that is not needed anyway: whoever is short takes what is fresh, or from whoever has too many; and
/// whoever has too many gives away what is fresh.
pub(super) fn settle_freely(board: &mut impl Board, counts: &mut Counts) {
    for node in 1..counts.held.len() {
        let is_any_over = (0..counts.held.len()).any(|node| counts.is_over(node));
        if is_any_over {
            relieve(board, counts, node, Counts::is_over, Through::FreshThenAny);
        }
        relieve(board, counts, node, Counts::can_give, Through::Fresh);
    }
    unburden(board, counts, Through::Fresh);
}

/// Moves slots until nobody is short and nobody, the hole included, has too many; or until no path is left.
pub(super) fn settle(board: &mut impl Board, counts: &mut Counts) {
    for node in 1..counts.held.len() {
        relieve(board, counts, node, Counts::can_give, Through::FreshThenAny);
        relieve(board, counts, node, Counts::can_give, Through::Any);
    }
    unburden(board, counts, Through::FreshThenAny);
    unburden(board, counts, Through::Any);
}

/// Whoever has room takes from whoever has too many.
fn unburden<B: Board>(board: &mut B, counts: &mut Counts, through: Through) {
    while (0..counts.held.len()).any(|node| counts.is_over(node)) {
        let takers: Vec<usize> = (1..counts.held.len()).filter(|&node| counts.can_take(node)).collect();
        if !augment(board, counts, &takers, Counts::is_over, through) {
            return;
        }
    }
}

fn relieve<B: Board>(
    board: &mut B,
    counts: &mut Counts,
    node: usize,
    gives: fn(&Counts, usize) -> bool,
    through: Through,
) {
    while counts.is_short(node) && augment(board, counts, &[node], gives, through) {}
}

/// Finds a shortest path from one of the takers to a node that gives, and makes its moves.
fn augment<B: Board>(
    board: &mut B,
    counts: &mut Counts,
    takers: &[usize],
    gives: fn(&Counts, usize) -> bool,
    through: Through,
) -> bool {
    let mut found: Vec<Option<Move>> = vec![None; counts.held.len()];
    let mut reached = vec![false; counts.held.len()];
    takers.iter().for_each(|&taker| reached[taker] = true);
    let mut frontier = takers.to_vec();
    while !frontier.is_empty() {
        let mut next = Vec::new();
        let giver = widen(board, &frontier, |owner, by, is_fresh| {
            let ends = gives(counts, owner) && (is_fresh || through != Through::Fresh);
            let leads = owner != 0 && (is_fresh || through == Through::Any);
            if (!ends && !leads) || std::mem::replace(&mut reached[owner], true) {
                return false;
            }
            found[owner] = Some(by);
            next.push(owner);
            ends
        });
        if let Some(giver) = giver {
            walk_back(board, counts, &found, giver);
            return true;
        }
        frontier = next;
    }
    false
}

/// Reaches owners that give a slot to somebody at the frontier, until `reach` says that it is the one.
fn widen<B: Board>(
    board: &B,
    frontier: &[usize],
    mut reach: impl FnMut(usize, Move, bool) -> bool,
) -> Option<usize> {
    let mut giver = None;
    for partition in 0..board.partitions() {
        for &taker in frontier {
            board.offers(partition, taker, |slot, owner| {
                let by = Move { taker, partition, slot };
                if giver.is_none() && reach(owner, by, owner == 0 || board.is_fresh(partition, slot)) {
                    giver = Some(owner);
                }
            });
            if giver.is_some() {
                return giver;
            }
        }
    }
    None
}

fn walk_back<B: Board>(board: &mut B, counts: &mut Counts, found: &[Option<Move>], giver: usize) {
    let mut owner = giver;
    while let Some(Move { taker, partition, slot }) = found[owner] {
        board.take(partition, slot, taker);
        counts.held[owner] -= 1;
        counts.held[taker] += 1;
        owner = taker;
    }
}
