//! What each node holds, and between which bounds it should.

/// By number of node. Number 0 is the hole: it holds the slots without an owner, and should hold none.
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

    pub fn pass(&mut self, from: usize, to: usize) {
        self.held[from] -= 1;
        self.held[to] += 1;
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

    /// Whether everybody is within the bounds.
    pub fn are_kept(&self) -> bool {
        (0..self.held.len()).all(|node| !self.is_short(node) && !self.is_over(node))
    }

    /// How many slots more the nodes would hold than there are, if each held the nearest number within its bounds.
    pub fn promised_too_much(&self) -> isize {
        let nearest = |node: usize| self.held[node].clamp(self.lo[node], self.hi[node]) as isize;
        (0..self.held.len()).map(|node| nearest(node) - self.held[node] as isize).sum()
    }
}
