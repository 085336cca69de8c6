//! Objects as bytes: `[version][flags][clock][number of siblings]([length][sibling]) … ([length][extensions])?`.
//! The clock lies in one piece, so a slice of an object is a context.

use super::{NewSibling, Sibling, extensions};
use crate::bytes::{Reader, Writer};
use crate::clock::Clock;
use crate::fault::Fault;
use smallvec::SmallVec;

/// The version that an object's bytes begin with.
pub const OBJECT_VERSION: u8 = 1;

const EXTENSIONS: u8 = 1;
/// What a skeleton begins with instead: nobody takes one for an object.
const SKELETON_VERSION: u8 = 0xa1;
/// Flags that a reader must know; the two above them are optional: unknown ones are kept and ignored.
const REQUIRED: u8 = 0x3f;
const OPTIONAL: u8 = !REQUIRED;

/// The least bytes of a sibling with its length: length, flags, actor, counter, wall time, two lengths.
const MIN_SIBLING_BYTES: usize = 25;

/// An object, borrowed from its bytes.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// Optional flags that this version does not know.
    pub(super) optional_flags: u8,
    /// What has been seen.
    pub clock: Clock<'a>,
    /// The clock's encoding: a context.
    pub clock_bytes: &'a [u8],
    /// What survives, sorted by dot; every dot is in the clock.
    pub siblings: SmallVec<[Sibling<'a>; 2]>,
    /// Extensions, empty if there are none.
    pub(super) extensions: &'a [u8],
}

impl<'a> Object<'a> {
    /// Reads an object that takes up all of `bytes`; anything but the one encoding of a state is refused.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Fault> {
        Object::read(bytes, OBJECT_VERSION).ok_or(Fault::BadObject)
    }

    /// Reads a skeleton (see [`skeleton`]): clock and dots are those of its object, and nothing else is.
    pub(super) fn decode_skeleton(bytes: &'a [u8]) -> Result<Self, Fault> {
        Object::read(bytes, SKELETON_VERSION).ok_or(Fault::BadObject)
    }

    fn read(bytes: &'a [u8], version: u8) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != version {
            return None;
        }
        let flags = reader.byte()?;
        if flags & REQUIRED & !EXTENSIONS != 0 {
            return None;
        }
        let from_clock = reader.rest();
        let clock = Clock::read(&mut reader)?;
        let clock_bytes = &from_clock[..from_clock.len() - reader.rest().len()];
        let siblings = read_siblings(&mut reader, &clock)?;
        let extensions = if flags & EXTENSIONS != 0 { reader.sized()? } else { &[] };
        let sound =
            reader.rest().is_empty() && (flags & EXTENSIONS == 0 || extensions::is_canonical(extensions));
        sound.then_some(Object { optional_flags: flags & OPTIONAL, clock, clock_bytes, siblings, extensions })
    }

    /// Optional flags and extensions: what a write carries along without knowing it.
    pub(crate) fn carried(&self) -> (u8, &'a [u8]) {
        (self.optional_flags, self.extensions)
    }

    /// Siblings that are values.
    pub fn live(&self) -> impl Iterator<Item = &Sibling<'a>> {
        self.siblings.iter().filter(|sibling| !sibling.tombstone)
    }
}

fn read_siblings<'a>(reader: &mut Reader<'a>, clock: &Clock<'_>) -> Option<SmallVec<[Sibling<'a>; 2]>> {
    let count = usize::try_from(reader.varint()?).ok()?;
    if count > reader.rest().len() / MIN_SIBLING_BYTES {
        return None;
    }
    let mut siblings = SmallVec::<[Sibling<'a>; 2]>::with_capacity(count);
    for _ in 0..count {
        let sibling = Sibling::decode(reader.sized()?)?;
        let rising = siblings.last().is_none_or(|before| before.dot < sibling.dot);
        if !rising || !clock.contains(sibling.dot) {
            return None;
        }
        siblings.push(sibling);
    }
    Some(siblings)
}

/// What an object is written from.
pub(crate) struct Parts<'x, 'a> {
    pub optional_flags: u8,
    pub clock: &'x Clock<'a>,
    /// Surviving siblings, sorted by dot.
    pub siblings: &'x [&'x Sibling<'a>],
    /// A sibling to be put in its place among them.
    pub new: Option<&'x NewSibling<'x>>,
    pub extensions: &'x [u8],
}

/// Writes an object.
pub(crate) fn write_parts(parts: &Parts<'_, '_>, writer: &mut Writer<'_>) {
    writer.byte(OBJECT_VERSION);
    writer.byte(parts.optional_flags | if parts.extensions.is_empty() { 0 } else { EXTENSIONS });
    parts.clock.write(writer);
    writer.varint(parts.siblings.len() as u64 + u64::from(parts.new.is_some()));
    let before = match parts.new {
        Some(new) => parts.siblings.partition_point(|sibling| sibling.dot < new.dot),
        None => parts.siblings.len(),
    };
    let (head, tail) = parts.siblings.split_at(before);
    head.iter().for_each(|sibling| writer.sized(sibling.bytes));
    if let Some(new) = parts.new {
        new.write(writer);
    }
    tail.iter().for_each(|sibling| writer.sized(sibling.bytes));
    if !parts.extensions.is_empty() {
        writer.sized(parts.extensions);
    }
}

/// Writes clock and surviving dots of an object, and none of its values, into `out`, which has room for the object; the number of bytes.
/// Enough for comparing, useless for merging, and no object to anybody who takes it for one.
pub fn skeleton(object: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
    let object = Object::decode(object)?;
    let mut writer = Writer::new(out);
    writer.byte(SKELETON_VERSION);
    writer.byte(0);
    writer.put(object.clock_bytes);
    writer.varint(object.siblings.len() as u64);
    for sibling in &object.siblings {
        NewSibling {
            dot: sibling.dot,
            tombstone: true,
            operation_is_clients: false,
            wall_ms: 0,
            operation: &[],
            expiry_ms: None,
            attributes: &[],
            value: &[],
        }
        .write(&mut writer);
    }
    writer.finish()
}

/// Builds an object into `out` from its parts, siblings sorted by dot; the number of bytes. For tests, tools and fixtures: replicas only
/// ever write and merge.
pub fn build(clock: &Clock<'_>, siblings: &[NewSibling<'_>], out: &mut [u8]) -> Result<usize, Fault> {
    let mut writer = Writer::new(out);
    writer.byte(OBJECT_VERSION);
    writer.byte(0);
    clock.write(&mut writer);
    writer.varint(siblings.len() as u64);
    for sibling in siblings {
        sibling.check()?;
        sibling.write(&mut writer);
    }
    let length = writer.finish()?;
    Object::decode(&out[..length]).map(|_| length)
}
