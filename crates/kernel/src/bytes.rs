//! Reading and writing bytes within bounds.
//!
//! Numbers of variable length ("varints") are LEB128: seven bits a byte, the lowest first, the top bit set on all but
//! the last. Only the shortest form is read, and nothing above 2^53 - 1, so that every number is also a JavaScript number.

/// The largest number of any format: 2^53 - 1.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The most bytes that a varint takes: 53 bits, seven a byte.
pub const MAX_VARINT_BYTES: usize = 8;

/// A cursor over bytes; every method returns `None`, and reads nothing past the end, where the bytes do not suffice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Takes the next `length` bytes.
    #[inline]
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.bytes.split_at_checked(length)?;
        self.bytes = tail;
        Some(head)
    }

    /// Takes the next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, tail) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = tail;
        Some(head)
    }

    /// Takes one byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (&head, tail) = self.bytes.split_first()?;
        self.bytes = tail;
        Some(head)
    }

    /// Takes six bytes, big endian: a time in milliseconds.
    #[inline]
    pub fn u48(&mut self) -> Option<u64> {
        let b = self.array::<6>()?;
        Some(u64::from_be_bytes([0, 0, b[0], b[1], b[2], b[3], b[4], b[5]]))
    }

    /// Takes a varint in its shortest form, at most [`MAX_NUMBER`].
    #[inline]
    pub fn varint(&mut self) -> Option<u64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        self.long_varint(u64::from(first & 0x7f))
    }

    fn long_varint(&mut self, first: u64) -> Option<u64> {
        let mut number = first;
        for shift in 1..MAX_VARINT_BYTES {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << (7 * shift);
            if byte < 0x80 {
                return (byte != 0 && number <= MAX_NUMBER).then_some(number);
            }
        }
        None
    }

    /// Takes a varint length and that many bytes.
    #[inline]
    pub fn sized(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length)
    }
}

/// Bytes that a varint of `number` takes.
#[inline]
pub fn varint_length(number: u64) -> usize {
    let bits = 64 - (number | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// A cursor into a caller's buffer. Writing past the end is remembered, not done; see [`Writer::finish`].
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
    overrun: bool,
}

impl<'a> Writer<'a> {
    /// A cursor at the first byte of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Writer { out, at: 0, overrun: false }
    }

    /// Appends `bytes`.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        match self.out.get_mut(self.at..self.at + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.at += bytes.len();
            }
            None => self.overrun = true,
        }
    }

    /// Appends one byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        match self.out.get_mut(self.at) {
            Some(room) => {
                *room = byte;
                self.at += 1;
            }
            None => self.overrun = true,
        }
    }

    /// Appends six bytes, big endian; bits above the 48th must be zero.
    #[inline]
    pub fn u48(&mut self, number: u64) {
        debug_assert!(number < 1 << 48);
        self.put(&number.to_be_bytes()[2..]);
    }

    /// Appends a varint.
    #[inline]
    pub fn varint(&mut self, number: u64) {
        debug_assert!(number <= MAX_NUMBER);
        let mut rest = number;
        while rest >= 0x80 {
            self.byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.byte(rest as u8);
    }

    /// Appends a varint length and the bytes.
    #[inline]
    pub fn sized(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.put(bytes);
    }

    /// Bytes written so far.
    pub fn length(&self) -> usize {
        self.at
    }

    /// Bytes written; an error if any did not fit.
    #[inline]
    pub fn finish(self) -> Result<usize, crate::Fault> {
        if self.overrun { Err(crate::Fault::OutTooSmall) } else { Ok(self.at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: u64) -> Vec<u8> {
        let mut out = [0; MAX_VARINT_BYTES];
        let mut writer = Writer::new(&mut out);
        writer.varint(number);
        let length = writer.finish().expect("eight bytes suffice");
        out[..length].to_vec()
    }

    #[test]
    fn varints_round_trip_at_every_width() {
        for bits in 0..=53 {
            for number in [(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1] {
                if number > MAX_NUMBER {
                    continue;
                }
                let bytes = written(number);
                assert_eq!(bytes.len(), varint_length(number), "{number}");
                let mut reader = Reader::new(&bytes);
                assert_eq!(reader.varint(), Some(number));
                assert!(reader.rest().is_empty());
            }
        }
    }

    #[test]
    fn only_the_shortest_form_within_range_is_read() {
        for bytes in [
            &[0x80][..],
            &[0x80, 0x00],
            &[0xff, 0x80, 0x00],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[],
        ] {
            assert_eq!(Reader::new(bytes).varint(), None, "{bytes:?}");
        }
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]).varint(), Some(MAX_NUMBER));
    }

    #[test]
    fn a_writer_stops_at_the_end() {
        let mut out = [0; 3];
        let mut writer = Writer::new(&mut out);
        writer.put(&[1, 2]);
        writer.put(&[3, 4]);
        assert_eq!(writer.finish(), Err(crate::Fault::OutTooSmall));
        assert_eq!(out, [1, 2, 0]);
    }
}
