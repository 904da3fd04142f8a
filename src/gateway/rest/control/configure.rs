//! `PATCH /indexes/{name}`, in both forms.

use super::model::model;
use crate::context::Context;
use crate::failure::{Code, Failure, Result};
use crate::json;
use crate::operations::indexes;
use crate::rest::{Output, Place};
use crate::version::Version;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What may change, in either form.
#[derive(Deserialize)]
struct Changes<'a> {
    #[serde(borrow, default)]
    deletion_protection: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
    /// To 2026-04.
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
    #[serde(borrow, default)]
    embed: Option<&'a RawValue>,
    /// From 2026-07 on.
    #[serde(borrow, default)]
    read_capacity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    deployment: Option<&'a RawValue>,
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
}

/// Changes an index and describes it.
///
/// # Errors
/// 422 for another form, 400 for what cannot change, what else the database reports.
pub async fn configure(context: &Context<'_>, place: &Place<'_>, name: &str, body: &[u8]) -> Result<Output> {
    let given: Changes = json::read(body, Code::Unprocessable)?;
    if given.embed.is_some() {
        return Err(Failure::unimplemented("indexes with integrated embedding"));
    }
    if given.schema.is_some() {
        return Err(Failure::invalid("the schema of an index cannot be changed"));
    }
    let of_other_version = match context.version {
        Version::Schema => given.spec.map(|_| "spec"),
        _ => given.deployment.map(|_| "deployment").or(given.read_capacity.map(|_| "read_capacity")),
    };
    if let Some(member) = of_other_version {
        return Err(Failure::invalid(format!("{member} belongs to another version of the API")));
    }
    // The replicas and the kind of an index's pods, which the database keeps in the older form.
    let pods = given.deployment.map(|deployment| format!("{{\"pod\": {deployment}}}"));
    let changed = indexes::configure(
        context,
        name,
        given.deletion_protection.as_deref(),
        given.tags.map(RawValue::get),
        pods.as_deref().or(given.spec.map(RawValue::get)),
        given.read_capacity.map(RawValue::get),
    )
    .await?;
    let body = model(place, context.version, &changed.one()?)?.to_string().into_bytes();
    Ok(Output { status: 202, body, lsn: Some(changed.written()) })
}
