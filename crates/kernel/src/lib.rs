//! The pure core of Rotunda: what is hot and has no side effects.
//!
//! Key hash and row key ([`key`]), exact clocks ([`clock`]), objects with dotted siblings ([`object`]), the stored row
//! around an object ([`row`]), checksums and digests ([`digest`]), sealed tokens ([`token`]), which nodes own which partition ([`placement`]), hash trees
//! over rows ([`merkle`]). Bytes come in as slices, results go out into a
//! buffer of the caller's; every decoder is total: any input gives a value or a [`Fault`], and lengths are checked
//! before memory is taken. The formats are described byte by byte in `docs/storage-format.md`.
#![forbid(unsafe_code)]

pub mod bytes;
pub mod clock;
pub mod digest;
mod fault;
pub mod key;
pub mod merkle;
pub mod object;
pub mod placement;
pub mod row;
pub mod token;

pub use fault::Fault;
