//! The envelope's bytes: `[version][flags][0 0][crc32c LE][commit number LE 8]([actor 14])?([count][hash 8] …)?[object]`.
//! The checksum runs over the row key, the first four bytes and everything from the ninth on.

use crate::bytes::{Reader, Writer};
use crate::clock::Actor;
use crate::digest::crc32c;
use crate::fault::Fault;
use crate::object::Object;

/// The version that a row begins with.
pub const ROW_VERSION: u8 = 1;

/// The most hashes of replaced client operations that a row remembers.
pub const MAX_OPERATIONS: usize = 16;

/// Bytes of such a hash.
pub const OPERATION_HASH_BYTES: usize = 8;

const HAS_ACTOR: u8 = 1;
const INCOMPLETE: u8 = 2;
const HAS_OPERATIONS: u8 = 4;
const KNOWN: u8 = HAS_ACTOR | INCOMPLETE | HAS_OPERATIONS;

const CRC_AT: usize = 4;
const COMMIT_AT: usize = 8;
const HEAD_BYTES: usize = 16;

/// A row, borrowed from its bytes. No bytes at all are the row of a key that is not here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row<'a> {
    /// Under which this replica mints dots for the key, if it has coordinated it.
    pub actor: Option<&'a Actor>,
    /// Whether it was written over a row that could not be read.
    pub incomplete: bool,
    /// Hashes of client operations replaced here, newest first, eight bytes each.
    pub operations: &'a [u8],
    /// The object's bytes (not looked into); empty only in a row that is not here.
    pub object: &'a [u8],
}

impl<'a> Row<'a> {
    /// Reads the envelope. Neither checksum nor object are looked at.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Fault> {
        if bytes.is_empty() {
            return Ok(Row::default());
        }
        Row::read(bytes).ok_or(Fault::BadRow)
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let head = reader.array::<HEAD_BYTES>()?;
        let flags = head[1];
        if head[0] != ROW_VERSION || flags & !KNOWN != 0 || head[2..CRC_AT] != [0, 0] {
            return None;
        }
        let actor = if flags & HAS_ACTOR != 0 { Some(reader.array()?) } else { None };
        let operations = if flags & HAS_OPERATIONS != 0 { read_operations(&mut reader)? } else { &[] };
        Some(Row { actor, incomplete: flags & INCOMPLETE != 0, operations, object: reader.rest() })
    }

    /// Writes the envelope, checksum and commit number zero; the object follows.
    pub(super) fn write_head(&self, writer: &mut Writer<'_>) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let has_operations = flag(!self.operations.is_empty(), HAS_OPERATIONS);
        writer.byte(ROW_VERSION);
        writer
            .byte(flag(self.actor.is_some(), HAS_ACTOR) | flag(self.incomplete, INCOMPLETE) | has_operations);
        writer.put(&[0; HEAD_BYTES - 2]);
        if let Some(actor) = self.actor {
            writer.put(actor);
        }
        if !self.operations.is_empty() {
            writer.byte((self.operations.len() / OPERATION_HASH_BYTES) as u8);
            writer.put(self.operations);
        }
    }
}

fn read_operations<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let count = usize::from(reader.byte()?);
    if (1..=MAX_OPERATIONS).contains(&count) { reader.take(count * OPERATION_HASH_BYTES) } else { None }
}

fn checksum(row_key: &[u8], row: &[u8]) -> u32 {
    crc32c(&row[COMMIT_AT..], crc32c(&row[..CRC_AT], crc32c(row_key, 0)))
}

/// Sets commit number and checksum in place.
pub fn seal_row(row_key: &[u8], row: &mut [u8], commit_number: u64) -> Result<(), Fault> {
    if row.len() < HEAD_BYTES {
        return Err(Fault::BadRow);
    }
    row[COMMIT_AT..HEAD_BYTES].copy_from_slice(&commit_number.to_le_bytes());
    let crc = checksum(row_key, row);
    row[CRC_AT..COMMIT_AT].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// Whether the row is whole: the checksum fits this row key, envelope and object are of a known version and canonical.
pub fn check_row(row_key: &[u8], row: &[u8]) -> Result<(), Fault> {
    let envelope = Row::read(row).ok_or(Fault::BadRow)?;
    let crc = u32::from_le_bytes([row[4], row[5], row[6], row[7]]);
    if crc != checksum(row_key, row) {
        return Err(Fault::BadRow);
    }
    Object::decode(envelope.object).map(drop).map_err(|_| Fault::BadRow)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row without actor around the empty object: clock of no dots, no siblings.
    const EMPTY: [u8; 21] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0];

    #[test]
    fn every_flipped_bit_and_every_other_key_is_noticed() {
        let mut row = EMPTY;
        seal_row(b"key", &mut row, 77).expect("a whole head");
        assert_eq!(check_row(b"key", &row), Ok(()));
        assert_eq!(check_row(b"kez", &row), Err(Fault::BadRow));
        for bit in 0..row.len() * 8 {
            let mut damaged = row;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check_row(b"key", &damaged), Err(Fault::BadRow), "bit {bit}");
        }
        for length in 0..row.len() {
            assert_eq!(check_row(b"key", &row[..length]), Err(Fault::BadRow), "length {length}");
        }
    }

    #[test]
    fn a_row_too_short_to_be_sealed_is_refused() {
        assert_eq!(seal_row(b"k", &mut [1; 15], 1), Err(Fault::BadRow));
    }
}
