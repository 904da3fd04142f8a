//! The keys of an inverted index over metadata, as bytes whose order is that of `bytea`.
//!
//! | bytes | |
//! |---|---|
//! | 1 | bytes of the field's name; 255 if the name is longer than [`NAME`] |
//! | 1..=[`NAME`], or 24 + 8 | the name; of a longer one the beginning, and a hash of all of it |
//! | 1 | type: `b`, `n`, `s`, `t` (a long string), `x` (a field without a value that an operator could find) |
//! | 1 | of `b`: 0 or 1 |
//! | 8 | of `n`: the float64, high byte first, its sign bit flipped, or all bits if it is negative; zero has no sign |
//! | 0..=[`TEXT`] | of `s`: the string |
//! | 24 + 8 | of `t`: its beginning, and a hash of all of it |
//!
//! So the keys of a field stand together, its numbers in their order; what tells two fields or two values apart is whole in the
//! keys unless they are long.

use super::metadata::Scalar;

/// Bytes of a name that stands in a key as it is.
const NAME: usize = 32;
/// Bytes of a string that stands in a key as it is.
const TEXT: usize = 32;
/// Bytes that are kept of longer ones, before the hash.
const BEGINNING: usize = 24;
/// Marks a long name.
const LONG: u8 = 255;
/// Bytes of the longest key.
pub const MAX_KEY: usize = 1 + NAME + 1 + TEXT;

mod kind {
    pub const BOOL: u8 = b'b';
    pub const NUMBER: u8 = b'n';
    pub const TEXT: u8 = b's';
    pub const LONG_TEXT: u8 = b't';
    pub const BARE: u8 = b'x';
}

/// A key, or the beginning of keys.
#[derive(Clone, Copy)]
pub struct Key {
    bytes: [u8; MAX_KEY],
    length: u8,
    /// No other field and value have this key.
    exact: bool,
}

impl Key {
    /// The beginning of all keys of a field.
    #[must_use]
    pub fn of_field(name: &[u8]) -> Self {
        let mut key = Self { bytes: [0; MAX_KEY], length: 0, exact: true };
        if name.len() <= NAME {
            key.put(&[name.len() as u8]);
            key.put(name);
        } else {
            key.put(&[LONG]);
            key.put_long(name);
        }
        key
    }

    /// Of a value of this field; `None` if no operator could find it.
    #[must_use]
    pub fn value(&self, value: Scalar<'_>) -> Option<Self> {
        let mut key = *self;
        match value {
            Scalar::Bool(value) => key.put(&[kind::BOOL, u8::from(value)]),
            Scalar::Number(number) => key.put_number(number),
            Scalar::Text(text) if text.len() <= TEXT => {
                key.put(&[kind::TEXT]);
                key.put(text);
            }
            Scalar::Text(text) => {
                key.put(&[kind::LONG_TEXT]);
                key.put_long(text);
            }
            Scalar::Other => return None,
        }
        Some(key)
    }

    /// Of a number of this field.
    #[must_use]
    pub fn number(&self, number: f64) -> Self {
        let mut key = *self;
        key.put_number(number);
        key
    }

    /// Of this field, where it has no value that an operator could find.
    #[must_use]
    pub fn bare(&self) -> Self {
        let mut key = *self;
        key.put(&[kind::BARE]);
        key
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// No other field and value have this key.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    fn put(&mut self, bytes: &[u8]) {
        let at = usize::from(self.length);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u8;
    }

    fn put_long(&mut self, bytes: &[u8]) {
        self.put(&bytes[..BEGINNING]);
        self.put(&hash(bytes).to_be_bytes());
        self.exact = false;
    }

    fn put_number(&mut self, number: f64) {
        const SIGN: u64 = 1 << 63;
        // Adding zero takes the sign of a zero away.
        let bits = (number + 0.0).to_bits();
        let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
        self.put(&[kind::NUMBER]);
        self.put(&ordered.to_be_bytes());
    }
}

/// FNV-1a of 64 bits. It stands in indexes, so it never changes.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(name: &str, value: Scalar) -> Vec<u8> {
        Key::of_field(name.as_bytes()).value(value).unwrap().as_bytes().to_vec()
    }

    /// Bytes that stand in indexes.
    #[test]
    fn golden() {
        assert_eq!(of("year", Scalar::Number(2020.0)), b"\x04yearn\xC0\x9F\x90\0\0\0\0\0");
        assert_eq!(of("year", Scalar::Number(-0.5)), b"\x04yearn\x40\x1F\xFF\xFF\xFF\xFF\xFF\xFF");
        assert_eq!(of("year", Scalar::Number(-0.0)), b"\x04yearn\x80\0\0\0\0\0\0\0");
        assert_eq!(of("genre", Scalar::Text(b"drama")), b"\x05genresdrama");
        assert_eq!(of("", Scalar::Bool(true)), b"\0b\x01");
        assert_eq!(Key::of_field(b"tags").bare().as_bytes(), b"\x04tagsx");
        let (long, edge) = ("abcdefgh".repeat(5), "12345678".repeat(4));
        let key = Key::of_field(long.as_bytes()).value(Scalar::Text(long.as_bytes())).unwrap();
        assert_eq!(
            key.as_bytes(),
            b"\xFFabcdefghabcdefghabcdefgh\xDB\x11\xDD\xD5\x23\xB6\x3B\xADtabcdefghabcdefghabcdefgh\xDB\x11\xDD\xD5\x23\xB6\x3B\xAD"
        );
        assert!(!key.is_exact() && key.as_bytes().len() == MAX_KEY);
        let key = Key::of_field(edge.as_bytes()).value(Scalar::Text(edge.as_bytes())).unwrap();
        assert!(key.is_exact() && key.as_bytes().len() == MAX_KEY);
        assert!(Key::of_field(b"a").value(Scalar::Other).is_none());
    }

    proptest! {
        #[test]
        fn numbers_are_in_order(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(of("f", Scalar::Number(a)).cmp(&of("f", Scalar::Number(b))), a.partial_cmp(&b).unwrap());
        }

        #[test]
        fn fields_stand_apart(a in "\\PC{0,40}", b in "\\PC{0,40}", x in "\\PC{0,40}", y in "\\PC{0,40}") {
            let (one, other) = (Key::of_field(a.as_bytes()), Key::of_field(b.as_bytes()));
            prop_assert_eq!(other.as_bytes().starts_with(one.as_bytes()), a == b);
            let (x, y) = (Scalar::Text(x.as_bytes()), Scalar::Text(y.as_bytes()));
            if let (Some(one), Some(other), Scalar::Text(x), Scalar::Text(y)) = (one.value(x), one.value(y), x, y) {
                prop_assert_eq!(one.as_bytes() == other.as_bytes(), x == y);
            }
        }
    }
}
