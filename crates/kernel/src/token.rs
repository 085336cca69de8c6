//! Sealed tokens: bytes of ours that go out as base64url (RFC 4648, section 5, no padding) and come back. One buffer holds
//!
//! ```text
//! what the token is bound to │ version (1) │ key id (4) │ … │ mac (16)
//!                            ^ start                        ^ end
//! ```
//!
//! and the mac covers all that is before it. What a token means, and what it is bound to, is the business of `src/api/sealed-token.ts`.

use crate::digest::{self, DIGEST_BYTES, MAC_KEY_BYTES};

/// Bytes of the name of a key, within a token and before the key.
pub const KEY_ID_BYTES: usize = 4;

/// Bytes of a named key: its name and the key itself.
pub const TOKEN_KEY_BYTES: usize = KEY_ID_BYTES + MAC_KEY_BYTES;

/// Before the name of the key.
const VERSION_BYTES: usize = 1;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// No digit of base64url.
const NONE: u8 = 0xff;

const DIGITS: [u8; 256] = {
    let mut digits = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Seals the token in `buffer[start..end]` with the first of `keys`: its key id goes behind the version, the mac to `end`, and the text of the
/// whole behind that. The number of characters, or `None` where there is no key or too little room.
pub fn seal(keys: &[u8], buffer: &mut [u8], start: usize, end: usize) -> Option<usize> {
    let (id, key) = keys.first_chunk::<TOKEN_KEY_BYTES>()?.split_at(KEY_ID_BYTES);
    let id_at = start.checked_add(VERSION_BYTES)?;
    if end < id_at.checked_add(KEY_ID_BYTES)? {
        return None;
    }
    buffer.get_mut(id_at..id_at + KEY_ID_BYTES)?.copy_from_slice(id);
    let text_at = end.checked_add(DIGEST_BYTES)?;
    let mac = digest::mac(key.try_into().ok()?, buffer.get(..end)?);
    buffer.get_mut(end..text_at)?.copy_from_slice(&mac);
    let (bytes, room) = buffer.split_at_mut(text_at);
    encode(&bytes[start..], room)
}

/// Opens the token whose text is `buffer[start..start + text_bytes]`: turned into its bytes in place. Where its mac begins, or `None` where it is no
/// canonical text, or sealed with none of `keys`, or for something else than what stands before it.
pub fn open(keys: &[u8], buffer: &mut [u8], start: usize, text_bytes: usize) -> Option<usize> {
    let text = buffer.get_mut(start..start.checked_add(text_bytes)?)?;
    let length = decode_in_place(text)?;
    let mac_at = start + length.checked_sub(DIGEST_BYTES)?;
    let id_at = start + VERSION_BYTES;
    let id = buffer.get(id_at..mac_at)?.get(..KEY_ID_BYTES)?;
    let named = keys.chunks_exact(TOKEN_KEY_BYTES).find(|key| &key[..KEY_ID_BYTES] == id)?;
    let key = named[KEY_ID_BYTES..].try_into().ok()?;
    let (sealed, rest) = buffer.split_at(mac_at);
    digest::mac_matches(key, sealed, rest.get(..DIGEST_BYTES)?).then_some(mac_at)
}

fn digit(bits: u32) -> u8 {
    ALPHABET[(bits & 63) as usize]
}

/// Writes the text of `bytes` into `out`; the number of characters.
fn encode(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let length = (bytes.len() * 4).div_ceil(3);
    let out = out.get_mut(..length)?;
    for (three, four) in bytes.chunks(3).zip(out.chunks_mut(4)) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for (character, shift) in four.iter_mut().zip([18, 12, 6, 0]) {
            *character = digit(bits >> shift);
        }
    }
    Some(length)
}

/// Puts the bytes of `text` at its beginning; their number, or `None` where it is not the one text of any bytes.
fn decode_in_place(text: &mut [u8]) -> Option<usize> {
    let length = text.len() * 3 / 4;
    // One character is left over: six bits are no byte.
    if text.len() % 4 == 1 {
        return None;
    }
    let mut to = 0;
    for from in (0..text.len()).step_by(4) {
        let characters = (text.len() - from).min(4);
        let mut bits = 0;
        for index in 0..4 {
            let value = if index < characters { DIGITS[text[from + index] as usize] } else { 0 };
            if value == NONE {
                return None;
            }
            bits = bits << 6 | u32::from(value);
        }
        let [_, three @ ..] = bits.to_be_bytes();
        let bytes = characters * 3 / 4;
        // Bits behind the last byte are zero: another text for the same bytes would be another token.
        if three[bytes..].iter().any(|&byte| byte != 0) {
            return None;
        }
        text[to..to + bytes].copy_from_slice(&three[..bytes]);
        to += bytes;
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; bytes.len() * 2];
        let length = encode(bytes, &mut out).expect("room enough");
        out.truncate(length);
        out
    }

    fn bytes_of(text: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = text.to_vec();
        let length = decode_in_place(&mut bytes)?;
        bytes.truncate(length);
        Some(bytes)
    }

    #[test]
    fn base64url_has_the_published_test_vectors() {
        // RFC 4648, section 10, without the padding; the last shows the two characters in which base64url differs.
        let pairs: [(&[u8], &[u8]); 8] = [
            (b"", b""),
            (b"f", b"Zg"),
            (b"fo", b"Zm8"),
            (b"foo", b"Zm9v"),
            (b"foob", b"Zm9vYg"),
            (b"fooba", b"Zm9vYmE"),
            (b"foobar", b"Zm9vYmFy"),
            (&[0xfb, 0xff, 0xfe], b"-__-"),
        ];
        for (bytes, text) in pairs {
            assert_eq!(text_of(bytes), text);
            assert_eq!(bytes_of(text).as_deref(), Some(bytes));
        }
        for text in [&b"Z"[..], b"Zm9vY", b"Zh", b"Zm9", b"Zg==", b"Zm 8", b"+//+", b"Zm9v\n"] {
            assert_eq!(bytes_of(text), None, "{text:?}");
        }
    }

    const KEYS: [[u8; TOKEN_KEY_BYTES]; 2] = [[1; TOKEN_KEY_BYTES], [2; TOKEN_KEY_BYTES]];

    /// Sealed behind `bound`: the buffer and where the text is in it.
    fn sealed(keys: &[u8], bound: &[u8]) -> Vec<u8> {
        let mut buffer = [bound, &[9, 0, 0, 0, 0, 7, 7], &[0; 100]].concat();
        let end = bound.len() + 7;
        let length = seal(keys, &mut buffer, bound.len(), end).expect("room enough");
        buffer[end + DIGEST_BYTES..][..length].to_vec()
    }

    fn opened(keys: &[u8], bound: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = [bound, text].concat();
        let end = open(keys, &mut buffer, bound.len(), text.len())?;
        Some(buffer[bound.len()..end].to_vec())
    }

    #[test]
    fn a_token_opens_with_any_of_the_keys_and_only_behind_what_it_was_bound_to() {
        let [one, two] = KEYS;
        let text = sealed(&one, b"here");
        assert_eq!(opened(&[two, one].concat(), b"here", &text), Some(vec![9, 1, 1, 1, 1, 7, 7]));
        assert_eq!(opened(&two, b"here", &text), None);
        assert_eq!(opened(&[], b"here", &text), None);
        assert_eq!(opened(&one, b"there", &text), None);
        for length in 0..text.len() {
            assert_eq!(opened(&one, b"here", &text[..length]), None);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut buffer = [0; 40];
        assert_eq!(seal(&KEYS[0], &mut buffer, 0, 7), None);
        assert_eq!(seal(&KEYS[0], &mut buffer, 0, 4), None);
        assert_eq!(seal(&KEYS[0], &mut buffer, usize::MAX, 7), None);
        assert_eq!(seal(&KEYS[0][1..], &mut buffer, 0, 5), None);
        assert_eq!(open(&KEYS[0], &mut buffer, 0, 41), None);
        assert_eq!(open(&KEYS[0], &mut buffer, usize::MAX, 1), None);
    }
}
