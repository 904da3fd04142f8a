//! `schema`: the fields of an index, in the form of 2025-10 (names of filterable metadata fields) and in that of 2026-07, where the
//! vectors are fields, too.

use crate::fault::state::{FEATURE_NOT_SUPPORTED, INVALID_PARAMETER_VALUE};
use crate::fault::{Fault, Result, quoted};
use crate::pinecone::index::json::{Object, check_size, object, text, write};
use std::borrow::Cow;

/// The field that holds the dense vectors of an index with the vectors API.
pub const VALUES: &str = "_values";
/// The field that holds the sparse vectors of such an index.
pub const SPARSE_VALUES: &str = "_sparse_values";

/// What a schema says of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema<'a> {
    /// `dimension` of the dense vectors.
    pub dimension: Option<i32>,
    /// `metric` of the vectors.
    pub metric: Option<Cow<'a, str>>,
    /// `vector_type`, if the vectors are among the fields.
    pub vector_type: Option<&'static str>,
    /// The metadata fields, each with its JSON as given.
    pub fields: Vec<(Cow<'a, str>, &'a str)>,
}

/// Reads `{"fields": {"name": {...}, ...}}`.
///
/// # Errors
/// 22023 for JSON of another shape, 0A000 for fields that only the documents API has.
pub fn parse(json: &str) -> Result<Schema<'_>> {
    check_size("schema", json)?;
    let invalid = |message: String| {
        Fault::new(INVALID_PARAMETER_VALUE, message)
            .hint(r#"Write {"fields": {"genre": {"filterable": true}, ...}}."#)
    };
    let fields = object(json).and_then(|outer| object(outer.get("fields")?.get()));
    let Some(fields) = fields else {
        return Err(invalid("schema must be a JSON object with an object \"fields\"".into()));
    };
    let mut schema = Schema::default();
    for (name, raw) in fields {
        let Some(field) = object(raw.get()) else {
            return Err(invalid(format!("field {} of schema must be a JSON object", quoted(&name))));
        };
        match (&*name, text(&field, "type").as_deref()) {
            (VALUES, Some("dense_vector")) => {
                schema.vector_type = Some("dense");
                schema.dimension = field.get("dimension").and_then(|n| n.get().parse().ok());
                schema.metric = text(&field, "metric");
            }
            (SPARSE_VALUES, Some("sparse_vector")) => {
                schema.vector_type = schema.vector_type.or(Some("sparse"));
                schema.metric = schema.metric.or_else(|| text(&field, "metric"));
            }
            (VALUES | SPARSE_VALUES, _) => {
                return Err(invalid(format!("field {} of schema must be a vector", quoted(&name))));
            }
            (_, None | Some("string" | "float" | "integer" | "boolean" | "string_list")) => {
                check_field(&name, &field).map_err(|message| match message {
                    Why::Invalid(message) => invalid(message),
                    Why::Unsupported(fault) => fault,
                })?;
                schema.fields.push((name, raw.get()));
            }
            (_, Some(kind)) => {
                let message = format!(
                    "field {} of type {} in schema is not supported yet",
                    quoted(&name),
                    quoted(kind)
                );
                return Err(Fault::new(FEATURE_NOT_SUPPORTED, message).hint(format!(
                    "Vectors are in the fields \"{VALUES}\" and \"{SPARSE_VALUES}\"; metadata fields are of type string, float, \
                     integer, boolean or string_list."
                )));
            }
        }
    }
    Ok(schema)
}

enum Why {
    Invalid(String),
    Unsupported(Fault),
}

fn check_field(name: &str, field: &Object<'_>) -> std::result::Result<(), Why> {
    if name.is_empty() || name.starts_with('$') {
        return Err(Why::Invalid(format!("invalid field name {} in schema", quoted(name))));
    }
    for feature in ["full_text_search", "embed", "sparse_embed"] {
        if field.contains_key(feature) {
            let message = format!("{feature} of field {} in schema is not supported yet", quoted(name));
            return Err(Why::Unsupported(Fault::new(FEATURE_NOT_SUPPORTED, message)));
        }
    }
    match field.get("filterable").map(|raw| raw.get()) {
        Some("true") | None => Ok(()),
        Some(_) => Err(Why::Invalid(format!("filterable of field {} in schema must be true", quoted(name)))),
    }
}

/// Checks the schema of a namespace, which names metadata fields only.
///
/// # Errors
/// As [`parse`].
pub fn check_fields(json: &str) -> Result<()> {
    match parse(json)?.vector_type {
        None => Ok(()),
        Some(_) => {
            Err(Fault::new(INVALID_PARAMETER_VALUE, "schema of a namespace must name metadata fields only"))
        }
    }
}

impl Schema<'_> {
    /// The fields that can be filtered by, in the form of 2025-10; none if no fields are named, when all can.
    pub fn filterable(&self) -> Option<String> {
        let fields = self.filterable_fields()?;
        let fields: Vec<(&str, String)> =
            fields.map(|name| (name, r#"{"filterable": true}"#.to_owned())).collect();
        Some(write(&[("fields", write(&fields))]))
    }

    fn filterable_fields(&self) -> Option<impl Iterator<Item = &str>> {
        let is_filterable = |raw: &str| {
            object(raw).is_some_and(|field| !field.contains_key("type") || field.contains_key("filterable"))
        };
        let fields = self.fields.iter().filter(move |(_, raw)| is_filterable(raw)).map(|(name, _)| &**name);
        (!self.fields.is_empty()).then_some(fields)
    }

    /// The names of these fields, as a JSON list; none if no fields are named.
    pub fn filterable_names(&self) -> Option<String> {
        let fields = self.filterable_fields()?;
        Some(serde_json::Value::from(fields.collect::<Vec<_>>()).to_string())
    }

    /// All fields, in the form of 2026-07, with the vectors of an index.
    pub fn whole(&self, vector_type: &str, dimension: Option<i32>, metric: &str) -> String {
        let metric = serde_json::Value::from(metric).to_string();
        let vectors = match dimension {
            Some(dimension) if vector_type == "dense" => (
                VALUES,
                write(&[
                    ("type", r#""dense_vector""#.into()),
                    ("dimension", dimension.to_string()),
                    ("metric", metric),
                ]),
            ),
            _ => (SPARSE_VALUES, write(&[("type", r#""sparse_vector""#.into()), ("metric", metric)])),
        };
        let mut fields = vec![vectors];
        fields.extend(self.fields.iter().map(|(name, raw)| (&**name, (*raw).to_owned())));
        write(&[("fields", write(&fields))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let old =
            parse(r#"{"fields": {"genre": {"filterable": true}, "year": {"filterable": true}}}"#).unwrap();
        assert_eq!((old.dimension, old.vector_type, old.fields.len()), (None, None, 2));
        assert_eq!(
            old.filterable().unwrap(),
            r#"{"fields": {"genre": {"filterable": true}, "year": {"filterable": true}}}"#
        );
        let new = parse(
            r#"{"fields": {"_values": {"type": "dense_vector", "dimension": 8, "metric": "euclidean"},
                           "genre": {"type": "string", "filterable": true}, "note": {"type": "string"}}}"#,
        )
        .unwrap();
        assert_eq!(
            (new.dimension, new.metric.as_deref(), new.vector_type),
            (Some(8), Some("euclidean"), Some("dense"))
        );
        assert_eq!(new.filterable().unwrap(), r#"{"fields": {"genre": {"filterable": true}}}"#);
        assert_eq!(
            new.whole("dense", Some(8), "euclidean"),
            r#"{"fields": {"_values": {"type": "dense_vector", "dimension": 8, "metric": "euclidean"}, "genre": {"type": "string", "filterable": true}, "note": {"type": "string"}}}"#
        );
        assert_eq!(
            Schema::default().whole("sparse", None, "dotproduct"),
            r#"{"fields": {"_sparse_values": {"type": "sparse_vector", "metric": "dotproduct"}}}"#
        );
        assert_eq!(Schema::default().filterable(), None);
    }

    #[test]
    fn refusals() {
        for (bad, state) in [
            ("[]", INVALID_PARAMETER_VALUE),
            ("{}", INVALID_PARAMETER_VALUE),
            (r#"{"fields": []}"#, INVALID_PARAMETER_VALUE),
            (r#"{"fields": {"a": 1}}"#, INVALID_PARAMETER_VALUE),
            (r#"{"fields": {"a": {"filterable": false}}}"#, INVALID_PARAMETER_VALUE),
            (r#"{"fields": {"$a": {"filterable": true}}}"#, INVALID_PARAMETER_VALUE),
            (r#"{"fields": {"_values": {"type": "string"}}}"#, INVALID_PARAMETER_VALUE),
            (r#"{"fields": {"embedding": {"type": "dense_vector", "dimension": 3}}}"#, FEATURE_NOT_SUPPORTED),
            (r#"{"fields": {"body": {"type": "semantic_text"}}}"#, FEATURE_NOT_SUPPORTED),
            (r#"{"fields": {"body": {"type": "string", "full_text_search": {}}}}"#, FEATURE_NOT_SUPPORTED),
        ] {
            assert_eq!(parse(bad).unwrap_err().state, state, "{bad}");
        }
        assert!(check_fields(r#"{"fields": {"a": {"filterable": true}}}"#).is_ok());
        assert!(check_fields(r#"{"fields": {"_sparse_values": {"type": "sparse_vector"}}}"#).is_err());
    }
}
