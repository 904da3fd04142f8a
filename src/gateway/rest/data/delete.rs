//! `POST /vectors/delete`.

use crate::context::Context;
use crate::failure::{Code, Result};
use crate::json;
use crate::operations::delete::Delete;
use crate::rest::Output;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(default)]
    ids: Option<Vec<String>>,
    #[serde(default, alias = "delete_all")]
    delete_all: Option<bool>,
    #[serde(borrow, default)]
    filter: Option<&'a RawValue>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
}

/// Deletes records.
///
/// # Errors
/// 400 for another form, 404 for a namespace that is not there, what else the database reports.
pub async fn delete(context: &Context<'_>, index: &str, body: &[u8]) -> Result<Output> {
    let body: Body = json::read(body, Code::InvalidArgument)?;
    let delete = Delete {
        ids: body.ids.as_deref(),
        delete_all: body.delete_all == Some(true),
        filter: body.filter.map(RawValue::get),
        namespace: body.namespace.as_deref().unwrap_or_default(),
    };
    let lsn = delete.run(context, index).await?;
    Ok(Output::ok(b"{}".to_vec(), lsn))
}
