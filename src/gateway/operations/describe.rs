//! How the database describes an index.

use crate::database::row::Row;
use crate::failure::Result;

/// An index.
#[derive(Debug, Clone, Copy)]
pub struct Description<'a> {
    /// Its name.
    pub name: &'a str,
    /// Elements of its vectors; none for a sparse index.
    pub dimension: Option<i32>,
    /// `cosine`, `euclidean` or `dotproduct`.
    pub metric: &'a str,
    /// `dense` or `sparse`.
    pub vector_type: &'a str,
    /// `Ready`, or another of Pinecone's states.
    pub state: &'a str,
    /// Whether it takes requests.
    pub is_ready: bool,
    /// `enabled` or `disabled`.
    pub deletion_protection: &'a str,
    /// Tags, as JSON.
    pub tags: Option<&'a str>,
    /// In the form to 2026-04, as JSON.
    pub spec: Option<&'a str>,
    /// In that of 2026-07, as JSON.
    pub schema: Option<&'a str>,
    /// See `schema`.
    pub deployment: Option<&'a str>,
    /// Read capacity with its status, as JSON.
    pub read_capacity: Option<&'a str>,
}

impl<'a> Description<'a> {
    /// Of a row.
    ///
    /// # Errors
    /// If it is of another form.
    pub fn new(row: &'a Row) -> Result<Self> {
        let [
            name,
            dimension,
            metric,
            vector_type,
            status,
            ready,
            protection,
            tags,
            spec,
            schema,
            deployment,
            read_capacity,
        ] = row.cells()?;
        Ok(Self {
            name: name.required_text()?,
            dimension: dimension.int()?,
            metric: metric.required_text()?,
            vector_type: vector_type.required_text()?,
            state: status.required_text()?,
            is_ready: ready.bool(),
            deletion_protection: protection.required_text()?,
            tags: tags.jsonb()?,
            spec: spec.jsonb()?,
            schema: schema.jsonb()?,
            deployment: deployment.jsonb()?,
            read_capacity: read_capacity.jsonb()?,
        })
    }
}
