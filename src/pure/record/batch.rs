//! The `vectors` argument of an upsert: JSON records, read without a tree in between.

use crate::fault::{Fault, Result, state};
use crate::record::id;
use crate::vector::text;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Most records of one call.
pub const MAX_RECORDS: usize = 1000;

/// One record to be written.
#[derive(Debug, PartialEq)]
pub struct Record<'a> {
    /// Checked id.
    pub id: Cow<'a, str>,
    /// As many elements as the index has dimensions.
    pub values: Vec<f32>,
    /// JSON text, not looked at; `None` if absent or null.
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

/// Reads a JSON array of 1 to [`MAX_RECORDS`] records for a dense index of `dimension` elements.
///
/// Metadata and the direction of a vector are not looked at: the table's own checks do that, for every
/// way into it.
///
/// # Errors
/// 22023 for anything that is no array of records, or too many; 22000 in pgvector's words for a wrong
/// number of elements; 0A000 for sparse values. DETAIL names the record.
pub fn parse(json: &str, dimension: usize) -> Result<Vec<Record<'_>>> {
    let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| {
        Fault::new(state::INVALID_PARAMETER_VALUE, "vectors must be a JSON array of records")
            .hint(r#"Write [{"id": "a", "values": [0.1, 0.2], "metadata": {"k": "v"}}, ...]."#)
    })?;
    check_count(items.len(), "record")?;
    items.iter().enumerate().map(|(i, item)| record(item.get(), i + 1, dimension)).collect()
}

/// Checks how many things (`noun`, singular) one call is about.
///
/// # Errors
/// 22023 unless it is between 1 and [`MAX_RECORDS`].
pub fn check_count(n: usize, noun: &str) -> Result<()> {
    match n {
        0 => Err(Fault::new(state::INVALID_PARAMETER_VALUE, format!("at least one {noun} is required"))),
        1..=MAX_RECORDS => Ok(()),
        _ => Err(Fault::new(
            state::INVALID_PARAMETER_VALUE,
            format!("{n} {noun}s exceed the limit of {MAX_RECORDS} per call"),
        )
        .hint("Split the call, or use SQL on the index's table; pc_describe_index() names it.")),
    }
}

fn record(json: &str, position: usize, dimension: usize) -> Result<Record<'_>> {
    let raw: Raw = serde_json::from_str(json).map_err(|e| {
        let reason = e.to_string();
        let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(before, _)| before);
        Fault::new(
            state::INVALID_PARAMETER_VALUE,
            format!("record {position} of vectors is malformed: {reason}"),
        )
    })?;
    id::check(&raw.id)?;
    let detail = || format!("Record \"{}\".", raw.id);
    if raw.sparse_values.is_some() {
        return Err(
            Fault::new(state::FEATURE_NOT_SUPPORTED, "sparse values are not supported yet").detail(detail())
        );
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
    if values.len() != dimension {
        return Err(Fault::new(
            state::DATA_EXCEPTION,
            format!("expected {dimension} dimensions, not {}", values.len()),
        )
        .detail(detail()));
    }
    Ok(Record { values, metadata: raw.metadata.map(RawValue::get), id: raw.id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn reads_records() {
        let text = r#"[{"id": "a", "values": [1, 2.5], "metadata": {"k": ["v"]}},
                       {"values": [-3e-1, 0], "id": "q\"", "metadata": null, "sparse_values": null}]"#;
        let records = parse(text, 2).unwrap();
        assert_eq!(
            records[0],
            Record { id: "a".into(), values: vec![1.0, 2.5], metadata: Some(r#"{"k": ["v"]}"#) }
        );
        assert_eq!(records[1], Record { id: "q\"".into(), values: vec![-0.3, 0.0], metadata: None });
    }

    #[test]
    fn refuses() {
        let one = |record: serde_json::Value| parse(&json!([record]).to_string(), 2).unwrap_err();
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
        ] {
            let fault = one(bad.clone());
            assert_eq!(fault.state, state, "{bad}: {fault}");
            assert!(fault.message.contains(words), "{bad}: {fault}");
            assert!(!fault.message.contains(" at line "), "{fault}");
        }
        for bad in ["", "{}", "null", "[", r#"{"vectors": []}"#] {
            assert!(parse(bad, 2).unwrap_err().message.contains("JSON array"), "{bad}");
        }
    }

    #[test]
    fn counts() {
        assert!(parse("[]", 2).unwrap_err().message.contains("at least one"));
        let many = |n: usize| {
            json!((0..n).map(|i| json!({"id": i.to_string(), "values": [1, i]})).collect::<Vec<_>>())
        };
        assert_eq!(parse(&many(1000).to_string(), 2).unwrap().len(), 1000);
        assert!(parse(&many(1001).to_string(), 2).unwrap_err().message.contains("1001"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = parse(&text, 2);
            let _ = parse(&format!("[{text}]"), 2);
            let _ = parse(&format!(r#"[{{"id": "a", "values": [{text}]}}]"#), 2);
        }
    }
}
