//! Tags of an index: a small map from strings to strings.

use crate::fault::{Fault, Result, quoted, state::INVALID_PARAMETER_VALUE};
use crate::pinecone::index::json::check_size;
use std::collections::BTreeMap;

/// Maximum number of tags of an index.
pub const MAX_TAGS: usize = 20;
const MAX_KEY_LEN: usize = 80;
const MAX_VALUE_LEN: usize = 120;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Reads tags from JSON text and lays them over `old` (`{}` for a new index): a tag with an empty value
/// is removed, tags that are not named stay.
///
/// # Errors
/// 22023 for anything but an object of strings, for keys, values or a number of tags beyond the limits.
pub fn merge(mut old: Tags, json: &str) -> Result<Tags> {
    let invalid = |message: String| Fault::new(INVALID_PARAMETER_VALUE, message);
    check_size("tags", json)?;
    let new: Tags = serde_json::from_str(json)
        .map_err(|_| invalid("tags must be a JSON object whose values are strings".into()))?;
    for (key, value) in new {
        let key_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if key.is_empty() || key.len() > MAX_KEY_LEN || !key.chars().all(key_char) {
            return Err(invalid(format!("invalid tag key {}", quoted(&key)))
                .hint(format!("Use 1 to {MAX_KEY_LEN} letters, digits, '_' or '-'.")));
        }
        let value_char = |c: char| c.is_alphanumeric() || ";@_-.+ ".contains(c);
        if value.chars().count() > MAX_VALUE_LEN || !value.chars().all(value_char) {
            return Err(invalid(format!("invalid value of tag \"{key}\""))
                .hint(format!("Use up to {MAX_VALUE_LEN} letters, digits, spaces or any of ;@_-.+")));
        }
        if value.is_empty() {
            old.remove(&key);
        } else {
            old.insert(key, value);
        }
    }
    if old.len() > MAX_TAGS {
        return Err(invalid(format!("{} tags exceed the limit of {MAX_TAGS}", old.len())));
    }
    Ok(old)
}

/// Tags as JSON text.
pub fn to_json(tags: &Tags) -> String {
    serde_json::Value::from_iter(tags.clone()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging() {
        let old = merge(Tags::new(), r#"{"env": "prod", "owner": "a@b.c"}"#).unwrap();
        let new = merge(old, r#"{"env": "", "team": "x; y"}"#).unwrap();
        assert_eq!(to_json(&new), r#"{"owner":"a@b.c","team":"x; y"}"#);
    }

    #[test]
    fn limits() {
        for bad in [
            "[]",
            "1",
            r#"{"a": 1}"#,
            r#"{"a": null}"#,
            r#"{"": "x"}"#,
            r#"{"a b": "x"}"#,
            r#"{"a": "<"}"#,
            &format!(r#"{{"{}": "x"}}"#, "k".repeat(81)),
            &format!(r#"{{"k": "{}"}}"#, "v".repeat(121)),
            &to_json(&(0..21).map(|i| (format!("k{i}"), "v".to_owned())).collect()),
        ] {
            assert_eq!(merge(Tags::new(), bad).unwrap_err().state, INVALID_PARAMETER_VALUE, "{bad}");
        }
    }
}
