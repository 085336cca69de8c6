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
mod history;
mod packed;
mod plan;
mod rank;
mod refine;
mod roster;
mod search;
mod step;
mod table;
mod voids;

use crate::fault::Fault;
use changes::{Change, Id, Mark};
use checkpoint::Stage;
use history::History;

pub use checkpoint::Checkpoint;
pub use plan::{Move, Plan};

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
    /// Q.
    pub partitions: usize,
    /// N as asked for.
    pub copies_asked: usize,
    /// Owners of each partition: N, or members if these are fewer.
    pub copies: usize,
    /// The present members, sorted by id.
    pub members: Vec<Member>,
    /// Members that left or were removed or replaced; they never return. Sorted.
    pub gone: Vec<Id>,
    /// The latest changes: what one recorded now follows.
    pub heads: Vec<Mark>,
    /// The changes that are void.
    pub voided: Vec<Mark>,
    /// Index in `members` of the i-th owner of partition p, at `p * copies + i`.
    pub table: Vec<u16>,
}

/// The placement after these changes (in any order, doubles allowed) in a cluster born with `partitions` (a power of two) and at most
/// `copies` owners of each.
pub fn replay(partitions: usize, copies: usize, changes: &[Change]) -> Result<Placement, Fault> {
    Ok(Checkpoint::of(partitions, copies, changes)?.placement().clone())
}

impl Placement {
    fn of(history: &History<'_>, stage: &Stage) -> Result<Self, Fault> {
        let Stage { roster, table } = stage;
        let peers = due::peers(roster);
        let quotas = due::quotas(&peers, roster.partitions, roster.copies);
        let mut members: Vec<Member> = due::in_order(roster)
            .into_iter()
            .zip(&quotas.due[1..])
            .map(|((id, standing), due)| Member {
                id: *id,
                weight: standing.weight,
                zone: standing.zone.clone(),
                due: *due,
            })
            .collect();
        members.sort_by_key(|member| member.id);
        let (in_force, _) = voids::in_force(&history.changes);
        let mut stands = in_force.into_iter().peekable();
        let is_void = |change: &&&Change| stands.next_if(|other| std::ptr::eq(*other, **change)).is_none();
        Ok(Placement {
            partitions: roster.partitions,
            copies_asked: roster.copies,
            copies: table.copies,
            members,
            gone: roster.gone.iter().copied().collect(),
            heads: history.heads.iter().map(|&head| history.changes[head].mark()).collect(),
            voided: history.changes.iter().filter(is_void).map(|change| change.mark()).collect(),
            table: table.slots.clone(),
        })
    }
}
