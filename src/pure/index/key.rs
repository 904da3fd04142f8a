//! The leading columns of a row, which say to which graph it belongs, as bytes: equal keys have equal bytes.
//!
//! Column after column: an integer of any size as 8 bytes, a boolean as 1, a UUID as 16, a text as its length in 4
//! bytes and its bytes.

use crate::fault::{Fault, Result, state};

/// Most bytes of a key.
pub const MOST_KEY: usize = 1024;

/// The kind of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Column {
    /// `smallint`, `integer` or `bigint`.
    Integer,
    /// `text` or what is stored alike.
    Text,
    /// `uuid`.
    Uuid,
    /// `boolean`.
    Boolean,
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

    /// One more column, an integer.
    pub fn integer(&mut self, number: i64) {
        self.0.extend(number.to_le_bytes());
    }

    /// One more column, a boolean.
    pub fn boolean(&mut self, is: bool) {
        self.0.push(is.into());
    }

    /// One more column, a UUID.
    pub fn uuid(&mut self, uuid: &[u8; 16]) {
        self.0.extend(uuid);
    }

    /// One more column, a text.
    pub fn text(&mut self, text: &[u8]) {
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text);
    }

    /// More columns: those of another key.
    pub fn append(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// Refuses keys that are too long.
    ///
    /// # Errors
    /// `54000` above [`MOST_KEY`].
    pub fn check(&self) -> Result<()> {
        let size = self.0.len();
        if size <= MOST_KEY {
            return Ok(());
        }
        let message = format!("key of {size} bytes exceeds the maximum of {MOST_KEY} for an hnsw index");
        Err(Fault::new(state::PROGRAM_LIMIT_EXCEEDED, message)
            .hint("Consider a leading column with the MD5 hash of the value."))
    }

    /// The columns as text, separated by commas; what does not fit is left out.
    pub fn display(columns: &[Column], mut bytes: &[u8]) -> String {
        let mut texts = vec![];
        for column in columns {
            let text = match column {
                Column::Integer => take(&mut bytes, 8)
                    .and_then(|number| number.first_chunk())
                    .map(|number| i64::from_le_bytes(*number).to_string()),
                Column::Boolean => take(&mut bytes, 1).map(|is| (is[0] != 0).to_string()),
                Column::Uuid => take(&mut bytes, 16).map(|uuid| {
                    let hex: Vec<String> = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
                    let part = |from: usize, to: usize| hex[from..to].concat();
                    [part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 16)].join("-")
                }),
                Column::Text => take(&mut bytes, 4)
                    .and_then(|size| size.first_chunk())
                    .and_then(|size| take(&mut bytes, u32::from_le_bytes(*size) as usize))
                    .map(|text| String::from_utf8_lossy(text).into_owned()),
            };
            texts.extend(text);
        }
        texts.join(", ")
    }
}

fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(n)?;
    *bytes = rest;
    Some(first)
}
