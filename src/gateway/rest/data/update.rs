//! `POST /vectors/update`.

use super::sparse::SparseValues;
use crate::context::Context;
use crate::failure::{Code, Result};
use crate::json::{self, Object};
use crate::operations::update::Update;
use crate::rest::Output;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    filter: Option<&'a RawValue>,
    #[serde(borrow, default)]
    values: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "sparse_values")]
    sparse_values: Option<Object<SparseValues<'a>>>,
    #[serde(borrow, default, alias = "set_metadata")]
    set_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(default, alias = "dry_run")]
    dry_run: Option<bool>,
}

/// Changes records.
///
/// # Errors
/// 400 for another form, what else the database reports.
pub async fn update(context: &Context<'_>, index: &str, body: &[u8]) -> Result<Output> {
    let body: Body = json::read(body, Code::InvalidArgument)?;
    let update = Update {
        id: body.id.as_deref(),
        filter: body.filter.map(RawValue::get),
        values: body.values.map(|raw| json::floats(raw.get(), "values")).transpose()?,
        sparse: body.sparse_values.map(|sparse| sparse.0.read()).transpose()?,
        set_metadata: body.set_metadata.map(RawValue::get),
        namespace: body.namespace.as_deref().unwrap_or_default(),
        dry_run: body.dry_run == Some(true),
    };
    let is_by_filter = update.filter.is_some();
    let (matched, lsn) = update.run(context, index).await?;
    // Of one record, Pinecone does not say whether it was there.
    let body = if is_by_filter { format!("{{\"matchedRecords\":{matched}}}") } else { "{}".into() };
    Ok(Output::ok(body.into_bytes(), lsn))
}
