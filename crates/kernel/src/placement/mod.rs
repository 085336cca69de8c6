//! Which nodes own which partition: the table as a function of the recorded membership changes alone.
//!
//! Every node that has heard the same set of changes computes the same table: no leader, nothing to agree on (Dynamo,
//! section 6.2, strategy 3: Q equal partitions, whoever owns them). One function cannot both balance and move little if it
//! looks at the present members only: balance means exact quotas, and quotas without a memory move everything. So the
//! memory is the history: the set of changes, put in a canonical order ([`changes`]), is replayed, and each change is
//! applied to the table before it by a step of least movement ([`step`]):
//!
//! ```text
//!   join a ─► join b ─► join c ─► join d ─► leave b        each arrow: quotas from weights and zones ([`due`]),
//!   aaaaaa    aaaaaa    aaaaaa    aaadda    aaadda         slots change hands until every node is within its quota
//!             bbbbbb    bbbbbb    bbbbdb    cdcc.c ...     and every partition spreads over as many zones as it can
//!                       cccccc    cdcccc    ...
//! ```
//!
//! Where a step has a choice it goes by the hash of (partition's range, node), so that histories that differ in the order
//! of two concurrent changes end in tables that differ little, until gossip makes the histories equal.
//!
//! What can be had at once is a flow problem: give partition p the fraction due/Q of node i, and all bounds hold
//! fractionally; hence (integrality of flows) also in whole partitions: each node at its due rounded down or up, N
//! distinct nodes a partition, zones spread as evenly as their sizes allow. The step therefore tries the cheap moves first and
//! finishes with augmenting paths ([`search`]), which find what is left if anything does.

pub mod changes;
mod checkpoint;
pub mod due;
mod packed;
mod rank;
mod refine;
mod search;
mod step;

use crate::fault::Fault;
use changes::{Change, Id, Kind};
use due::Peer;
use std::collections::{BTreeMap, BTreeSet};
use step::{HOLE, Table};

pub use checkpoint::Checkpoint;

/// The most copies of a partition.
pub const MAX_COPIES: usize = 16;

/// The most partitions: 16 bits of key hash.
pub const MAX_PARTITIONS: usize = 1 << 16;

/// A present member.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its identity.
    pub id: Id,
    /// Its share relative to others.
    pub weight: f64,
    /// Where it stands; equal bytes are one zone.
    pub zone: Vec<u8>,
    /// Copies of partitions that it should hold.
    pub due: f64,
}

/// Members and what they own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// The present members, sorted by id.
    pub members: Vec<Member>,
    /// Members that left or were removed; they never return. Sorted.
    pub gone: Vec<Id>,
    /// Owners of each partition: copies, or members if these are fewer.
    pub copies: usize,
    /// Index in `members` of the i-th owner of partition p, at `p * copies + i`.
    pub table: Vec<u16>,
}

/// Replays the changes (in any order, doubles allowed) for `partitions` (a power of two) and at most `copies` owners each.
pub fn replay(partitions: usize, copies: usize, changes: &[Change]) -> Result<Placement, Fault> {
    Checkpoint::of(partitions, copies, changes)?.placement()
}

/// The roster as the replay has come to it. Nodes are numbered as they join; number 0 is the hole.
#[derive(Clone)]
struct Replay {
    copies: usize,
    table: Table,
    nodes: Vec<Peer>,
    ids: Vec<Id>,
    present: BTreeMap<Id, usize>,
    gone: BTreeSet<Id>,
}

impl Replay {
    fn new(partitions: usize, copies: usize) -> Self {
        let hole = Peer { present: false, weight: 0.0, zone: Vec::new(), seed: 0 };
        Replay {
            copies,
            table: Table::new(partitions),
            nodes: vec![hole],
            ids: vec![[0; 16]],
            present: BTreeMap::new(),
            gone: BTreeSet::new(),
        }
    }

    /// Takes a change into the roster; whether the table has to follow.
    fn record(&mut self, change: &Change) -> bool {
        match change.kind {
            Kind::Join => self.join(change),
            Kind::Leave | Kind::Remove => {
                self.gone.insert(change.member);
                let number = self.present.remove(&change.member);
                number.is_some_and(|number| std::mem::take(&mut self.nodes[number].present))
            }
            Kind::Weight => self.alter(change, |node| {
                let before = std::mem::replace(&mut node.weight, change.weight);
                before != change.weight
            }),
            Kind::Zone => self.alter(change, |node| {
                let before = std::mem::replace(&mut node.zone, change.zone.clone());
                before != change.zone
            }),
        }
    }

    fn join(&mut self, change: &Change) -> bool {
        if self.gone.contains(&change.member) || self.present.contains_key(&change.member) {
            return false;
        }
        self.present.insert(change.member, self.nodes.len());
        self.ids.push(change.member);
        let seed = step::seed(&change.member);
        self.nodes.push(Peer { present: true, weight: change.weight, zone: change.zone.clone(), seed });
        true
    }

    fn alter(&mut self, change: &Change, apply: impl Fn(&mut Peer) -> bool) -> bool {
        self.present.get(&change.member).is_some_and(|&number| apply(&mut self.nodes[number]))
    }

    fn step(&mut self) {
        let quotas = due::quotas(&self.nodes, self.table.partitions(), self.copies);
        self.table.step(&self.nodes, &quotas);
        rank::balance(&mut self.table, &self.nodes);
    }

    fn placement(&self) -> Result<Placement, Fault> {
        let quotas = due::quotas(&self.nodes, self.table.partitions(), self.copies);
        let mut index = vec![0; self.nodes.len()];
        let mut members = Vec::with_capacity(self.present.len());
        for (at, (&id, &number)) in self.present.iter().enumerate() {
            index[number] = u16::try_from(at).map_err(|_| Fault::BadChanges)?;
            let node = &self.nodes[number];
            let (weight, zone, due) = (node.weight, node.zone.clone(), quotas.due[number]);
            members.push(Member { id, weight, zone, due });
        }
        debug_assert!(self.table.slots().iter().all(|&number| number != HOLE));
        let table = self.table.slots().iter().map(|&number| index[number as usize]).collect();
        let copies = self.copies.min(members.len());
        Ok(Placement { members, gone: self.gone.iter().copied().collect(), copies, table })
    }
}
