//! `GET /vectors/list`.

use super::write;
use crate::context::Context;
use crate::failure::Result;
use crate::http::query_string::QueryString;
use crate::json;
use crate::operations::list::list as ids;
use crate::operations::plain_namespace;
use crate::rest::Output;

/// Answers a page of ids.
///
/// # Errors
/// 400 for a limit that is none, what else the database reports.
pub async fn list(context: &Context<'_>, index: &str, query: &QueryString) -> Result<Output> {
    let namespace = query.get("namespace").unwrap_or_default();
    let (prefix, token) = (query.text("prefix"), query.text("paginationToken"));
    let ids = ids(context, index, namespace, prefix, query.int("limit")?, token).await?;
    let mut out = Vec::with_capacity(32 * (ids.all().len() + 4));
    out.extend_from_slice(b"{\"vectors\":[");
    for (place, id) in ids.all().enumerate() {
        out.extend_from_slice(if place == 0 { b"{\"id\":" } else { b",{\"id\":" });
        json::string(&mut out, id?);
        out.push(b'}');
    }
    out.push(b']');
    write::pagination(&mut out, ids.next()?);
    write::end(&mut out, plain_namespace(namespace));
    Ok(Output::ok(out, ids.lsn()))
}
