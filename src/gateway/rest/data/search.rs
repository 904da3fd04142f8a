//! `POST /records/namespaces/{namespace}/search`, by a vector or a record. Texts need a model, which there is none of yet.

use crate::context::Context;
use crate::failure::{Code, Failure, Result};
use crate::json::{self, Object};
use crate::operations::query::Query;
use crate::rest::Output;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    query: Object<Wanted<'a>>,
    #[serde(default)]
    fields: Option<Vec<String>>,
    #[serde(borrow, default)]
    rerank: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wanted<'a> {
    top_k: i32,
    #[serde(borrow, default)]
    inputs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    vector: Option<Object<Vector<'a>>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    filter: Option<&'a RawValue>,
    #[serde(borrow, default)]
    match_terms: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(borrow, default)]
    values: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sparse_values: Option<&'a RawValue>,
    #[serde(default)]
    sparse_indices: Option<Vec<u32>>,
}

/// Answers a search.
///
/// # Errors
/// 400 for another form and for what needs a model, what else the database reports.
pub async fn search(context: &Context<'_>, index: &str, namespace: &str, body: &[u8]) -> Result<Output> {
    let body: Body = json::read(body, Code::InvalidArgument)?;
    let wanted = body.query.0;
    if wanted.inputs.is_some() {
        return Err(Failure::invalid("the index has no integrated embedding: search by vector or id"));
    }
    for (given, what) in [(body.rerank, "reranking models"), (wanted.match_terms, "match_terms")] {
        if given.is_some() {
            return Err(Failure::unimplemented(what));
        }
    }
    let mut query = Query {
        id: wanted.id.as_deref(),
        top_k: wanted.top_k,
        namespace,
        filter: wanted.filter.map(RawValue::get),
        include_metadata: true,
        ..Query::default()
    };
    if let Some(Object(vector)) = wanted.vector {
        query.vector = vector.values.map(|raw| json::floats(raw.get(), "vector")).transpose()?;
        let values = vector.sparse_values.map(|raw| json::floats(raw.get(), "sparse_values")).transpose()?;
        if values.is_some() || vector.sparse_indices.is_some() {
            query.sparse = Some(crate::database::params::Sparse {
                indices: vector.sparse_indices.unwrap_or_default(),
                values: values.unwrap_or_default(),
            });
        }
    }
    let matches = query.run(context, index).await?;
    let mut out = b"{\"result\":{\"hits\":[".to_vec();
    for (place, found) in matches.all().enumerate() {
        let found = found?;
        out.extend_from_slice(if place == 0 { b"{\"_id\":" } else { b",{\"_id\":" });
        json::string(&mut out, found.record.id);
        out.extend_from_slice(b",\"_score\":");
        json::float(&mut out, found.score);
        out.extend_from_slice(b",\"fields\":");
        out.extend_from_slice(fields(found.record.metadata, body.fields.as_deref())?.as_bytes());
        out.push(b'}');
    }
    out.extend_from_slice(b"]},\"usage\":{\"read_units\":1}}");
    Ok(Output::ok(out, matches.lsn()))
}

/// The fields of a record that are asked for: all if none are named.
fn fields<'a>(metadata: Option<&'a str>, wanted: Option<&[String]>) -> Result<Cow<'a, str>> {
    let (Some(wanted), Some(text)) = (wanted, metadata) else { return Ok(metadata.unwrap_or("{}").into()) };
    let wrong = |_| Failure::internal("the database has answered metadata that are no JSON");
    let all: Map<String, Value> = serde_json::from_str(text).map_err(wrong)?;
    let some: Map<String, Value> = all.into_iter().filter(|(name, _)| wanted.contains(name)).collect();
    Ok(Value::from(some).to_string().into())
}
