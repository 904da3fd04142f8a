//! A record as the database gives it.

use crate::database::row::{Cell, SparseCell, VectorCell};
use crate::failure::Result;

/// A record, or the parts of it that were asked for.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its dense vector.
    pub values: Option<VectorCell<'a>>,
    /// Its sparse vector.
    pub sparse: Option<SparseCell<'a>>,
    /// Its metadata, as JSON.
    pub metadata: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// Of the columns id, values, sparse_values, metadata.
    ///
    /// # Errors
    /// If they are of other types.
    pub fn new([id, values, sparse, metadata]: [Cell<'a>; 4]) -> Result<Self> {
        Ok(Self {
            id: id.required_text()?,
            values: values.vector()?,
            sparse: sparse.sparse()?,
            metadata: metadata.jsonb()?,
        })
    }
}
