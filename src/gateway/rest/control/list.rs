//! `GET /indexes`: all at once, as Pinecone has it.

use super::model::model;
use crate::context::Context;
use crate::failure::Result;
use crate::operations::indexes;
use crate::rest::{Output, Place};
use serde_json::{Value, json};

/// Describes all indexes.
///
/// # Errors
/// What the database reports.
pub async fn list(context: &Context<'_>, place: &Place<'_>) -> Result<Output> {
    let found = indexes::list(context).await?;
    let models: Vec<Value> =
        found.all().map(|index| model(place, context.version, &index?)).collect::<Result<_>>()?;
    Ok(Output::ok(json!({"indexes": models}).to_string().into_bytes(), found.read()))
}
