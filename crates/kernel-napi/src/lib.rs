//! The thin binding of the kernel: borrow the caller's bytes, call, map the fault to its number. No logic.
//!
//! Free functions with positional arguments, bytes in as slices, results as numbers or into the caller's buffer: a call
//! costs some 50 ns and allocates nothing. A panic becomes a JavaScript error (`catch_unwind`), never an abort.
//! Numbers are checked by the TypeScript face (`src/kernel`), the only caller.

mod borders;
mod digest;
mod merkle;
mod object;
mod placement;
mod process;
mod row;
mod token;
