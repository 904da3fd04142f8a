//! Indexes: made, described, changed and deleted.

use super::describe::Description;
use crate::context::{Context, Lsn};
use crate::database::params::Params;
use crate::database::session::Answer;
use crate::database::statement::Statement;
use crate::failure::{Failure, Result};

/// Descriptions of indexes.
pub struct Indexes(Answer);

impl Indexes {
    /// All of them.
    pub fn all(&self) -> impl ExactSizeIterator<Item = Result<Description<'_>>> {
        self.0.rows.iter().map(Description::new)
    }

    /// The only one.
    ///
    /// # Errors
    /// If there is none.
    pub fn one(&self) -> Result<Description<'_>> {
        self.all().next().unwrap_or_else(|| Err(Failure::internal("the database has answered no index")))
    }

    /// Up to where was read.
    pub fn read(&self) -> Lsn {
        Lsn::Read(self.0.lsn)
    }

    /// Up to where was written.
    pub fn written(&self) -> Lsn {
        Lsn::Written(self.0.lsn)
    }
}

/// An index to be made: JSON as it was given.
#[derive(Debug, Default)]
pub struct NewIndex<'a> {
    /// Its name.
    pub name: &'a str,
    /// Elements of its vectors.
    pub dimension: Option<i32>,
    /// Its metric.
    pub metric: Option<&'a str>,
    /// `dense` or `sparse`.
    pub vector_type: Option<&'a str>,
    /// `spec`
    pub spec: Option<&'a str>,
    /// `deletion_protection`
    pub deletion_protection: Option<&'a str>,
    /// `tags`
    pub tags: Option<&'a str>,
    /// `schema`
    pub schema: Option<&'a str>,
    /// `deployment`
    pub deployment: Option<&'a str>,
    /// `read_capacity`
    pub read_capacity: Option<&'a str>,
}

/// All indexes that the key can see.
///
/// # Errors
/// What the database reports.
pub async fn list(context: &Context<'_>) -> Result<Indexes> {
    context.run(Statement::ListIndexes, Params::new()).await.map(Indexes)
}

/// One of them.
///
/// # Errors
/// What the database reports: 404 if it is not there.
pub async fn describe(context: &Context<'_>, name: &str) -> Result<Indexes> {
    context.run(Statement::DescribeIndex, Params::new().text(name)).await.map(Indexes)
}

/// Makes one.
///
/// # Errors
/// What the database reports: 409 if there is one of that name.
pub async fn create(context: &Context<'_>, new: &NewIndex<'_>) -> Result<Indexes> {
    let params = Params::new()
        .text(new.name)
        .int(new.dimension)
        .text(new.metric)
        .text(new.vector_type)
        .jsonb(new.spec)
        .text(new.deletion_protection)
        .jsonb(new.tags)
        .jsonb(new.schema)
        .jsonb(new.deployment)
        .jsonb(new.read_capacity);
    context.run(Statement::CreateIndex, params).await.map(Indexes)
}

/// Changes what is given of one.
///
/// # Errors
/// What the database reports.
pub async fn configure(
    context: &Context<'_>,
    name: &str,
    deletion_protection: Option<&str>,
    tags: Option<&str>,
    spec: Option<&str>,
    read_capacity: Option<&str>,
) -> Result<Indexes> {
    let params =
        Params::new().text(name).text(deletion_protection).jsonb(tags).jsonb(spec).jsonb(read_capacity);
    context.run(Statement::ConfigureIndex, params).await.map(Indexes)
}

/// Deletes one.
///
/// # Errors
/// What the database reports: 403 if it is protected.
pub async fn delete(context: &Context<'_>, name: &str) -> Result<Lsn> {
    let answer = context.run(Statement::DeleteIndex, Params::new().text(name)).await?;
    Ok(Lsn::Written(answer.lsn))
}

/// Whether an index was made as one of pods, as far as the key may know.
///
/// # Errors
/// What the database reports, but for keys that may not describe indexes.
pub async fn is_of_pods(context: &Context<'_>, name: &str) -> Result<bool> {
    let indexes = match describe(context, name).await {
        Err(failure) if failure.status() == 403 => return Ok(false),
        other => other?,
    };
    let deployment = indexes.one()?.deployment.unwrap_or_default();
    let deployment: serde_json::Value = serde_json::from_str(deployment).unwrap_or_default();
    Ok(deployment["deployment_type"] == "pod")
}
