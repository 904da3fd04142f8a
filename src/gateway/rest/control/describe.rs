//! `GET /indexes/{name}`.

use super::model::model;
use crate::context::Context;
use crate::failure::Result;
use crate::operations::indexes;
use crate::rest::{Output, Place};

/// Describes an index.
///
/// # Errors
/// 404 if it is not there, what else the database reports.
pub async fn describe(context: &Context<'_>, place: &Place<'_>, name: &str) -> Result<Output> {
    let found = indexes::describe(context, name).await?;
    let body = model(place, context.version, &found.one()?)?.to_string().into_bytes();
    Ok(Output::ok(body, found.read()))
}
