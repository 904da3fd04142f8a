//! The indexes and namespaces that a key is limited to.

use crate::fault::state::INVALID_PARAMETER_VALUE;
use crate::fault::{Fault, Result, quoted};
use crate::memory::allocation::headroom;
use crate::pinecone::record::namespace;
use std::collections::{BTreeMap, BTreeSet};

/// What a key can reach within its project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All indexes, future ones included.
    #[default]
    Project,
    /// Only some indexes, by number: an index that is dropped and made again under the same name is another one.
    Indexes(BTreeMap<i32, Names>),
}

/// Namespaces of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// All.
    All,
    /// Only the named ones, in their stored form.
    These(BTreeSet<String>),
}

impl Scope {
    /// The namespaces of an index that can be reached; none if the index cannot.
    pub fn of(&self, index: i32) -> Option<&Names> {
        match self {
            Self::Project => Some(&Names::All),
            Self::Indexes(indexes) => indexes.get(&index),
        }
    }

    /// Whether only some namespaces of an index can be reached.
    pub fn is_of_namespaces(&self) -> bool {
        matches!(self, Self::Indexes(indexes) if indexes.values().any(|names| *names != Names::All))
    }

    /// Whether the scope is the whole project.
    pub fn is_project(&self) -> bool {
        *self == Self::Project
    }
}

impl Names {
    /// Whether a namespace, in its stored form, is one of the namespaces.
    pub fn has(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(namespace),
        }
    }
}

/// Maximum number of namespaces that a key can be limited to: a policy compares each row's with all of them.
pub const MAX_NAMESPACES: usize = 1000;

/// Reads `{"index": ["namespace", …], …}`; namespaces come out in their stored form.
///
/// # Errors
/// 22023 for JSON of another shape, a name that is none, an empty list or too many names.
pub fn parse(json: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let invalid = |message: String| Fault::new(INVALID_PARAMETER_VALUE, message);
    // A name of one byte is four of the text, and then a string, its allocation, and a place in a list that grows.
    headroom(32 * json.len())?;
    let lists: BTreeMap<String, Vec<String>> = serde_json::from_str(json).map_err(|_| {
        invalid("namespaces must be an object of arrays of strings".into())
            .hint("Write {\"index\": [\"namespace\", ...]}.")
    })?;
    let count: usize = lists.values().map(Vec::len).sum();
    if count > MAX_NAMESPACES {
        return Err(invalid(format!(
            "{count} namespaces are more than the {MAX_NAMESPACES} that a key can be limited to"
        )));
    }
    let mut all = BTreeMap::new();
    for (index, list) in lists {
        if list.is_empty() {
            return Err(invalid(format!("namespaces of index {} must not be empty", quoted(&index))));
        }
        let names: Result<BTreeSet<String>> =
            list.iter().map(|name| Ok(namespace::canonical(name)?.to_owned())).collect();
        all.insert(index, names?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_indexes() {
        let parsed = parse(r#"{"a": ["x", "__default__", "x"], "b": [""]}"#).unwrap();
        assert_eq!(parsed["a"], BTreeSet::from(["".to_owned(), "x".to_owned()]));
        assert_eq!(parsed["b"], BTreeSet::from(["".to_owned()]));
        assert!(parse("{}").unwrap().is_empty());
        for bad in
            ["[]", "null", r#"{"a": "x"}"#, r#"{"a": []}"#, r#"{"a": [1]}"#, r#"{"a": ["\u00e4"]}"#, "{"]
        {
            assert_eq!(parse(bad).unwrap_err().state, INVALID_PARAMETER_VALUE, "{bad}");
        }
        let many = format!("{{\"a\": [\"x\"{}]}}", ", \"y\"".repeat(MAX_NAMESPACES));
        assert!(parse(&many).unwrap_err().message.contains("1001"));
    }
}
