//! Trees kept up to date row by row against trees built at once, and what comparing them finds against a plain map.

mod common;

use common::Chance;
use rotunda_kernel::Fault;
use rotunda_kernel::digest::digest;
use rotunda_kernel::key::{key_hash, seal_row_key};
use rotunda_kernel::merkle::{Entry, Held, NODE_BYTES, Shape, Tree, packed_bound, tree_digest};
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

fn entry(version: u64) -> Entry {
    Entry { digest: digest(&version.to_be_bytes()), bytes: version % 1_000 }
}

fn held(rows: &Rows) -> Held {
    Held { rows: rows.len() as u64, bytes: rows.values().map(|version| version % 1_000).sum() }
}

fn built(shape: Shape, rows: &Rows) -> Tree {
    let mut tree = Tree::new(shape).expect("sound");
    rows.iter().for_each(|(key, version)| tree.update(key, None, Some(entry(*version))).expect("in here"));
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
            tree.update(key, old.map(entry), new.map(entry)).expect("in here");
        }
        assert_eq!(tree, built(shape, &rows));
        assert_eq!(tree.held(), held(&rows));
        rows.iter()
            .for_each(|(key, version)| tree.update(key, Some(entry(*version)), None).expect("in here"));
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

/// Whatever was in a tree when it was split: its children are the trees that their own rows make, and take what comes later.
#[test]
fn a_tree_that_is_split_is_the_trees_of_its_parts() {
    let mut chance = Chance(4);
    let keys: Vec<Vec<u8>> = (0..300).map(row_key).collect();
    for _ in 0..300 {
        let shape = shape_by(&mut chance);
        let inside = |shape: &Shape, key: &&Vec<u8>| shape.segment(hash(key)).is_some();
        let rows: Rows =
            keys.iter().filter(|key| inside(&shape, key)).map(|key| (key.clone(), chance.bits())).collect();
        let bits = chance.below(shape.segment_bits as usize + 1) as u32;
        let children = built(shape, &rows).split(bits).expect("enough bits");
        assert_eq!(children.len(), 1 << bits);
        for (number, mut child) in (0..).zip(children) {
            let expected = Shape {
                partition: (shape.partition << bits) | number,
                partition_bits: shape.partition_bits + bits,
                segment_bits: shape.segment_bits - bits,
                fan_bits: shape.fan_bits,
            };
            let part = rows.iter().filter(|(key, _)| inside(&expected, key));
            let part: Rows = part.map(|(key, version)| (key.clone(), *version)).collect();
            assert_eq!(child, built(expected, &part));
            assert_eq!(child.held(), held(&part));
            part.iter()
                .for_each(|(key, version)| child.update(key, Some(entry(*version)), None).expect("there"));
            assert_eq!(child, Tree::new(expected).expect("sound"));
        }
    }
}

#[test]
fn a_tree_is_not_split_further_than_it_is_divided() {
    let tree = |partition_bits, segment_bits| {
        Tree::new(Shape { partition: 0, partition_bits, segment_bits, fan_bits: 3 }).expect("sound")
    };
    assert_eq!(tree(4, 2).split(3).err(), Some(Fault::BadTree));
    assert_eq!(tree(15, 8).split(2).err(), Some(Fault::BadTree));
    assert_eq!(tree(4, 2).split(u32::MAX).err(), Some(Fault::BadTree));
    assert_eq!(tree(15, 8).split(1).expect("as far as there are partitions").len(), 2);
}

#[test]
fn what_does_not_belong_is_refused_and_changes_nothing() {
    let shape = Shape { partition: 3, partition_bits: 4, segment_bits: 4, fan_bits: 4 };
    let mut tree = Tree::new(shape).expect("sound");
    let other = (0..).map(row_key).find(|key| hash(key) >> 60 != 3).expect("nearly every key");
    let own = (0..).map(row_key).find(|key| hash(key) >> 60 == 3).expect("one in sixteen");
    assert_eq!(tree.update(&other, None, Some(entry(1))), Err(Fault::BadTree));
    assert_eq!(tree.update(&own, Some(entry(1)), None), Err(Fault::BadTree));
    assert_eq!(tree.update(&[1], None, Some(entry(1))), Err(Fault::BadTree));
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
    let entry = |object: &[u8]| Some(Entry { digest: digest(object), bytes: object.len() as u64 });
    expected.update(&row_key(1), None, entry(b"three")).expect("in here");
    expected.update(&row_key(2), None, entry(b"two")).expect("in here");
    assert_eq!(tree, expected);
    tree.commit(&row_key(2), &row(b"two", 9), &[]).expect("in here");
    assert_eq!(tree.held(), Held { rows: 1, bytes: 5 });
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
            let mut out = vec![0; packed_bound(page)];
            let length = tree.pack(first, page.min(leaves - first), &mut out).expect("a page");
            again.unpack(first, &out[..length]).expect("a page");
        }
        assert_eq!(again, tree);
        let before = again.clone();
        let one = |number: u16| [&number.to_le_bytes()[..], &[7; 16]].concat();
        let packed = |ranges: u8, entries: &[Vec<u8>]| [&[ranges, 0, 0, 0][..], &entries.concat()].concat();
        let last = one((leaves - 1) as u16);
        for (first, bytes) in [
            (1, packed(0, std::slice::from_ref(&last))),
            (0, packed(0, &[one(0), one(0)])),
            (0, packed(0, &[last[..17].to_vec()])),
            (0, packed(2, &[one(0), one(0)])),
            (0, packed(1, &[one(leaves as u16)])),
            (0, packed(1, &[[&[0; 2][..], &[255; 16]].concat(), one(0)[..9].to_vec()])),
            (0, packed(2, &[one(0)])),
            (0, vec![0; 3]),
        ] {
            assert_eq!(again.unpack(first, &bytes), Err(Fault::BadTree), "{bytes:?}");
        }
        assert_eq!(again, before);
        if !rows.is_empty() {
            assert_eq!(tree.pack(0, leaves, &mut [0; 17]), Err(Fault::OutTooSmall));
        }
    }
}
