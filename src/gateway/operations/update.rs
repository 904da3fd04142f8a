//! Parts of a record, or metadata of all records that a filter matches.

use crate::context::{Context, Lsn};
use crate::database::params::{Params, Sparse};
use crate::database::statement::Statement;
use crate::failure::{Failure, Result};

/// What becomes of which records.
#[derive(Debug, Default)]
pub struct Update<'a> {
    /// The record.
    pub id: Option<&'a str>,
    /// Or the records that this matches, as JSON.
    pub filter: Option<&'a str>,
    /// New vector; an empty one is none.
    pub values: Option<Vec<f32>>,
    /// New sparse vector.
    pub sparse: Option<Sparse>,
    /// Metadata to lay over what is there, as JSON.
    pub set_metadata: Option<&'a str>,
    /// Where.
    pub namespace: &'a str,
    /// Whether to count only.
    pub dry_run: bool,
}

impl Update<'_> {
    /// Runs it. Returns how many records match.
    ///
    /// # Errors
    /// What the database reports.
    pub async fn run(mut self, context: &Context<'_>, index: &str) -> Result<(i64, Lsn)> {
        let values = self.values.take().filter(|values| !values.is_empty());
        if let Some(sparse) = &mut self.sparse {
            sparse.sort().map_err(Failure::invalid)?;
        }
        let params = Params::new()
            .text(index)
            .text(self.id.filter(|id| !id.is_empty()))
            .vector(values.as_deref())
            .sparse(self.sparse.as_ref())
            .jsonb(self.set_metadata)
            .jsonb(self.filter)
            .text(self.namespace)
            .bool(self.dry_run);
        let answer = context.run(Statement::Update, params).await?;
        let row = answer.rows.first().ok_or_else(|| Failure::internal("pc_update has answered no row"))?;
        Ok((row.cells::<1>()?[0].bigint()?, Lsn::Written(answer.lsn)))
    }
}
