//! `POST /describe_index_stats`, and `GET`.

use crate::context::Context;
use crate::failure::{Code, Result};
use crate::json;
use crate::operations::stats::stats as count;
use crate::rest::Output;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, json};

#[derive(Deserialize, Default)]
struct Body<'a> {
    #[serde(borrow, default)]
    filter: Option<&'a RawValue>,
}

/// Answers how many records there are.
///
/// # Errors
/// 400 for another form, what else the database reports.
pub async fn stats(context: &Context<'_>, index: &str, body: &[u8]) -> Result<Output> {
    let body: Body = if body.is_empty() { Body::default() } else { json::read(body, Code::InvalidArgument)? };
    let (stats, lsn) = count(context, index, body.filter.map(RawValue::get)).await?;
    let mut namespaces = Map::new();
    for (name, summary) in stats.namespaces {
        let name = if name.is_empty() { context.version.default_namespace().into() } else { name };
        namespaces.insert(name, json!({"vectorCount": summary.vector_count}));
    }
    let mut answer = json!({
        "namespaces": namespaces,
        "indexFullness": 0.0,
        "totalVectorCount": stats.total_vector_count,
        "metric": stats.metric,
        "vectorType": stats.vector_type,
    });
    if let Some(dimension) = stats.dimension.filter(|dimension| *dimension > 0) {
        answer["dimension"] = dimension.into();
    }
    Ok(Output::ok(answer.to_string().into_bytes(), lsn))
}
