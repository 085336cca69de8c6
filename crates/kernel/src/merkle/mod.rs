//! Hash trees over the rows of a partition replica: two replicas find the keys in which they differ by talking about few others.
//!
//! Dynamo (section 4.7) keeps a Merkle tree for each key range that a node hosts. Here a *segment* is a run of bits of the
//! key hash right below the partition's, and a leaf sums up the rows of one segment:
//!
//! ```text
//!   hash of a key   1011 0110 | 0101 1100 0011 | …        8 bits of partition, 12 of segment, fan 4
//!   level 0         the root: the whole partition          1 node
//!   level 1         0101                                  16 nodes
//!   level 2         0101 1100                            256 nodes
//!   level 3         0101 1100 0011: the segment        4,096 nodes
//! ```
//!
//! A node is a sum (modulo 2^128) of one number for each row below it, made from row key and object digest. So an update
//! subtracts the old number and adds the new one on the way to the root; nothing is read again and no order matters.
//! (A hash of child hashes would say no more: a sum differs unless 128 bits agree by chance. It is no defence against
//! somebody who chooses rows to collide; peers are trusted, and a client does not choose its dots.) The number of segment bits
//! belongs to the ring: with a bit more of partition and a bit less of segment the same leaves make the two smaller trees.

mod forest;
mod pack;
mod split;

pub use forest::{Forest, MAX_TREES};
pub use pack::packed_bound;

use crate::digest::{DIGEST_BYTES, Digest, digest};
use crate::fault::Fault;
use crate::key::placed_hash;
use crate::object::Object;
use crate::row::Row;
use smallvec::SmallVec;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

/// The most bits of segment: a million leaves, 16 MiB.
pub const MAX_SEGMENT_BITS: u32 = 20;

/// The most bits by which one level divides the one above.
pub const MAX_FAN_BITS: u32 = 8;

/// Bytes of a node on the wire.
pub const NODE_BYTES: usize = 16;

/// What a tree covers, and how it divides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which of the 2^`partition_bits` partitions.
    pub partition: u32,
    /// Bits of the key hash that make the partition, at most 16.
    pub partition_bits: u32,
    /// Bits below them that make the segment, at most [`MAX_SEGMENT_BITS`]; 32 with the partition's.
    pub segment_bits: u32,
    /// Bits from one level to the next, 1 to [`MAX_FAN_BITS`].
    pub fan_bits: u32,
}

impl Shape {
    fn check(&self) -> Result<(), Fault> {
        let sound = self.partition_bits <= 16
            && u64::from(self.partition) < 1 << self.partition_bits
            && self.segment_bits <= MAX_SEGMENT_BITS
            && self.partition_bits + self.segment_bits <= 32
            && (1..=MAX_FAN_BITS).contains(&self.fan_bits);
        if sound { Ok(()) } else { Err(Fault::BadTree) }
    }

    /// Levels below the root.
    pub fn depth(&self) -> u32 {
        self.segment_bits.div_ceil(self.fan_bits)
    }

    /// Bits of segment that tell apart the smallest partitions that this one can be split into.
    fn range_bits(&self) -> u32 {
        (RANGE_BITS - self.partition_bits).min(self.segment_bits)
    }

    /// Bits of segment that tell the nodes of a level apart.
    pub fn level_bits(&self, level: u32) -> u32 {
        (level * self.fan_bits).min(self.segment_bits)
    }

    /// The segment of a key hash; `None` if it lies in another partition.
    pub fn segment(&self, key_hash: u64) -> Option<u32> {
        let partition = key_hash.checked_shr(64 - self.partition_bits).unwrap_or(0);
        let below = key_hash.checked_shl(self.partition_bits).unwrap_or(0);
        let segment = below.checked_shr(64 - self.segment_bits).unwrap_or(0);
        (partition == u64::from(self.partition)).then_some(segment as u32)
    }
}

/// Bits of hash that tell apart the smallest partitions that there can be.
const RANGE_BITS: u32 = 16;

/// How much of something there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Rows.
    pub rows: u64,
    /// Bytes of their objects.
    pub bytes: u64,
}

impl Held {
    /// With the new row and without the old one; `None` if there was no such row.
    fn replace(self, old: Held, new: Held) -> Option<Held> {
        let rows = self.rows.checked_add(new.rows)?.checked_sub(old.rows)?;
        let bytes = self.bytes.checked_add(new.bytes)?.checked_sub(old.bytes)?;
        Some(Held { rows, bytes })
    }
}

/// A row as a tree takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Tells its object apart from others.
    pub digest: Digest,
    /// Bytes of the object.
    pub bytes: u64,
}

/// The tree of one partition replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    shape: Shape,
    /// Nodes of level 0, then of level 1 …
    nodes: Vec<u128>,
    /// Where each level begins in `nodes`.
    starts: Vec<usize>,
    /// What each of the smallest partitions that this one can be split into holds, or each segment where these are fewer.
    ranges: Vec<Held>,
    held: Held,
}

impl Tree {
    /// A tree without rows.
    pub fn new(shape: Shape) -> Result<Self, Fault> {
        shape.check()?;
        let mut starts = Vec::new();
        let mut total = 0;
        for level in 0..=shape.depth() {
            starts.push(total);
            total += 1 << shape.level_bits(level);
        }
        let ranges = vec![Held::default(); 1 << shape.range_bits()];
        Ok(Tree { shape, nodes: vec![0; total], starts, ranges, held: Held::default() })
    }

    /// What the tree covers.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What is in the tree.
    pub fn held(&self) -> Held {
        self.held
    }

    /// A row's object changed: what it was before and is now, `None` where there was or is no row. Fails, and changes nothing,
    /// if the row key lies in another partition or a row is taken out where there is none.
    pub fn update(&mut self, row_key: &[u8], old: Option<Entry>, new: Option<Entry>) -> Result<(), Fault> {
        let segment = self.segment(row_key)?;
        let range =
            &mut self.ranges[(segment >> (self.shape.segment_bits - self.shape.range_bits())) as usize];
        let held = |entry: Option<Entry>| {
            entry.map_or(Held::default(), |entry| Held { rows: 1, bytes: entry.bytes })
        };
        *range = range.replace(held(old), held(new)).ok_or(Fault::BadTree)?;
        self.held = self.held.replace(held(old), held(new)).ok_or(Fault::BadTree)?;
        let number = |entry: Option<Entry>| entry.map_or(0, |entry| row_number(row_key, &entry.digest));
        self.add(segment, number(new).wrapping_sub(number(old)));
        Ok(())
    }

    /// Adds to a segment and to every node above it.
    fn add(&mut self, segment: u32, change: u128) {
        for level in 0..=self.shape.depth() {
            let node = segment >> (self.shape.segment_bits - self.shape.level_bits(level));
            let node = &mut self.nodes[self.starts[level as usize] + node as usize];
            *node = node.wrapping_add(change);
        }
    }

    /// A row was committed, removed (`after` has no bytes) or is first seen (`before` has none). Envelopes do not count.
    pub fn commit(&mut self, row_key: &[u8], before: &[u8], after: &[u8]) -> Result<(), Fault> {
        let (before, after) = (Row::decode(before)?.object, Row::decode(after)?.object);
        if before == after {
            return Ok(());
        }
        let entry = |object: &[u8]| {
            (!object.is_empty()).then(|| Entry { digest: tree_digest(object), bytes: object.len() as u64 })
        };
        self.update(row_key, entry(before), entry(after))
    }

    /// The segment of a row key.
    pub fn segment(&self, row_key: &[u8]) -> Result<u32, Fault> {
        let placed = row_key.get(2..).ok_or(Fault::BadTree)?;
        self.shape.segment(placed_hash(placed)).ok_or(Fault::BadTree)
    }

    /// The nodes of a level, from `first` on.
    fn level(&self, level: u32, first: usize, count: usize) -> Result<&[u128], Fault> {
        let start = *self.starts.get(level as usize).ok_or(Fault::BadTree)?;
        let end = self.starts.get(level as usize + 1).copied().unwrap_or(self.nodes.len());
        let nodes = &self.nodes[start..end];
        let last = first.checked_add(count).ok_or(Fault::BadTree)?;
        nodes.get(first..last).ok_or(Fault::BadTree)
    }

    /// Writes `count` nodes of a level into `out`, 16 bytes each, big endian; the number of bytes.
    pub fn write_level(
        &self,
        level: u32,
        first: usize,
        count: usize,
        out: &mut [u8],
    ) -> Result<usize, Fault> {
        let nodes = self.level(level, first, count)?;
        let room = out.get_mut(..nodes.len() * NODE_BYTES).ok_or(Fault::OutTooSmall)?;
        for (place, node) in room.chunks_exact_mut(NODE_BYTES).zip(nodes) {
            place.copy_from_slice(&node.to_be_bytes());
        }
        Ok(room.len())
    }

    /// Compares nodes of a level with those that a peer wrote, and collects the numbers of those that differ.
    pub fn differing(
        &self,
        level: u32,
        first: usize,
        theirs: &[u8],
        out: &mut [u32],
    ) -> Result<usize, Fault> {
        let (theirs, rest) = theirs.as_chunks::<NODE_BYTES>();
        if !rest.is_empty() {
            return Err(Fault::BadTree);
        }
        let mine = self.level(level, first, theirs.len())?;
        let mut found = 0;
        for (at, _) in
            mine.iter().zip(theirs).enumerate().filter(|(_, (node, bytes))| node.to_be_bytes() != **bytes)
        {
            *out.get_mut(found).ok_or(Fault::OutTooSmall)? = (first + at) as u32;
            found += 1;
        }
        Ok(found)
    }

    /// The segments in which two trees of one shape differ, by descending where nodes do.
    pub fn differing_segments(&self, other: &Tree) -> Result<Vec<u32>, Fault> {
        if self.shape != other.shape {
            return Err(Fault::BadTree);
        }
        let mut suspects = vec![0];
        for level in 0..=self.shape.depth() {
            let differs = |node: &usize| {
                let at = self.starts[level as usize] + node;
                self.nodes[at] != other.nodes[at]
            };
            suspects.retain(differs);
            if level < self.shape.depth() {
                let fan = self.shape.level_bits(level + 1) - self.shape.level_bits(level);
                suspects = suspects.iter().flat_map(|node| node << fan..(node + 1) << fan).collect();
            }
        }
        Ok(suspects.into_iter().map(|segment| segment as u32).collect())
    }

    /// Takes all rows out.
    pub fn clear(&mut self) {
        self.nodes.fill(0);
        self.ranges.fill(Held::default());
        self.held = Held::default();
    }
}

/// Bytes of a sibling that the trees look at: its dot, times and operation, and the beginning of its value.
const SIBLING_HEAD_BYTES: usize = 64;

/// What an object is in the trees: its clock, and the length and head of each sibling. A dot has one value, so this tells objects apart
/// as well as all of their bytes would, and costs a put a tenth: a value is not read again from memory that has gone cold.
/// Bytes that are no object count as a whole.
pub fn tree_digest(object: &[u8]) -> Digest {
    let Ok(decoded) = Object::decode(object) else { return digest(object) };
    let mut bytes = SmallVec::<[u8; 256]>::from_slice(decoded.clock_bytes);
    for sibling in &decoded.siblings {
        bytes.extend_from_slice(&sibling.bytes.len().to_le_bytes());
        bytes.extend_from_slice(&sibling.bytes[..sibling.bytes.len().min(SIBLING_HEAD_BYTES)]);
    }
    let (flags, extensions) = decoded.carried();
    bytes.push(flags);
    bytes.extend_from_slice(extensions);
    digest(&bytes)
}

/// The number that a row adds to the nodes above it.
fn row_number(row_key: &[u8], digest: &[u8; DIGEST_BYTES]) -> u128 {
    xxh3_128_with_seed(digest, xxh3_64(row_key))
}
