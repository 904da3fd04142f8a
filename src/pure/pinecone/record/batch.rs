//! The `vectors` argument of an upsert: JSON records, read without a tree in between.

use crate::fault::{Fault, Result, quoted, state};
use crate::memory::allocation::headroom;
use crate::pinecone::index::metric::Metric;
use crate::pinecone::index::spec::sparse_refusal;
use crate::pinecone::record::id;
use crate::types::vector::text;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Maximum number of records of one call.
pub const MAX_RECORDS: usize = 1000;

/// One record to be written.
#[derive(Debug, PartialEq)]
pub struct Record<'a> {
    /// Checked id.
    pub id: Cow<'a, str>,
    /// As many elements as the index has dimensions.
    pub values: Vec<f32>,
    /// JSON text, unchecked; `None` if absent or null.
    pub metadata: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Raw<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
    #[serde(borrow, alias = "sparseValues")]
    sparse_values: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

/// The form that the index expects of a record.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Elements of a vector.
    pub dimension: usize,
    /// The metric, which decides whether sparse values have a meaning.
    pub metric: Metric,
}

impl Shape {
    /// Refuses a vector of another dimension, in pgvector's words.
    ///
    /// # Errors
    /// 22000
    pub fn check_dimension(&self, n: usize) -> Result<()> {
        if n == self.dimension {
            return Ok(());
        }
        Err(Fault::new(state::DATA_EXCEPTION, format!("expected {} dimensions, not {n}", self.dimension)))
    }
}

/// Reads a JSON array of 1 to [`MAX_RECORDS`] records for a dense index. The records are read one by
/// one as the iterator is driven, so that a caller can do something else in between.
///
/// Metadata and the direction of a vector are not checked here: the table's constraints check them, for every
/// way into the table.
///
/// # Errors
/// 22023 for anything but an array of records, or too many records; 22000 in pgvector's words for a wrong
/// number of elements; 0A000 for sparse values. DETAIL names the record.
pub fn parse(json: &str, shape: Shape) -> Result<impl Iterator<Item = Result<Record<'_>>>> {
    // Beside the records, the parser keeps a byte for each bracket that is open.
    headroom(3 * json.len())?;
    let Items(items) = serde_json::from_str(json).map_err(|_| {
        Fault::new(state::INVALID_PARAMETER_VALUE, "vectors must be a JSON array of records")
            .hint(r#"Write [{"id": "a", "values": [0.1, 0.2], "metadata": {"k": "v"}}, ...]."#)
    })?;
    check_count(items.len(), "record")?;
    Ok(items.into_iter().enumerate().map(move |(i, item)| record(item.get(), i + 1, shape)))
}

/// The elements of an array, unread; of an array that is too long, one more than allowed.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct ItemsVisitor;
        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    // A refusal needs no more, so memory does not grow with the input.
                    if items.len() <= MAX_RECORDS {
                        items.push(item);
                    }
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(ItemsVisitor).map_err(D::Error::custom)
    }
}

/// Checks the number of things (`noun`, singular) in one call.
///
/// # Errors
/// 22023 unless `n` is between 1 and [`MAX_RECORDS`].
pub fn check_count(n: usize, noun: &str) -> Result<()> {
    match n {
        0 => Err(Fault::new(state::INVALID_PARAMETER_VALUE, format!("at least one {noun} is required"))),
        1..=MAX_RECORDS => Ok(()),
        _ => Err(Fault::new(
            state::INVALID_PARAMETER_VALUE,
            format!("more than {MAX_RECORDS} {noun}s in one call"),
        )
        .hint("Split the call, or use SQL on the index's table; pc_describe_index() names it.")),
    }
}

fn record(json: &str, position: usize, shape: Shape) -> Result<Record<'_>> {
    let malformed = |reason: &str| {
        let reason: String = reason.chars().take(200).collect();
        Fault::new(
            state::INVALID_PARAMETER_VALUE,
            format!("record {position} of vectors is malformed: {reason}"),
        )
    };
    // For strings with escapes, which are copied as they grow, and a refusal that names a field.
    headroom(8 * json.len())?;
    // serde would take an array for the fields in their order
    if !json.starts_with('{') {
        return Err(malformed("expected an object"));
    }
    let raw: Raw = serde_json::from_str(json).map_err(|e| {
        let reason = e.to_string();
        malformed(reason.rsplit_once(" at line ").map_or(&*reason, |(before, _)| before))
    })?;
    id::check(&raw.id)?;
    let detail = || format!("Record {}.", quoted(&raw.id));
    if raw.sparse_values.is_some() {
        return Err(sparse_refusal(shape.metric).detail(detail()));
    }
    let Some(values) = raw.values else {
        return Err(Fault::new(state::INVALID_PARAMETER_VALUE, "values are required in a dense index")
            .detail(detail()));
    };
    let values = text::parse(values.get().as_bytes()).map_err(|fault| match fault.state {
        state::INVALID_TEXT_REPRESENTATION => {
            Fault::new(state::INVALID_PARAMETER_VALUE, "values must be a list of numbers").detail(detail())
        }
        _ => fault.detail(detail()),
    })?;
    shape.check_dimension(values.len()).map_err(|fault| fault.detail(detail()))?;
    Ok(Record { values, metadata: raw.metadata.map(RawValue::get), id: raw.id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn all(json: &str) -> Result<Vec<Record<'_>>> {
        parse(json, Shape { dimension: 2, metric: Metric::DotProduct })?.collect()
    }

    #[test]
    fn sparse_values_need_dotproduct() {
        let text = r#"[{"id": "a", "values": [1, 2], "sparse_values": {"indices": [1], "values": [1]}}]"#;
        for metric in [Metric::Cosine, Metric::Euclidean] {
            let fault = parse(text, Shape { dimension: 2, metric }).unwrap().next().unwrap().unwrap_err();
            assert_eq!(fault.state, state::INVALID_PARAMETER_VALUE);
        }
    }

    #[test]
    fn reads_records() {
        let text = r#"[{"id": "a", "values": [1, 2.5], "metadata": {"k": ["v"]}},
                       {"values": [-3e-1, 0], "id": "q\"", "metadata": null, "sparse_values": null}]"#;
        let records = all(text).unwrap();
        assert_eq!(
            records[0],
            Record { id: "a".into(), values: vec![1.0, 2.5], metadata: Some(r#"{"k": ["v"]}"#) }
        );
        assert_eq!(records[1], Record { id: "q\"".into(), values: vec![-0.3, 0.0], metadata: None });
    }

    #[test]
    fn refuses() {
        let one = |record: serde_json::Value| all(&json!([record]).to_string()).unwrap_err();
        for (bad, state, words) in [
            (json!({"values": [1, 2]}), state::INVALID_PARAMETER_VALUE, "missing field `id`"),
            (json!({"id": 5, "values": [1, 2]}), state::INVALID_PARAMETER_VALUE, "record 1 of vectors"),
            (json!({"id": "", "values": [1, 2]}), state::INVALID_PARAMETER_VALUE, "empty"),
            (json!({"id": "a"}), state::INVALID_PARAMETER_VALUE, "values are required"),
            (json!({"id": "a", "vals": [1, 2]}), state::INVALID_PARAMETER_VALUE, "unknown field `vals`"),
            (json!({"id": "a", "values": "x"}), state::INVALID_PARAMETER_VALUE, "list of numbers"),
            (json!({"id": "a", "values": [1, "x"]}), state::INVALID_PARAMETER_VALUE, "list of numbers"),
            (json!({"id": "a", "values": [1, null]}), state::INVALID_PARAMETER_VALUE, "list of numbers"),
            (json!({"id": "a", "values": [1, 2, 3]}), state::DATA_EXCEPTION, "expected 2 dimensions, not 3"),
            (json!({"id": "a", "values": [1, 1e39]}), state::NUMERIC_VALUE_OUT_OF_RANGE, "out of range"),
            (json!({"id": "a", "values": []}), state::DATA_EXCEPTION, "at least 1 dimension"),
            (
                json!({"id": "a", "values": [1, 2], "sparseValues": {}}),
                state::FEATURE_NOT_SUPPORTED,
                "sparse",
            ),
            (json!(7), state::INVALID_PARAMETER_VALUE, "record 1 of vectors"),
            (json!(["a", [1, 2]]), state::INVALID_PARAMETER_VALUE, "expected an object"),
            (json!({"k".repeat(9999): 1}), state::INVALID_PARAMETER_VALUE, "unknown field `kkk"),
        ] {
            let fault = one(bad.clone());
            assert_eq!(fault.state, state, "{bad}: {fault}");
            assert!(fault.message.contains(words), "{bad}: {fault}");
            assert!(!fault.message.contains(" at line "), "{fault}");
        }
        for bad in ["", "{}", "null", "[", r#"{"vectors": []}"#] {
            assert!(all(bad).unwrap_err().message.contains("JSON array"), "{bad}");
        }
    }

    #[test]
    fn counts() {
        assert!(all("[]").unwrap_err().message.contains("at least one"));
        let many = |n: usize| {
            json!((0..n).map(|i| json!({"id": i.to_string(), "values": [1, i]})).collect::<Vec<_>>())
        };
        assert_eq!(all(&many(1000).to_string()).unwrap().len(), 1000);
        assert!(all(&many(1001).to_string()).unwrap_err().message.contains("more than 1000 records"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = all(&text);
            let _ = all(&format!("[{text}]"));
            let _ = all(&format!(r#"[{{"id": "a", "values": [{text}]}}]"#));
        }
    }
}
