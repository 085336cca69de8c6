//! A stored row: a local envelope around the object's canonical bytes.
//!
//! The object is the same on every replica; the envelope is this replica's own: a checksum over row key and all, the
//! commit number of the batch that wrote it, the actor under which this replica mints dots for the key, whether the row
//! stands over one that could not be read, and which client operations were replaced here lately.
//!
//! The actor belongs to the envelope because no dot may be minted twice, ever, and no clock tells who minted it: after a
//! crash that loses the tail of the log, a replica gets its own old dots back from the others and would go on counting
//! from a number that it no longer knows (riak_kv#679). A row made by a replicated write has no actor; the first write
//! coordinated here takes a fresh one.

mod envelope;
mod merge;
mod shed;
mod write;

pub use envelope::{MAX_OPERATIONS, OPERATION_HASH_BYTES, ROW_VERSION, Row, check_row, seal_row};
pub use merge::{MERGE_EXTRA_BYTES, merge_row};
pub use shed::shed_row;
pub use write::{Limits, WRITE_EXTRA_BYTES, Write, apply_write};
