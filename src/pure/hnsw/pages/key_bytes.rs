//! The leading columns of a row, which say to which graph it belongs, as bytes: equal keys have equal bytes.
//!
//! Column after column, each with a byte before it:
//!
//! | byte | what follows |
//! |---|---|
//! | 0 | nothing: the column is null |
//! | 1 | the value: an integer of any size as 8 bytes, a boolean as 1, a UUID as 16, others of one size as they are; what varies in size as its length in 4 bytes and its bytes |
//! | 2 | the SHA-256 hash of a value of more than [`MAX_VALUE`] bytes |
//! | 3 | the SHA-256 hash of all columns as above, of a key of more than [`MAX_KEY`] bytes: nothing else is in it |
//!
//! Nobody can name two values with one SHA-256 hash, so rows are not compared with the key again.

/// Most bytes of a key.
pub const MAX_KEY: usize = 1024;
/// Most bytes of a value in it that varies in size.
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
    /// `text` or what is stored alike.
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
    /// No column yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// One more column, null.
    pub fn null(&mut self) {
        self.0.push(NULL);
    }

    /// Whether this is the one column, and null.
    pub fn is_null(&self) -> bool {
        self.0 == [NULL]
    }

    /// One more column, an integer.
    pub fn integer(&mut self, number: i64) {
        self.fixed(&number.to_le_bytes());
    }

    /// One more column, of a type whose values have one size: these bytes.
    pub fn fixed(&mut self, value: &[u8]) {
        self.0.push(VALUE);
        self.0.extend(value);
    }

    /// One more column, whose values vary in size. `hash` is asked for that of a long one.
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

    /// More columns: those of another key.
    pub fn append(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// All columns are there: makes the key one that fits. `hash` is asked for that of the bytes of a long one.
    #[must_use]
    pub fn complete(self, hash: impl FnOnce(&[u8]) -> Hash) -> Self {
        if self.0.len() <= MAX_KEY {
            return self;
        }
        Self([&[ALL_HASHED][..], &hash(&self.0)].concat())
    }

    /// The columns as text, separated by commas; what does not fit is left out. `other` gives the text of a value that only
    /// its type knows how to read: that of the column with this number.
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
