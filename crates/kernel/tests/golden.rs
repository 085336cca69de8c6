//! The golden files in test/vectors: written once, read here and by the TypeScript tests, never changed. A format that has to change
//! gets a new version and files of its own beside these.

use rotunda_kernel::Fault;
use rotunda_kernel::clock::{Actor, Clock, Dot};
use rotunda_kernel::digest::{crc32c, digest, mac};
use rotunda_kernel::key::{key_hash, partition_of, seal_row_key};
use rotunda_kernel::object::{Object, compare, context, merge, skeleton};
use rotunda_kernel::placement::changes::{self, Act, Change, Id, Mark};
use rotunda_kernel::placement::replay;
use rotunda_kernel::row::{
    Limits, MERGE_EXTRA_BYTES, Row, WRITE_EXTRA_BYTES, Write, apply_write, check_row, merge_row,
};
use serde_json::Value;

fn golden(name: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../test/vectors/").to_owned() + name;
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let list = value[key].as_array().expect("a list");
    assert!(!list.is_empty());
    list
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().expect("hexadecimal");
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}

fn actor(value: &Value) -> Actor {
    bytes(value).try_into().expect("14 bytes")
}

fn name(case: &Value) -> &str {
    case["name"].as_str().or(case["why"].as_str()).expect("a name")
}

#[test]
fn keys() {
    for case in list(&golden("keys.json"), "cases") {
        let (bucket, key) = (bytes(&case["bucket"]), bytes(&case["key"]));
        let hash = key_hash(&bucket, &key).expect("a short bucket");
        assert_eq!(hash.to_be_bytes().to_vec(), bytes(&case["hash"]));
        let mut row_key = [&[0, 0, bucket.len() as u8][..], &bucket, &key].concat();
        assert_eq!(seal_row_key(&mut row_key), Some((hash >> 32) as u32));
        assert_eq!(row_key, bytes(&case["rowKey"]));
        assert_eq!(partition_of(&row_key, 8).map(u64::from), case["partitionOf256"].as_u64());
        assert_eq!(partition_of(&row_key, 16).map(u64::from), case["partitionOf65536"].as_u64());
    }
}

#[test]
fn clocks() {
    let golden = golden("clocks.json");
    for case in list(&golden, "valid") {
        let expected = bytes(&case["bytes"]);
        let clock =
            Clock::decode_context(&expected).unwrap_or_else(|fault| panic!("{}: {fault}", name(case)));
        let entries = case["entries"].as_array().expect("a list");
        assert_eq!(clock.entries().len(), entries.len());
        for (entry, described) in clock.entries().iter().zip(entries) {
            assert_eq!(*entry.actor, actor(&described["actor"]));
            let spans: Vec<(u64, u64)> =
                entry.spans.as_slice().iter().map(|span| (span.first, span.last)).collect();
            let expected: Vec<(u64, u64)> =
                list(described, "spans").iter().map(|span| (number(&span[0]), number(&span[1]))).collect();
            assert_eq!(spans, expected, "{}", name(case));
        }
        let mut out = vec![0; expected.len()];
        assert_eq!(clock.encode_context(&mut out), Ok(expected.len()));
        assert_eq!(out, expected, "{}", name(case));
    }
    for case in list(&golden, "invalid") {
        assert_eq!(Clock::decode_context(&bytes(&case["bytes"])), Err(Fault::BadContext), "{}", name(case));
    }
}

#[test]
fn objects() {
    let golden = golden("objects.json");
    for case in list(&golden, "valid") {
        let encoded = bytes(&case["bytes"]);
        let object = Object::decode(&encoded).unwrap_or_else(|fault| panic!("{}: {fault}", name(case)));
        assert_eq!(object.clock_bytes, bytes(&case["clock"]));
        let described = case["siblings"].as_array().expect("a list");
        assert_eq!(object.siblings.len(), described.len());
        for (sibling, described) in object.siblings.iter().zip(described) {
            assert_eq!(*sibling.dot.actor, actor(&described["actor"]));
            assert_eq!(sibling.dot.counter, number(&described["counter"]));
            assert_eq!(Some(sibling.tombstone), described["tombstone"].as_bool());
            assert_eq!(sibling.wall_ms, number(&described["wallMs"]));
            assert_eq!(sibling.operation, bytes(&described["operation"]));
            assert_eq!(Some(sibling.operation_is_clients), described["operationIsClients"].as_bool());
            assert_eq!(sibling.expiry_ms, described["expiryMs"].as_u64());
            assert_eq!(sibling.attributes, bytes(&described["attributes"]));
            assert_eq!(sibling.value, bytes(&described["value"]), "{}", name(case));
        }
    }
    for case in list(&golden, "invalid") {
        assert_eq!(Object::decode(&bytes(&case["bytes"])).err(), Some(Fault::BadObject), "{}", name(case));
    }
}

#[test]
fn skeletons() {
    for case in list(&golden("skeletons.json"), "cases") {
        let (object, expected) = (bytes(&case["object"]), bytes(&case["skeleton"]));
        let mut out = vec![0; object.len()];
        let length = skeleton(&object, &mut out).expect("an object has room for its skeleton");
        assert_eq!(out[..length], expected, "{}", name(case));
        assert_eq!(
            compare::compare_skeleton(&object, &expected),
            Ok(compare::Relation::Equal),
            "{}",
            name(case)
        );
    }
}

#[test]
fn merges() {
    for case in list(&golden("merges.json"), "cases") {
        let (a, b, merged) = (bytes(&case["a"]), bytes(&case["b"]), bytes(&case["merged"]));
        let mut out = vec![0; a.len() + b.len()];
        for (one, other) in [(&a, &b), (&b, &a)] {
            let length = merge::merge(one, other, &mut out).expect("two objects");
            assert_eq!(out[..length], merged, "{}", name(case));
        }
        let relation = ["equal", "first", "second", "concurrent"]
            [compare::compare(&a, &b).expect("two objects") as usize];
        assert_eq!(Some(relation), case["relation"].as_str(), "{}", name(case));
        let mut row = vec![0; a.len() + MERGE_EXTRA_BYTES];
        let length = merge_row(&[], &a, false, &mut row).expect("an object");
        let mut out = vec![0; length + b.len() + MERGE_EXTRA_BYTES];
        let merged_length = merge_row(&row[..length], &b, false, &mut out).expect("an object");
        assert_eq!(merged_length == 0, merged == a, "{}", name(case));
        if merged_length > 0 {
            assert_eq!(Row::decode(&out[..merged_length]).expect("a row").object, merged, "{}", name(case));
        }
    }
}

#[test]
fn rows() {
    let golden = golden("rows.json");
    for case in list(&golden, "valid") {
        let encoded = bytes(&case["bytes"]);
        assert_eq!(check_row(&bytes(&case["rowKey"]), &encoded), Ok(()), "{}", name(case));
        let row = Row::decode(&encoded).expect("a row");
        assert_eq!(row.object, bytes(&case["object"]));
        assert_eq!(
            row.actor.map(|actor| actor.to_vec()),
            case["actor"].as_str().map(|_| bytes(&case["actor"]))
        );
    }
    for case in list(&golden, "invalid") {
        let checked = check_row(&bytes(&case["rowKey"]), &bytes(&case["bytes"]));
        assert_eq!(checked, Err(Fault::BadRow), "{}", name(case));
    }
}

#[test]
fn writes() {
    for case in list(&golden("writes.json"), "cases") {
        let described = &case["write"];
        let (operation, attributes) = (bytes(&described["operation"]), bytes(&described["attributes"]));
        let value = bytes(&described["value"]);
        let flag = |key: &str| described[key].as_bool().expect("a flag");
        let write = Write {
            tombstone: flag("tombstone"),
            incomplete: flag("incomplete"),
            operation_is_clients: flag("operationIsClients"),
            wall_ms: number(&described["wallMs"]),
            expiry_ms: Some(number(&described["expiryMs"])).filter(|&at| at > 0),
            operation: &operation,
            attributes: &attributes,
            value: &value,
        };
        let limits = Limits {
            max_siblings: number(&case["limits"]["maxSiblings"]),
            max_bytes: number(&case["limits"]["maxBytes"]),
        };
        let (row, context) = (bytes(&case["row"]), bytes(&case["context"]));
        let parts = row.len() + context.len() + operation.len() + attributes.len() + value.len();
        let mut out = vec![0; parts + WRITE_EXTRA_BYTES];
        match apply_write(&row, &actor(&case["freshActor"]), &context, &write, &limits, &mut out) {
            Ok(length) => assert_eq!(out[..length], bytes(&case["result"]), "{}", name(case)),
            Err(fault) => assert_eq!(Some(i64::from(fault.code())), case["code"].as_i64(), "{}", name(case)),
        }
    }
}

#[test]
fn contexts() {
    for case in list(&golden("contexts.json"), "cases") {
        let object = bytes(&case["object"]);
        let actor = actor(&case["actor"]);
        let mut out = vec![0; object.len()];
        let dot = Dot { actor: &actor, counter: number(&case["counter"]) };
        let length = context::written_context(&object, dot, &mut out).expect("an object");
        assert_eq!(out[..length], bytes(&case["context"]), "{}", name(case));
    }
}

#[test]
fn digests() {
    let golden = golden("digests.json");
    let key: [u8; 32] = bytes(&golden["macKey"]).try_into().expect("32 bytes");
    for case in list(&golden, "cases") {
        let input = bytes(&case["bytes"]);
        assert_eq!(u64::from(crc32c(&input, 0)), number(&case["crc32c"]));
        assert_eq!(mac(&key, &input).to_vec(), bytes(&case["mac"]));
        assert_eq!(digest(&input).to_vec(), bytes(&case["objectDigest"]));
    }
    for case in list(&golden, "objects") {
        let digest = compare::version_digest(&bytes(&case["object"])).expect("an object");
        assert_eq!(digest.to_vec(), bytes(&case["versionDigest"]));
    }
}

#[test]
fn placements() {
    for case in list(&golden("placements-2.json"), "cases") {
        let packed = bytes(&case["packed"]);
        let changes: Vec<Change> = list(case, "changes").iter().map(change).collect();
        assert_eq!(changes::decode(&packed), Ok(changes.clone()), "{}", name(case));
        assert_eq!(changes::encode(&changes), packed, "{}", name(case));
        if !case["packedBefore"].is_null() {
            assert_eq!(changes::decode(&bytes(&case["packedBefore"])), Ok(changes.clone()), "version 1");
        }
        let (partitions, copies) = (number(&case["partitions"]) as usize, number(&case["copies"]) as usize);
        let placement = replay(partitions, copies, &changes).expect("valid");
        let ids =
            |key: &str| -> Vec<Vec<u8>> { case[key].as_array().expect("a list").iter().map(bytes).collect() };
        let mark = |(stamp, author): &Mark| format!("{stamp} {}", hex(author));
        let marks = |marks: &[Mark]| marks.iter().map(mark).collect::<Vec<_>>().join(", ");
        assert_eq!(placement.members.iter().map(|one| one.id.to_vec()).collect::<Vec<_>>(), ids("members"));
        assert_eq!(placement.gone.iter().map(|id| id.to_vec()).collect::<Vec<_>>(), ids("gone"));
        assert_eq!(Some(&marks(&placement.heads)[..]), case["heads"].as_str(), "{}", name(case));
        assert_eq!(Some(&marks(&placement.voided)[..]), case["voided"].as_str(), "{}", name(case));
        let asked = (placement.partitions as u64, placement.copies_asked as u64);
        assert_eq!(asked, (number(&case["q"]), number(&case["n"])), "{}", name(case));
        let table: Vec<String> = placement.table.iter().map(u16::to_string).collect();
        assert_eq!(Some(&table.join(" ")[..]), case["table"].as_str(), "{}", name(case));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn id(value: &Value) -> Id {
    bytes(value).try_into().expect("16 bytes")
}

fn change(described: &Value) -> Change {
    let member = || id(&described["member"]);
    let weight = || described["weight"].as_f64().expect("a weight");
    let zone = || described["zone"].as_str().expect("a zone").as_bytes().to_vec();
    let seen = || number(&described["seen"]);
    let count = |key: &str| number(&described[key]) as usize;
    let act = match described["kind"].as_str() {
        Some("join") => Act::Join { member: member(), weight: weight(), zone: zone() },
        Some("leave") => Act::Leave { member: member() },
        Some("remove") => Act::Remove { member: member(), seen: seen() },
        Some("weight") => Act::Weight { member: member(), weight: weight() },
        Some("zone") => Act::Zone { member: member(), zone: zone() },
        Some("replace") => Act::Replace {
            member: member(),
            weight: weight(),
            zone: zone(),
            replaced: id(&described["replaced"]),
            seen: seen(),
        },
        Some("split") => Act::Split { partitions: count("partitions") },
        Some("copies") => Act::Copies { copies: count("copies") },
        other => panic!("no kind of change: {other:?}"),
    };
    let mark = |mark: &Value| (number(&mark["stamp"]), id(&mark["author"]));
    let after = described["after"].as_array().map(|after| after.iter().map(mark).collect());
    Change { stamp: number(&described["stamp"]), author: id(&described["author"]), after, act }
}
