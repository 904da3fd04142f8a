//! The name and the definition of an index.

use crate::fault::state::{FEATURE_NOT_SUPPORTED, INVALID_PARAMETER_VALUE};
use crate::fault::{Fault, Result, quoted};
use crate::pinecone::index::metric::Metric;
use crate::pinecone::index::storage::Storage;
use crate::types::element::MAX_DIM;
use std::ops::RangeInclusive;

/// Longest index name, in characters.
pub const MAX_NAME_LEN: usize = 45;

/// Range of `m`, the links a graph node keeps; pgvector's.
pub const M: RangeInclusive<i32> = 2..=100;

/// Range of `ef_construction`, the candidates weighed for a node's links; pgvector's.
pub const EF_CONSTRUCTION: RangeInclusive<i32> = 4..=1000;

/// The checked definition of an index to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Elements of each vector.
    pub dimension: i32,
    /// How vectors are compared.
    pub metric: Metric,
    /// How they are stored.
    pub storage: Storage,
    /// `m` of the graph.
    pub m: i32,
    /// `ef_construction` of the graph.
    pub ef_construction: i32,
}

/// The arguments of `pc_create_index`, unchecked.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// `dimension`
    pub dimension: Option<i32>,
    /// `metric`; cosine if absent
    pub metric: Option<&'a str>,
    /// `vector_type`
    pub vector_type: &'a str,
    /// `storage`
    pub storage: &'a str,
    /// `m`
    pub m: i32,
    /// `ef_construction`
    pub ef_construction: i32,
}

impl Definition {
    /// Checks a wish.
    ///
    /// # Errors
    /// 22023 for a value out of range, 0A000 for what Conifer cannot do yet.
    pub fn new(wish: Wish) -> Result<Self> {
        let invalid = |message: String| Fault::new(INVALID_PARAMETER_VALUE, message);
        match wish.vector_type {
            "dense" => {}
            "sparse" => {
                return Err(Fault::new(FEATURE_NOT_SUPPORTED, "sparse indexes are not supported yet"));
            }
            other => {
                return Err(invalid(format!("unrecognized vector_type {}", quoted(other)))
                    .hint("Use \"dense\" or \"sparse\"."));
            }
        }
        let storage = Storage::from_name(wish.storage)?;
        let metric = wish.metric.map_or(Ok(Metric::Cosine), Metric::from_name)?;
        let Some(dimension) = wish.dimension else {
            return Err(invalid("dimension is required for a dense index".into()));
        };
        if !usize::try_from(dimension).is_ok_and(|n| (1..=MAX_DIM).contains(&n)) {
            return Err(invalid(format!("dimension {dimension} is not between 1 and {MAX_DIM}")));
        }
        if !M.contains(&wish.m) {
            return Err(invalid(format!("m {} is not between {} and {}", wish.m, M.start(), M.end())));
        }
        if !EF_CONSTRUCTION.contains(&wish.ef_construction) {
            return Err(invalid(format!(
                "ef_construction {} is not between {} and {}",
                wish.ef_construction,
                EF_CONSTRUCTION.start(),
                EF_CONSTRUCTION.end()
            )));
        }
        if wish.ef_construction < 2 * wish.m {
            return Err(invalid("ef_construction must be greater than or equal to 2 * m".into()));
        }
        Ok(Self { dimension, metric, storage, m: wish.m, ef_construction: wish.ef_construction })
    }
}

/// Checks an index name: 1 to 45 of `[a-z0-9-]`, the first and the last alphanumeric.
///
/// # Errors
/// 22023, naming the rule that is broken.
pub fn check_name(name: &str) -> Result<()> {
    const HINT: &str = "Use 1 to 45 lower-case letters, digits or hyphens; first and last alphanumeric.";
    let invalid = |what: &str| Err(Fault::new(INVALID_PARAMETER_VALUE, what).hint(HINT));
    if name.is_empty() {
        return invalid("index name must not be empty");
    }
    if name.chars().count() > MAX_NAME_LEN {
        let start: String = name.chars().take(MAX_NAME_LEN).collect();
        return invalid(&format!("index name \"{start}...\" is longer than {MAX_NAME_LEN} characters"));
    }
    if !name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-') {
        return invalid(&format!(
            "index name \"{name}\" must consist of lower case alphanumeric characters or '-'"
        ));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return invalid(&format!("index name \"{name}\" must start and end with an alphanumeric character"));
    }
    Ok(())
}

/// Reads `deletion_protection`.
///
/// # Errors
/// 22023 unless the value is `enabled` or `disabled`.
pub fn check_deletion_protection(value: &str) -> Result<()> {
    match value {
        "enabled" | "disabled" => Ok(()),
        _ => Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("unrecognized deletion_protection {}", quoted(value)),
        )
        .hint("Use \"enabled\" or \"disabled\".")),
    }
}

/// Why a dense index of this metric takes no sparse values.
pub fn sparse_refusal(metric: Metric) -> Fault {
    match metric {
        Metric::DotProduct => Fault::new(FEATURE_NOT_SUPPORTED, "sparse values are not supported yet"),
        Metric::Cosine | Metric::Euclidean => {
            Fault::new(INVALID_PARAMETER_VALUE, "index configuration does not support sparse values")
                .hint("Only indexes that are sparse or use the metric \"dotproduct\" support them.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: Wish = Wish {
        dimension: Some(8),
        metric: None,
        vector_type: "dense",
        storage: "vector",
        m: 16,
        ef_construction: 64,
    };

    fn refused(wish: Wish) -> String {
        Definition::new(wish).unwrap_err().message
    }

    #[test]
    fn definitions() {
        let made = Definition::new(WISH).unwrap();
        assert_eq!((made.dimension, made.metric), (8, Metric::Cosine));
        assert!(Definition::new(Wish { dimension: Some(16000), ..WISH }).is_ok());
        for dimension in [0, -1, 16001, i32::MAX, i32::MIN] {
            assert!(refused(Wish { dimension: Some(dimension), ..WISH }).contains(&dimension.to_string()));
        }
        assert!(refused(Wish { dimension: None, ..WISH }).contains("required"));
        assert!(refused(Wish { metric: Some("l2"), ..WISH }).contains("\"l2\""));
        assert!(refused(Wish { vector_type: "Sparse", ..WISH }).contains("\"Sparse\""));
        assert!(refused(Wish { storage: "int8", ..WISH }).contains("\"int8\""));
        assert!(refused(Wish { m: 1, ..WISH }).contains("m 1 "));
        assert!(refused(Wish { ef_construction: 1001, ..WISH }).contains("1001"));
        assert!(refused(Wish { m: 40, ..WISH }).contains("2 * m"));
        assert_eq!(Definition::new(Wish { storage: "halfvec", ..WISH }).unwrap().storage, Storage::HalfVec);
        assert_eq!(
            Definition::new(Wish { vector_type: "sparse", ..WISH }).unwrap_err().state,
            FEATURE_NOT_SUPPORTED
        );
    }

    #[test]
    fn names() {
        for good in ["a", "0", "quickstart", "my-index-2", &"x".repeat(45)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a b", "a'b", "a;b", "a\"b", "größe", &"x".repeat(46), "a\n"]
        {
            let fault = check_name(bad).unwrap_err();
            assert_eq!(fault.state, INVALID_PARAMETER_VALUE);
            assert!(fault.hint.is_some());
        }
        // a name is refused for its number of characters, however long they are in bytes
        assert!(check_name(&"ü".repeat(46)).unwrap_err().message.contains("longer"));
    }

    #[test]
    fn protection() {
        assert!(check_deletion_protection("enabled").is_ok());
        assert!(check_deletion_protection("on").unwrap_err().message.contains("\"on\""));
    }
}
