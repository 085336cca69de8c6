//! Everything that can be wrong with an input, each with the code that crosses the language border.

use std::fmt;

/// Why the kernel gives no result. The codes are part of the contract with the TypeScript face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The operation is already a sibling here, or among those replaced lately.
    Already,
    /// The write would leave more live values, or more bytes of them, than the limits allow.
    TooManySiblings,
    /// The bytes are no row of a known version.
    BadRow,
    /// The bytes are no canonical clock.
    BadContext,
    /// The counter of the actor has reached 2^53 - 1.
    Exhausted,
    /// The bytes are no canonical object.
    BadObject,
    /// The caller's buffer is smaller than the documented bound (a mistake of the caller).
    OutTooSmall,
    /// A field of a write is longer than its format can hold (a mistake of the caller).
    BadWrite,
    /// The membership changes are no valid packed set.
    BadChanges,
    /// The tree does not exist (any more), or the bytes are no levels of a tree.
    BadTree,
}

impl Fault {
    /// The negative number that stands for this fault in TypeScript.
    pub const fn code(self) -> i32 {
        match self {
            Fault::Already => -1,
            Fault::TooManySiblings => -2,
            Fault::BadRow => -3,
            Fault::BadContext => -4,
            Fault::Exhausted => -5,
            Fault::BadObject => -6,
            Fault::OutTooSmall => -7,
            Fault::BadWrite => -8,
            Fault::BadChanges => -9,
            Fault::BadTree => -10,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Already => "the operation is already here",
            Fault::TooManySiblings => "too many live versions, or bytes of them",
            Fault::BadRow => "not a row of a known version",
            Fault::BadContext => "not a canonical clock",
            Fault::Exhausted => "the actor's counter is exhausted",
            Fault::BadObject => "not a canonical object",
            Fault::OutTooSmall => "the output buffer is smaller than its bound",
            Fault::BadWrite => "a field of the write is too long",
            Fault::BadChanges => "not a valid set of membership changes",
            Fault::BadTree => "no such tree, or bytes that are none",
        })
    }
}

impl std::error::Error for Fault {}
