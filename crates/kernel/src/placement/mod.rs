//! Which nodes own which partition: the table as a function of the recorded membership changes alone.
//!
//! Every node that has heard the same set of changes computes the same table: no leader, nothing to agree on (Dynamo,
//! section 6.2, strategy 3: Q equal partitions, whoever owns them). One function cannot both balance and move little if it
//! looks at the present members only: balance means exact quotas, and quotas without a memory move everything. So the
//! memory is the history: each change has a table, made from the table of what its author had seen by a step of least movement ([`step`]).
//! Changes recorded without knowledge of each other have tables that differ; a set that ends in several has one that is near to
//! all of theirs, made by the same step with more than one table to start from:
//!
//! ```text
//!   join a ─► join b ─► join c ─┬─► join d ──┬─►  what whoever has heard of both computes: near to the table
//!   aaaaaa    aaaaaa    aaaaaa  └─► leave b ─┘    after "join d" and to the one after "leave b"
//!             bbbbbb    bbbbbb
//!                       cccccc       each arrow: quotas from weights and zones ([`due`]), then slots change hands until every
//!                                    node is within its quota and every partition over as many zones as it can be
//! ```
//!
//! So a change's table follows from it and its past alone and never changes again, whatever is heard of later ([`history`],
//! [`checkpoint`]); void changes (of members that were removed, [`voids`]) keep theirs too, for somebody may hold rows by it, but count no
//! longer in who is a member ([`roster`]).
//!
//! What can be had at once is a flow problem: give partition p the fraction due/Q of node i, and all bounds hold
//! fractionally; hence (integrality of flows) also in whole partitions: each node at its due rounded down or up, N
//! distinct nodes a partition, zones spread as evenly as their sizes allow. The step therefore tries the cheap moves first and
//! finishes with cheapest paths and cycles ([`graph`]), which find what is left if anything does, at the least cost. Where a step has a choice
//! it goes by rendezvous hashing ([`grid`]), so that sides which know nothing of each other choose alike what they should.

pub mod changes;
mod checkpoint;
mod counts;
pub mod due;
mod graph;
mod grid;
mod history;
mod holdings;
mod nearby;
mod packed;
mod plan;
mod rank;
mod roster;
mod sides;
mod step;
mod table;
mod voids;
mod zones;

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
        let member = |((id, standing), due): ((&Id, &roster::Standing), &f64)| Member {
            id: *id,
            weight: standing.weight,
            zone: standing.zone.clone(),
            due: *due,
        };
        let (in_force, _) = voids::in_force(&history.changes);
        let mut stands = in_force.into_iter().peekable();
        let is_void = |change: &&&Change| stands.next_if(|other| std::ptr::eq(*other, **change)).is_none();
        Ok(Placement {
            partitions: roster.partitions,
            copies_asked: roster.copies,
            copies: table.copies,
            members: roster.members.iter().zip(&quotas.due[1..]).map(member).collect(),
            gone: roster.gone.iter().copied().collect(),
            heads: history.heads.iter().map(|&head| history.changes[head].mark()).collect(),
            voided: history.changes.iter().filter(is_void).map(|change| change.mark()).collect(),
            table: table.slots.clone(),
        })
    }
}
