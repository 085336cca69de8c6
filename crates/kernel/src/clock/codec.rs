//! Clocks as bytes: `[version][entries][entry …]`, an entry being `[actor 14][contiguous][spans beyond][span …]` and a
//! span `[first - end of the previous - 2][last - first]`. All numbers are varints. What would not be canonical (spans
//! that touch, overlap or go backwards) cannot be expressed at all, so one set has one encoding.

use super::{Actor, Clock, Entry, Span, Spans};
use crate::bytes::{MAX_NUMBER, Reader, Writer};
use crate::fault::Fault;

/// The version that a clock's bytes begin with.
pub const CLOCK_VERSION: u8 = 1;

/// The least bytes of an entry: actor, contiguous, number of spans.
const MIN_ENTRY_BYTES: usize = super::ACTOR_BYTES + 2;

impl<'a> Clock<'a> {
    /// Reads a context: canonical clock bytes and nothing after them, or no bytes at all for the empty clock.
    pub fn decode_context(bytes: &'a [u8]) -> Result<Self, Fault> {
        if bytes.is_empty() {
            return Ok(Clock::default());
        }
        let mut reader = Reader::new(bytes);
        let clock = Clock::read(&mut reader).ok_or(Fault::BadContext)?;
        if reader.rest().is_empty() { Ok(clock) } else { Err(Fault::BadContext) }
    }

    /// Reads a clock at the cursor; `None` where the bytes are not the one encoding of a set of dots.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        if reader.byte()? != CLOCK_VERSION {
            return None;
        }
        let count = usize::try_from(reader.varint()?).ok()?;
        if count > reader.rest().len() / MIN_ENTRY_BYTES {
            return None;
        }
        let mut clock = Clock::default();
        clock.entries.reserve(count);
        let mut previous: Option<&Actor> = None;
        for _ in 0..count {
            let actor = reader.array()?;
            if previous.is_some_and(|before| before >= actor) {
                return None;
            }
            previous = Some(actor);
            clock.entries.push(Entry { actor, spans: read_spans(reader)? });
        }
        Some(clock)
    }

    /// Writes the clock.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.byte(CLOCK_VERSION);
        writer.varint(self.entries.len() as u64);
        for entry in &self.entries {
            writer.put(entry.actor);
            write_spans(&entry.spans, writer);
        }
    }

    /// Writes the clock as a context into `out`; the number of bytes.
    pub fn encode_context(&self, out: &mut [u8]) -> Result<usize, Fault> {
        let mut writer = Writer::new(out);
        self.write(&mut writer);
        writer.finish()
    }
}

fn read_spans(reader: &mut Reader<'_>) -> Option<Spans> {
    let contiguous = reader.varint()?;
    let beyond = reader.varint()?;
    let mut spans = Spans::default();
    if contiguous > 0 {
        spans.append(Span { first: 1, last: contiguous });
    }
    // A span is at least two bytes: nothing is reserved, so a false count costs no memory.
    for _ in 0..beyond {
        let first = spans.highest() + 2 + reader.varint()?;
        let last = first + reader.varint()?;
        if last > MAX_NUMBER {
            return None;
        }
        spans.append(Span { first, last });
    }
    (!spans.is_empty()).then_some(spans)
}

fn write_spans(spans: &Spans, writer: &mut Writer<'_>) {
    writer.varint(spans.contiguous());
    let beyond = spans.beyond();
    writer.varint(beyond.len() as u64);
    let mut end = spans.contiguous();
    for span in beyond {
        writer.varint(span.first - end - 2);
        writer.varint(span.last - span.first);
        end = span.last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ACTOR_BYTES, Dot};

    const A: Actor = [1; ACTOR_BYTES];
    const B: Actor = [2; ACTOR_BYTES];

    fn bytes_of(clock: &Clock<'_>) -> Vec<u8> {
        let mut out = vec![0; 200];
        let length = clock.encode_context(&mut out).expect("room enough");
        out.truncate(length);
        out
    }

    #[test]
    fn a_clock_round_trips() {
        let mut clock = Clock::default();
        for counter in [1, 2, 3, 5, 9, 10, 300] {
            clock.insert(Dot { actor: &A, counter });
        }
        clock.insert(Dot { actor: &B, counter: MAX_NUMBER });
        let bytes = bytes_of(&clock);
        assert_eq!(Clock::decode_context(&bytes).map(|read| bytes_of(&read)), Ok(bytes.clone()));
        let expected = [&[1, 2][..], &A, &[3, 3, 0, 0, 2, 1, 0xa0, 0x02, 0], &B, &[0, 1]].concat();
        assert_eq!(bytes[..expected.len()], expected);
    }

    #[test]
    fn the_empty_clock_has_a_form_and_an_alias() {
        assert_eq!(bytes_of(&Clock::default()), [1, 0]);
        assert_eq!(Clock::decode_context(&[1, 0]), Ok(Clock::default()));
        assert_eq!(Clock::decode_context(&[]), Ok(Clock::default()));
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let one = |tail: &[u8]| [&[1, 1][..], &A, tail].concat();
        let cases = [
            vec![2, 0],
            vec![1],
            vec![1, 0, 0],
            vec![1, 0x80, 0],
            vec![1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
            one(&[0, 0]),
            one(&[1]),
            one(&[0, 1, 0]),
            one(&[1, 0, 0]),
            [&[1, 2][..], &B, &[1, 0], &A, &[1, 0]].concat(),
            [&[1, 2][..], &A, &[1, 0], &A, &[1, 0]].concat(),
            one(&[&[0xff; 7][..], &[0x0f, 1, 0, 0]].concat()),
        ];
        for bytes in cases {
            assert_eq!(Clock::decode_context(&bytes), Err(Fault::BadContext), "{bytes:?}");
        }
    }
}
