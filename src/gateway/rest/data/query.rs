//! `POST /query`.

use super::sparse::SparseValues;
use super::write;
use crate::context::Context;
use crate::failure::{Code, Failure, Result};
use crate::json::{self, Object};
use crate::operations::plain_namespace;
use crate::operations::query::{Matches, Query};
use crate::rest::Output;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The largest answer that Pinecone gives.
const MAX_ANSWER: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(alias = "top_k")]
    top_k: i32,
    #[serde(borrow, default)]
    vector: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "sparse_vector")]
    sparse_vector: Option<Object<SparseValues<'a>>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    filter: Option<&'a RawValue>,
    #[serde(default, alias = "include_values")]
    include_values: Option<bool>,
    #[serde(default, alias = "include_metadata")]
    include_metadata: Option<bool>,
    #[serde(borrow, default)]
    queries: Option<&'a RawValue>,
}

/// Answers a query.
///
/// # Errors
/// 400 for another form, what else the database reports.
pub async fn query(context: &Context<'_>, index: &str, body: &[u8]) -> Result<Output> {
    let body: Body = json::read(body, Code::InvalidArgument)?;
    if body.queries.is_some_and(|queries| queries.get() != "[]") {
        return Err(Failure::invalid("queries are not taken: give vector or id"));
    }
    let namespace = body.namespace.as_deref().unwrap_or_default();
    let query = Query {
        vector: body.vector.map(|raw| json::floats(raw.get(), "vector")).transpose()?,
        sparse: body.sparse_vector.map(|sparse| sparse.0.read()).transpose()?,
        id: body.id.as_deref(),
        top_k: body.top_k,
        namespace,
        filter: body.filter.map(RawValue::get),
        include_values: body.include_values == Some(true),
        include_metadata: body.include_metadata == Some(true),
    };
    let matches = query.run(context, index).await?;
    Ok(Output::ok(written(&matches, plain_namespace(namespace))?, matches.lsn()))
}

fn written(matches: &Matches, namespace: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(128 * (matches.all().len() + 1));
    out.extend_from_slice(b"{\"matches\":[");
    for (place, found) in matches.all().enumerate() {
        let found = found?;
        out.extend_from_slice(if place == 0 { b"{\"id\":" } else { b",{\"id\":" });
        json::string(&mut out, found.record.id);
        out.extend_from_slice(b",\"score\":");
        json::float(&mut out, found.score);
        if found.record.values.is_none() {
            out.extend_from_slice(b",\"values\":[]");
        }
        write::vectors(&mut out, &found.record);
        out.push(b'}');
        if out.len() > MAX_ANSWER {
            return Err(Failure::invalid(format!(
                "the answer would have more than {MAX_ANSWER} bytes: ask for fewer records, or without their values"
            )));
        }
    }
    out.push(b']');
    write::end(&mut out, namespace);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Body<'_>> {
        json::read(text.as_bytes(), Code::InvalidArgument)
    }

    #[test]
    fn bodies() {
        let body =
            read(r#"{"topK": 3, "vector": [1, 2], "includeMetadata": true, "filter": {"a": {"$in": [1]}}}"#)
                .unwrap();
        assert_eq!((body.top_k, body.include_metadata, body.namespace), (3, Some(true), None));
        assert_eq!(body.filter.unwrap().get(), r#"{"a": {"$in": [1]}}"#);
        let nulls =
            read(r#"{"topK": 3, "id": "a\u0062", "vector": null, "namespace": null, "filter": null}"#)
                .unwrap();
        assert_eq!(nulls.id.as_deref(), Some("ab"));
        assert!(nulls.vector.is_none() && nulls.filter.is_none());
        for wrong in [
            "{}",
            r#"{"topK": "3"}"#,
            r#"{"topK": 1.5}"#,
            r#"{"topK": 3, "id": 7}"#,
            r#"{"topK": 3, "vector": [NaN]}"#,
            r#"{"topK": 3, "topK": 4}"#,
            r#"{"topK": 99999999999}"#,
            r#"{"topK": 3, "sparseVector": {"indices": [-1], "values": [1]}}"#,
        ] {
            assert!(matches!(read(wrong), Err(failure) if failure.status() == 400), "{wrong}");
        }
    }
}
