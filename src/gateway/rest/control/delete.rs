//! `DELETE /indexes/{name}`.

use crate::context::Context;
use crate::failure::Result;
use crate::operations::indexes;
use crate::rest::Output;

/// Deletes an index.
///
/// # Errors
/// 404 if it is not there, 403 if it is protected, what else the database reports.
pub async fn delete(context: &Context<'_>, name: &str) -> Result<Output> {
    let lsn = indexes::delete(context, name).await?;
    Ok(Output { status: 202, body: vec![], lsn: Some(lsn) })
}
