//! Extensions: `[type][length][bytes]` one after another, types rising. What a version does not know it carries along.
//!
//! Two replicas may hold different extensions of one object. Their join takes every type, and of two values of one type
//! the greater in byte order: commutative, associative, idempotent, whatever the bytes mean.

use crate::bytes::{Reader, Writer};
use std::cmp::Ordering;

struct Extension<'a> {
    kind: u64,
    bytes: &'a [u8],
}

struct Extensions<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        Some(Extension { kind: self.reader.varint()?, bytes: self.reader.sized()? })
    }
}

fn iterate(bytes: &[u8]) -> Extensions<'_> {
    Extensions { reader: Reader::new(bytes) }
}

/// Whether the bytes are at least one extension, whole, with rising types.
pub fn is_canonical(bytes: &[u8]) -> bool {
    let mut extensions = iterate(bytes);
    let mut previous = None;
    while !extensions.reader.rest().is_empty() {
        let Some(extension) = extensions.next() else { return false };
        if previous.is_some_and(|kind| kind >= extension.kind) {
            return false;
        }
        previous = Some(extension.kind);
    }
    previous.is_some()
}

/// Joins two canonical sequences (or empty ones) into a new one, no longer than both together.
pub fn join(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = vec![0; a.len() + b.len()];
    let mut writer = Writer::new(&mut out);
    let (mut left, mut right) = (iterate(a).peekable(), iterate(b).peekable());
    while let Some(next) = match (left.peek(), right.peek()) {
        (Some(l), Some(r)) => match l.kind.cmp(&r.kind) {
            Ordering::Less => left.next(),
            Ordering::Greater => right.next(),
            Ordering::Equal => {
                let (l, r) = (left.next(), right.next());
                if l.as_ref().map(|x| x.bytes) < r.as_ref().map(|x| x.bytes) { r } else { l }
            }
        },
        (Some(_), None) => left.next(),
        (None, _) => right.next(),
    } {
        writer.varint(next.kind);
        writer.sized(next.bytes);
    }
    let length = writer.finish().unwrap_or(0);
    out.truncate(length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_join_takes_every_type_and_the_greater_value() {
        let (a, b) = (&[1, 1, 9, 3, 1, 5][..], &[1, 1, 10, 2, 0][..]);
        let joined = [1, 1, 10, 2, 0, 3, 1, 5];
        assert_eq!(join(a, b), joined);
        assert_eq!(join(b, a), joined);
        assert_eq!(join(a, a), a);
        assert_eq!(join(a, &[]), a);
    }

    #[test]
    fn only_rising_whole_extensions_are_canonical() {
        assert!(is_canonical(&[1, 0, 2, 0]));
        for bytes in [&[][..], &[1], &[1, 1], &[2, 0, 1, 0], &[1, 0, 1, 0], &[0x81, 0, 0]] {
            assert!(!is_canonical(bytes), "{bytes:?}");
        }
    }
}
