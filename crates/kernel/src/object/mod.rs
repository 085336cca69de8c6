//! An object: all that a replica knows of one key. A clock (what it has seen) and the siblings that survive.
//!
//! Each surviving value carries its own dot (dotted version vectors), so an object has exactly as many siblings as
//! there are true conflicts. A dot that is in the clock and not among the siblings was replaced: that absence is the
//! whole memory of a deletion or an overwrite, and why merging needs no history:
//!
//! ```text
//!   here   clock {A1 A2}  siblings A2         A1 was replaced by A2 here
//!   there  clock {A1 B1}  siblings A1, B1     B1 was written without having seen A1
//!   merged clock {A1 A2 B1}  siblings A2, B1  A1 goes (the left one has seen it and holds it no more)
//! ```
//!
//! The encoding is canonical: one state, one sequence of bytes, whichever way replicas got there, so equality, digests
//! and trees look at bytes alone. This module reads and writes it; [`merge`](fn@merge::merge), [`compare`](fn@compare::compare)
//! and [`context`] are the algebra on top.

mod codec;
pub mod compare;
pub mod context;
pub mod extensions;
pub mod merge;
mod shed;
mod sibling;

pub use codec::{OBJECT_VERSION, Object, build, skeleton};
pub(crate) use codec::{Parts, write_parts};
pub use shed::{shed, spare_entries};
pub use sibling::{NewSibling, Sibling};
