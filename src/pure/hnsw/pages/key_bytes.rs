//! The leading columns of a row, which decide to which graph the row belongs, as bytes: equal keys have equal bytes.
//!
//! Column after column, each with a byte before its value:
//!
//! | byte | followed by |
//! |---|---|
//! | 0 | nothing: the column is null |
//! | 1 | the value: an integer of any size as 8 bytes, a boolean as 1, a UUID as 16, other values of one size as they are; a value of varying size as its length in 4 bytes and its bytes |
//! | 2 | the SHA-256 hash of a value of more than [`MAX_VALUE`] bytes |
//! | 3 | the SHA-256 hash of all columns as above, for a key of more than [`MAX_KEY`] bytes: the key has nothing else |
//!
//! No two values with the same SHA-256 hash are known, so rows are not compared with the key again.

/// Maximum bytes of a key.
pub const MAX_KEY: usize = 1024;
/// Maximum bytes of a value of varying size in a key.
pub const MAX_VALUE: usize = 1000;

const NULL: u8 = 0;
const VALUE: u8 = 1;
const HASHED: u8 = 2;
const ALL_HASHED: u8 = 3;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The kind of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// `smallint`, `integer` or `bigint`.
    Integer,
    /// `text` or a type that is stored alike.
    Text,
    /// `uuid`.
    Uuid,
    /// `boolean`.
    Boolean,
    /// Another type whose values have that many bytes.
    Fixed(u16),
    /// Another type whose values vary in size.
    Varying,
}

/// A key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl From<Vec<u8>> for Key {
    /// The key with those bytes.
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Key {
    /// A key without columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds a null column.
    pub fn null(&mut self) {
        self.0.push(NULL);
    }

    /// Whether the key has one column, which is null.
    pub fn is_null(&self) -> bool {
        self.0 == [NULL]
    }

    /// Adds an integer column.
    pub fn integer(&mut self, number: i64) {
        self.fixed(&number.to_le_bytes());
    }

    /// Adds a column of a type whose values have one size: these bytes.
    pub fn fixed(&mut self, value: &[u8]) {
        self.0.push(VALUE);
        self.0.extend(value);
    }

    /// Adds a column of a type whose values vary in size. `hash` is called for the hash of a value of more than [`MAX_VALUE`]
    /// bytes.
    pub fn varying(&mut self, value: &[u8], hash: impl FnOnce() -> Hash) {
        if value.len() > MAX_VALUE {
            self.0.push(HASHED);
            self.0.extend(hash());
        } else {
            self.0.push(VALUE);
            self.0.extend((value.len() as u32).to_le_bytes());
            self.0.extend(value);
        }
    }

    /// Adds the columns of another key.
    pub fn append(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// The finished key, after all columns: one of more than [`MAX_KEY`] bytes is replaced by the `hash` of its bytes.
    #[must_use]
    pub fn complete(self, hash: impl FnOnce(&[u8]) -> Hash) -> Self {
        if self.0.len() <= MAX_KEY {
            return self;
        }
        Self([&[ALL_HASHED][..], &hash(&self.0)].concat())
    }

    /// The columns as text, separated by commas; columns that do not fit the bytes are left out. `other` gives the text of a
    /// value of another type, with the number of its column.
    pub fn display(
        columns: &[Column],
        mut bytes: &[u8],
        mut other: impl FnMut(usize, &[u8]) -> String,
    ) -> String {
        if let Some(hash) = bytes.strip_prefix(&[ALL_HASHED]) {
            return hashed(hash);
        }
        let mut texts = vec![];
        for (i, column) in columns.iter().enumerate() {
            let Some(kind) = take(&mut bytes, 1) else { break };
            let text = match kind[0] {
                VALUE => value(*column, &mut bytes).map(|value| match column {
                    Column::Integer => {
                        let number = value.first_chunk().map_or(0, |number| i64::from_le_bytes(*number));
                        number.to_string()
                    }
                    Column::Boolean => (value[0] != 0).to_string(),
                    Column::Uuid => {
                        let hex: Vec<String> = value.iter().map(|byte| format!("{byte:02x}")).collect();
                        let part = |from: usize, to: usize| hex[from..to].concat();
                        [part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 16)].join("-")
                    }
                    Column::Text => String::from_utf8_lossy(value).into_owned(),
                    Column::Fixed(_) | Column::Varying => other(i, value),
                }),
                HASHED => take(&mut bytes, size_of::<Hash>()).map(hashed),
                _ => Some("NULL".to_owned()),
            };
            texts.extend(text);
        }
        texts.join(", ")
    }
}

fn hashed(hash: &[u8]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256 {hex}")
}

fn value<'a>(column: Column, bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = match column {
        Column::Integer => 8,
        Column::Boolean => 1,
        Column::Uuid => 16,
        Column::Fixed(size) => size.into(),
        Column::Text | Column::Varying => {
            take(bytes, 4)?.first_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize)
        }
    };
    take(bytes, size)
}

fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(n)?;
    *bytes = rest;
    Some(first)
}
