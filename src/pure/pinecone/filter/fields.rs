//! The fields that an inverted index keeps, where it does not keep all.

use crate::fault::{Fault, Result, state::INVALID_PARAMETER_VALUE};

/// Names of fields, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Fields(Vec<String>);

impl Fields {
    /// Maximum number of bytes of a list. The row of an indexed column holds it: one of more than some 2,000 bytes is compressed, and
    /// PostgreSQL 15 and 16 put another row's place into the catalog's index then, which breaks it for all tables.
    pub const MAX: usize = 1500;

    /// Reads a JSON list of names.
    ///
    /// # Errors
    /// 22023 for anything else, and for a longer list.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(fault) = Self::too_long(text.len()) {
            return Err(fault);
        }
        let mut names: Vec<String> = serde_json::from_str(text).map_err(|_| {
            Fault::new(INVALID_PARAMETER_VALUE, "option \"fields\" must be a JSON list of names")
                .hint(r#"Write pc_filter_ops (fields = '["genre", "year"]')."#)
        })?;
        names.sort_unstable();
        Ok(Self(names))
    }

    /// The refusal of a list of so many bytes, if there are too many.
    #[must_use]
    pub fn too_long(bytes: usize) -> Option<Fault> {
        let message = || format!("option \"fields\" has {bytes} bytes, more than {}", Self::MAX);
        let fault =
            || Fault::new(INVALID_PARAMETER_VALUE, message()).hint("Without it the index keeps all fields.");
        (bytes > Self::MAX).then(fault)
    }

    /// Whether a field is one of these.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        self.0.binary_search_by(|other| other.as_bytes().cmp(name)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names() {
        let fields = Fields::parse(r#"["year", "genre", "größe", "a\"b"]"#).unwrap();
        for name in ["year", "genre", "größe", "a\"b"] {
            assert!(fields.has(name.as_bytes()), "{name}");
        }
        assert!(!fields.has(b"years") && !fields.has(b""));
        assert!(!Fields::parse("[]").unwrap().has(b"year"));
        for bad in ["", "year", r#"{"year": true}"#, "[1]", r#"["year""#] {
            assert_eq!(Fields::parse(bad).unwrap_err().state, INVALID_PARAMETER_VALUE, "{bad}");
        }
    }
}
