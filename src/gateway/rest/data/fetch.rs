//! `GET /vectors/fetch` and `POST /vectors/fetch_by_metadata`.

use super::write;
use crate::context::Context;
use crate::failure::{Code, Result};
use crate::http::query_string::QueryString;
use crate::json;
use crate::operations::fetch::{self, Records};
use crate::operations::plain_namespace;
use crate::rest::Output;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Answers the records of ids.
///
/// # Errors
/// 400 without ids, what else the database reports.
pub async fn by_id(context: &Context<'_>, index: &str, query: &QueryString) -> Result<Output> {
    let namespace = query.get("namespace").unwrap_or_default();
    let records = fetch::by_id(context, index, namespace, &query.all("ids")).await?;
    Ok(Output::ok(written(&records, namespace)?, records.lsn()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow, default)]
    filter: Option<&'a RawValue>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(default)]
    limit: Option<i32>,
    #[serde(borrow, default, alias = "pagination_token")]
    pagination_token: Option<Cow<'a, str>>,
}

/// Answers a page of the records that a filter matches.
///
/// # Errors
/// 400 for another form, what else the database reports.
pub async fn by_metadata(context: &Context<'_>, index: &str, body: &[u8]) -> Result<Output> {
    let body: Body = json::read(body, Code::InvalidArgument)?;
    let namespace = body.namespace.as_deref().unwrap_or_default();
    let filter = body.filter.map(RawValue::get);
    let token = body.pagination_token.as_deref().filter(|token| !token.is_empty());
    let records = fetch::by_metadata(context, index, namespace, filter, body.limit, token).await?;
    Ok(Output::ok(written(&records, namespace)?, records.lsn()))
}

fn written(records: &Records, namespace: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"vectors\":{");
    for (place, record) in records.all().enumerate() {
        let record = record?;
        if place > 0 {
            out.push(b',');
        }
        json::string(&mut out, record.id);
        out.extend_from_slice(b":{\"id\":");
        json::string(&mut out, record.id);
        write::vectors(&mut out, &record);
        out.push(b'}');
    }
    out.push(b'}');
    write::pagination(&mut out, records.next()?);
    write::end(&mut out, plain_namespace(namespace));
    Ok(out)
}
