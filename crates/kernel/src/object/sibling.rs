//! One sibling as bytes:
//! `[flags][actor 14][counter][wall ms 6][operation length u8][operation][expiry ms 6]?[attributes length][attributes]`
//! `([extensions length][extensions])?[value]`, in an object preceded by its length. Counter and lengths are varints.

use super::extensions;
use crate::bytes::{MAX_NUMBER, Reader, Writer, varint_length};
use crate::clock::{ACTOR_BYTES, Dot};
use crate::fault::Fault;

const TOMBSTONE: u8 = 1;
const CLIENT_OPERATION: u8 = 2;
const EXPIRY: u8 = 4;
const EXTENSIONS: u8 = 8;
/// Flags that a reader must know; the two above them are optional: unknown ones are kept and ignored.
const REQUIRED: u8 = 0x3f;
const KNOWN: u8 = TOMBSTONE | CLIENT_OPERATION | EXPIRY | EXTENSIONS;

/// The longest operation id, in bytes.
pub const MAX_OPERATION_BYTES: usize = 64;

const MAX_WALL_MS: u64 = (1 << 48) - 1;

/// A sibling, borrowed from an object's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sibling<'a> {
    /// The sibling's encoding, without the length before it.
    pub bytes: &'a [u8],
    /// The write that it is.
    pub dot: Dot<'a>,
    /// Whether it marks a deletion.
    pub tombstone: bool,
    /// Whether the operation id was given by a client.
    pub operation_is_clients: bool,
    /// The coordinator's wall time, for people; never for order.
    pub wall_ms: u64,
    /// The operation id, at most 64 bytes; empty if it has none.
    pub operation: &'a [u8],
    /// When it expires, in wall milliseconds.
    pub expiry_ms: Option<u64>,
    /// Content type and the like, opaque here.
    pub attributes: &'a [u8],
    /// The value; empty in a tombstone.
    pub value: &'a [u8],
}

impl<'a> Sibling<'a> {
    /// Reads a sibling that takes up all of `bytes`.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let flags = reader.byte()?;
        if flags & REQUIRED & !KNOWN != 0 {
            return None;
        }
        let dot = Dot { actor: reader.array()?, counter: reader.varint()? };
        let wall_ms = reader.u48()?;
        let operation_bytes = usize::from(reader.byte()?);
        let operation = reader.take(operation_bytes)?;
        let expiry_ms = if flags & EXPIRY != 0 { Some(reader.u48()?) } else { None };
        let attributes = reader.sized()?;
        if flags & EXTENSIONS != 0 && !extensions::is_canonical(reader.sized()?) {
            return None;
        }
        let (tombstone, operation_is_clients) = (flags & TOMBSTONE != 0, flags & CLIENT_OPERATION != 0);
        let value = reader.rest();
        let sound = dot.counter > 0
            && operation.len() <= MAX_OPERATION_BYTES
            && (!tombstone || value.is_empty())
            && (!operation_is_clients || !operation.is_empty());
        sound.then_some(Sibling {
            bytes,
            dot,
            tombstone,
            operation_is_clients,
            wall_ms,
            operation,
            expiry_ms,
            attributes,
            value,
        })
    }
}

/// A sibling to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewSibling<'a> {
    /// The write that it is.
    pub dot: Dot<'a>,
    /// A deletion; its value must be empty.
    pub tombstone: bool,
    /// Whether the operation id was given by a client.
    pub operation_is_clients: bool,
    /// Wall time in milliseconds, below 2^48.
    pub wall_ms: u64,
    /// The operation id, at most 64 bytes.
    pub operation: &'a [u8],
    /// When it expires, in wall milliseconds, below 2^48.
    pub expiry_ms: Option<u64>,
    /// Content type and the like, opaque here.
    pub attributes: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl NewSibling<'_> {
    /// Whether its fields fit the format.
    pub fn check(&self) -> Result<(), Fault> {
        let sound = (1..=MAX_NUMBER).contains(&self.dot.counter)
            && self.wall_ms <= MAX_WALL_MS
            && self.expiry_ms.is_none_or(|at| at <= MAX_WALL_MS)
            && self.operation.len() <= MAX_OPERATION_BYTES
            && (!self.tombstone || self.value.is_empty())
            && (!self.operation_is_clients || !self.operation.is_empty());
        if sound { Ok(()) } else { Err(Fault::BadWrite) }
    }

    /// Bytes of its encoding, without the length before it.
    pub(crate) fn length(&self) -> usize {
        let attributes = varint_length(self.attributes.len() as u64) + self.attributes.len();
        let expiry = if self.expiry_ms.is_some() { 6 } else { 0 };
        let head = 1 + ACTOR_BYTES + varint_length(self.dot.counter) + 6;
        head + 1 + self.operation.len() + expiry + attributes + self.value.len()
    }

    /// Writes the length and the encoding.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.varint(self.length() as u64);
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let client = flag(self.operation_is_clients, CLIENT_OPERATION);
        writer.byte(flag(self.tombstone, TOMBSTONE) | client | flag(self.expiry_ms.is_some(), EXPIRY));
        writer.put(self.dot.actor);
        writer.varint(self.dot.counter);
        writer.u48(self.wall_ms);
        writer.byte(self.operation.len() as u8);
        writer.put(self.operation);
        if let Some(at) = self.expiry_ms {
            writer.u48(at);
        }
        writer.sized(self.attributes);
        writer.put(self.value);
    }
}
