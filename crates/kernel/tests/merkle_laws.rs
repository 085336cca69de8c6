//! Trees kept up to date row by row against trees built at once, and what comparing them finds against a plain map.

mod common;

use common::Chance;
use rotunda_kernel::Fault;
use rotunda_kernel::digest::digest;
use rotunda_kernel::key::{key_hash, seal_row_key};
use rotunda_kernel::merkle::{NODE_BYTES, PACKED_LEAF_BYTES, Shape, Tree, tree_digest};
use rotunda_kernel::object::Object;
use std::collections::{BTreeMap, BTreeSet};

type Rows = BTreeMap<Vec<u8>, u64>;

fn row_key(number: usize) -> Vec<u8> {
    let mut row_key = format!("\0\0\x01bkey {number}").into_bytes();
    seal_row_key(&mut row_key).expect("a whole row key");
    row_key
}

fn hash(row_key: &[u8]) -> u64 {
    key_hash(&row_key[3..4], &row_key[4..]).expect("a short bucket")
}

fn object_digest(version: u64) -> [u8; 16] {
    digest(&version.to_be_bytes())
}

fn built(shape: Shape, rows: &Rows) -> Tree {
    let mut tree = Tree::new(shape).expect("sound");
    rows.iter()
        .for_each(|(key, version)| tree.update(key, None, Some(&object_digest(*version))).expect("in here"));
    tree
}

/// The segments that a peer finds by asking for levels, from the root down.
fn by_exchange(mine: &Tree, theirs: &Tree) -> BTreeSet<u32> {
    let shape = mine.shape();
    let mut suspects = vec![0];
    for level in 0..=shape.depth() {
        let mut differing = Vec::new();
        let fan = match level {
            0 => 0,
            _ => shape.level_bits(level) - shape.level_bits(level - 1),
        };
        for &above in &suspects {
            let (first, count) = ((above as usize) << fan, 1 << fan);
            let mut bytes = vec![0; count * NODE_BYTES];
            let length = theirs.write_level(level, first, count, &mut bytes).expect("a level");
            let mut numbers = vec![0; count];
            let found = mine.differing(level, first, &bytes[..length], &mut numbers).expect("a level");
            differing.extend_from_slice(&numbers[..found]);
        }
        suspects = differing;
    }
    suspects.into_iter().collect()
}

fn shape_by(chance: &mut Chance) -> Shape {
    let partition_bits = chance.below(4) as u32;
    Shape {
        partition: chance.below(1 << partition_bits) as u32,
        partition_bits,
        segment_bits: chance.below(11) as u32,
        fan_bits: 1 + chance.below(5) as u32,
    }
}

#[test]
fn updates_in_any_order_make_the_tree_of_the_rows() {
    let mut chance = Chance(1);
    let keys: Vec<Vec<u8>> = (0..400).map(row_key).collect();
    for _ in 0..300 {
        let shape = shape_by(&mut chance);
        let inside: Vec<&Vec<u8>> = keys.iter().filter(|key| shape.segment(hash(key)).is_some()).collect();
        let mut rows = Rows::new();
        let mut tree = Tree::new(shape).expect("sound");
        for _ in 0..200 {
            let key = inside[chance.below(inside.len())];
            let new = if chance.once_in(4) { None } else { Some(chance.bits()) };
            let old = match new {
                Some(version) => rows.insert(key.clone(), version),
                None => rows.remove(key),
            };
            let (old, new) = (old.map(object_digest), new.map(object_digest));
            tree.update(key, old.as_ref(), new.as_ref()).expect("in here");
        }
        assert_eq!(tree, built(shape, &rows));
        assert_eq!(tree.rows(), rows.len() as u64);
        rows.iter().for_each(|(key, version)| {
            tree.update(key, Some(&object_digest(*version)), None).expect("in here")
        });
        assert_eq!(tree, Tree::new(shape).expect("sound"), "without rows nothing is left");
    }
}

#[test]
fn the_differing_segments_are_those_of_the_differing_rows() {
    let mut chance = Chance(2);
    let keys: Vec<Vec<u8>> = (0..300).map(row_key).collect();
    for _ in 0..300 {
        let shape = shape_by(&mut chance);
        let inside = |key: &&Vec<u8>| shape.segment(hash(key)).is_some();
        let mine: Rows = keys.iter().filter(inside).map(|key| (key.clone(), 1)).collect();
        let mut theirs = mine.clone();
        for _ in 0..chance.below(6) {
            let keys: Vec<Vec<u8>> = mine.keys().cloned().collect();
            let key = keys[chance.below(keys.len())].clone();
            if chance.once_in(2) {
                theirs.remove(&key).is_some()
            } else {
                theirs.insert(key, 2).is_some()
            };
        }
        let differs = |key: &&Vec<u8>| mine.get(*key) != theirs.get(*key);
        let segment = |key: &Vec<u8>| shape.segment(hash(key)).expect("in here");
        let expected: BTreeSet<u32> = mine.keys().filter(differs).map(segment).collect();
        let (mine, theirs) = (built(shape, &mine), built(shape, &theirs));
        let found: BTreeSet<u32> = mine.differing_segments(&theirs).expect("one shape").into_iter().collect();
        assert_eq!(found, expected);
        assert_eq!(by_exchange(&mine, &theirs), expected);
        assert_eq!(by_exchange(&theirs, &mine), expected);
    }
}

/// After a split the same leaves make two trees: what a child's segment holds, the parent's held too.
#[test]
fn a_split_partition_has_the_halves_of_the_tree() {
    let keys: Vec<Vec<u8>> = (0..300).map(row_key).collect();
    let parent = Shape { partition: 0, partition_bits: 0, segment_bits: 6, fan_bits: 3 };
    let rows: Rows = keys.iter().map(|key| (key.clone(), 7)).collect();
    let mut whole = vec![0; 64 * NODE_BYTES];
    built(parent, &rows).write_level(2, 0, 64, &mut whole).expect("the leaves");
    for half in 0..2 {
        let child = Shape { partition: half, partition_bits: 1, segment_bits: 5, fan_bits: 5 };
        let inside = rows.iter().filter(|(key, _)| child.segment(hash(key)).is_some());
        let rows: Rows = inside.map(|(key, version)| (key.clone(), *version)).collect();
        let mut leaves = vec![0; 32 * NODE_BYTES];
        built(child, &rows).write_level(1, 0, 32, &mut leaves).expect("the leaves");
        assert_eq!(leaves, whole[half as usize * leaves.len()..][..leaves.len()]);
    }
}

#[test]
fn what_does_not_belong_is_refused_and_changes_nothing() {
    let shape = Shape { partition: 3, partition_bits: 4, segment_bits: 4, fan_bits: 4 };
    let mut tree = Tree::new(shape).expect("sound");
    let other = (0..).map(row_key).find(|key| hash(key) >> 60 != 3).expect("nearly every key");
    let own = (0..).map(row_key).find(|key| hash(key) >> 60 == 3).expect("one in sixteen");
    assert_eq!(tree.update(&other, None, Some(&[1; 16])), Err(Fault::BadTree));
    assert_eq!(tree.update(&own, Some(&[1; 16]), None), Err(Fault::BadTree));
    assert_eq!(tree.update(&[1], None, Some(&[1; 16])), Err(Fault::BadTree));
    assert_eq!(tree, Tree::new(shape).expect("sound"));
    assert_eq!(tree.write_level(2, 0, 1, &mut [0; 16]), Err(Fault::BadTree));
    assert_eq!(tree.write_level(1, 16, 1, &mut [0; 16]), Err(Fault::BadTree));
    assert_eq!(tree.write_level(1, usize::MAX, 2, &mut [0; 16]), Err(Fault::BadTree));
    assert_eq!(tree.write_level(1, 0, 2, &mut [0; 31]), Err(Fault::OutTooSmall));
    assert_eq!(tree.differing(0, 0, &[0; 15], &mut [0; 1]), Err(Fault::BadTree));
    for (partition, partition_bits, segment_bits, fan_bits) in
        [(16, 4, 4, 4), (0, 17, 4, 4), (0, 16, 17, 4), (0, 4, 21, 4), (0, 4, 4, 0), (0, 4, 4, 9)]
    {
        assert!(Tree::new(Shape { partition, partition_bits, segment_bits, fan_bits }).is_err());
    }
}

/// A row in an envelope without actor; the object is any bytes.
fn row(object: &[u8], commit: u8) -> Vec<u8> {
    let mut row = vec![1, 0, 0, 0, 0, 0, 0, 0, commit, 0, 0, 0, 0, 0, 0, 0];
    row.extend_from_slice(object);
    row
}

/// An object of one actor and one sibling with this dot and value, its operation empty.
fn object(counter: u8, value: &[u8]) -> Vec<u8> {
    let sibling = [&[0][..], &[7; 14], &[counter], &[0; 6], &[0], &[0], value].concat();
    let clock = [&[1, 1][..], &[7; 14], &[counter, 0]].concat();
    let length = u8::try_from(sibling.len()).expect("short");
    [&[1, 0][..], &clock, &[1, length], &sibling].concat()
}

#[test]
fn a_tree_looks_at_versions_and_not_at_all_of_their_values() {
    let one = object(1, &[5; 90]);
    Object::decode(&one).expect("an object");
    let mut tail = one.clone();
    *tail.last_mut().expect("bytes") ^= 1;
    assert_eq!(tree_digest(&one), tree_digest(&tail), "one dot is one value");
    assert_ne!(tree_digest(&one), tree_digest(&object(2, &[5; 90])), "another dot");
    assert_ne!(tree_digest(&one), tree_digest(&object(1, &[5; 89])), "another length");
    assert_ne!(tree_digest(&one), tree_digest(&object(1, &[6; 90])), "another head");
    assert_eq!(tree_digest(b"no object"), digest(b"no object"));
}

#[test]
fn commits_are_updates_by_the_digests_of_the_objects() {
    let shape = Shape { partition: 0, partition_bits: 0, segment_bits: 6, fan_bits: 3 };
    let mut tree = Tree::new(shape).expect("sound");
    tree.commit(&row_key(1), &[], &row(b"one", 1)).expect("in here");
    tree.commit(&row_key(2), &[], &row(b"two", 1)).expect("in here");
    tree.commit(&row_key(1), &row(b"one", 1), &row(b"three", 2)).expect("in here");
    tree.commit(&row_key(2), &row(b"two", 1), &row(b"two", 9)).expect("only the envelope");
    let mut expected = Tree::new(shape).expect("sound");
    expected.update(&row_key(1), None, Some(&digest(b"three"))).expect("in here");
    expected.update(&row_key(2), None, Some(&digest(b"two"))).expect("in here");
    assert_eq!(tree, expected);
    tree.commit(&row_key(2), &row(b"two", 9), &[]).expect("in here");
    assert_eq!(tree.rows(), 1);
    assert!(tree.commit(&row_key(3), &[], &[9; 40]).is_err(), "no row");
}

#[test]
fn packed_leaves_make_the_tree_again_and_other_bytes_change_nothing() {
    let mut chance = Chance(3);
    let keys: Vec<Vec<u8>> = (0..300).map(row_key).collect();
    for _ in 0..200 {
        let shape = shape_by(&mut chance);
        let inside = keys.iter().filter(|key| shape.segment(hash(key)).is_some() && chance.once_in(2));
        let rows: Rows = inside.map(|key| (key.clone(), 5)).collect();
        let tree = built(shape, &rows);
        let leaves = 1_usize << shape.segment_bits;
        let page = 1 + chance.below(leaves);
        let mut again = Tree::new(shape).expect("sound");
        for first in (0..leaves).step_by(page) {
            let mut out = vec![0; page * PACKED_LEAF_BYTES];
            let length = tree.pack(first, page.min(leaves - first), &mut out).expect("a page");
            let count = if first == 0 { tree.rows() } else { 0 };
            again.unpack(first, &out[..length], count).expect("a page");
        }
        assert_eq!(again, tree);
        let before = again.clone();
        let one = |number: u16| [&number.to_le_bytes()[..], &[7; 16]].concat();
        let beyond = one((leaves - 1) as u16);
        assert_eq!(again.unpack(1, &beyond, 1), Err(Fault::BadTree));
        assert_eq!(again.unpack(0, &[one(0), one(0)].concat(), 1), Err(Fault::BadTree));
        assert_eq!(again.unpack(0, &beyond[..17], 1), Err(Fault::BadTree));
        assert_eq!(again, before);
        if !rows.is_empty() {
            assert_eq!(tree.pack(0, leaves, &mut [0; 17]), Err(Fault::OutTooSmall));
        }
    }
}
