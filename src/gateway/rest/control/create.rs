//! `POST /indexes`, in both forms.

use super::model::model;
use crate::context::Context;
use crate::failure::{Code, Failure, Result};
use crate::json;
use crate::operations::indexes::{self, NewIndex};
use crate::rest::{Output, Place};
use crate::version::Version;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// To 2026-04.
#[derive(Deserialize)]
struct OfSpec<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    dimension: Option<i32>,
    #[serde(borrow, default)]
    metric: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    vector_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    spec: &'a RawValue,
    #[serde(borrow, default)]
    deletion_protection: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
}

/// From 2026-07 on.
#[derive(Deserialize)]
struct OfSchema<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    schema: &'a RawValue,
    #[serde(borrow, default)]
    deployment: Option<&'a RawValue>,
    #[serde(borrow, default)]
    read_capacity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    deletion_protection: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
    #[serde(borrow, default)]
    source_collection: Option<&'a RawValue>,
    #[serde(borrow, default)]
    source_backup_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cmek_id: Option<&'a RawValue>,
}

/// Makes an index and describes it.
///
/// # Errors
/// 422 for another form, 409 for a name that is taken, what else the database reports.
pub async fn create(context: &Context<'_>, place: &Place<'_>, body: &[u8]) -> Result<Output> {
    let made = if context.version == Version::Schema {
        let given: OfSchema = json::read(body, Code::Unprocessable)?;
        for (name, what) in [
            (given.source_collection, "collections"),
            (given.source_backup_id, "backups"),
            (given.cmek_id, "encryption keys of customers"),
        ] {
            if name.is_some() {
                return Err(Failure::unimplemented(what));
            }
        }
        let name = given.name.unwrap_or_else(|| some_name().into());
        let new = NewIndex {
            name: &name,
            schema: Some(given.schema.get()),
            deployment: given.deployment.map(RawValue::get),
            read_capacity: given.read_capacity.map(RawValue::get),
            deletion_protection: given.deletion_protection.as_deref(),
            tags: given.tags.map(RawValue::get),
            ..NewIndex::default()
        };
        indexes::create(context, &new).await?
    } else {
        let given: OfSpec = json::read(body, Code::Unprocessable)?;
        let new = NewIndex {
            name: &given.name,
            dimension: given.dimension,
            metric: given.metric.as_deref(),
            vector_type: given.vector_type.as_deref(),
            spec: Some(given.spec.get()),
            deletion_protection: given.deletion_protection.as_deref(),
            tags: given.tags.map(RawValue::get),
            ..NewIndex::default()
        };
        indexes::create(context, &new).await?
    };
    let body = model(place, context.version, &made.one()?)?.to_string().into_bytes();
    Ok(Output { status: 201, body, lsn: Some(made.written()) })
}

/// A name for an index that is given none.
fn some_name() -> String {
    format!("index-{:016x}", RandomState::new().build_hasher().finish())
}
