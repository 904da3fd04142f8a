//! `/namespaces`.

use super::write;
use crate::context::Context;
use crate::failure::{Code, Result};
use crate::http::query_string::QueryString;
use crate::json;
use crate::operations::namespaces::{self, Namespace};
use crate::rest::Output;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// `GET /namespaces`
///
/// # Errors
/// 400 for a limit that is none, what else the database reports.
pub async fn list(context: &Context<'_>, index: &str, query: &QueryString) -> Result<Output> {
    let (prefix, token) = (query.text("prefix"), query.text("paginationToken"));
    let page = namespaces::list(context, index, prefix, query.int("limit")?, token).await?;
    let mut out = b"{\"namespaces\":[".to_vec();
    for (place, namespace) in page.all().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        written(&mut out, &namespace?);
    }
    out.push(b']');
    write::pagination(&mut out, page.next()?);
    out.extend_from_slice(format!(",\"total_count\":{}}}", page.total()?).as_bytes());
    Ok(Output::ok(out, page.lsn()))
}

/// `GET /namespaces/{name}`
///
/// # Errors
/// 404 if it is not there, what else the database reports.
pub async fn describe(context: &Context<'_>, index: &str, name: &str) -> Result<Output> {
    let found = namespaces::describe(context, index, name).await?;
    let mut out = vec![];
    written(&mut out, &found.get()?);
    Ok(Output::ok(out, found.read()))
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
}

/// `POST /namespaces`
///
/// # Errors
/// 400 for another form, 409 if it is there, what else the database reports.
pub async fn create(context: &Context<'_>, index: &str, body: &[u8]) -> Result<Output> {
    let body: Body = json::read(body, Code::InvalidArgument)?;
    let made = namespaces::create(context, index, &body.name, body.schema.map(RawValue::get)).await?;
    let mut out = vec![];
    written(&mut out, &made.get()?);
    Ok(Output::ok(out, made.written()))
}

/// `DELETE /namespaces/{name}`
///
/// # Errors
/// 404 if it is not there, what else the database reports.
pub async fn delete(context: &Context<'_>, index: &str, name: &str) -> Result<Output> {
    let gone = namespaces::delete(context, index, name).await?;
    Ok(Output::ok(b"{}".to_vec(), gone.written()))
}

/// Writes a namespace. Its number of records is a string, as JSON has 64-bit numbers of Protocol Buffers.
fn written(out: &mut Vec<u8>, namespace: &Namespace<'_>) {
    out.extend_from_slice(b"{\"name\":");
    json::string(out, namespace.name);
    out.extend_from_slice(format!(",\"record_count\":\"{}\"", namespace.records).as_bytes());
    if let Some(schema) = namespace.schema {
        out.extend_from_slice(b",\"schema\":");
        out.extend_from_slice(schema.as_bytes());
    }
    out.push(b'}');
}
