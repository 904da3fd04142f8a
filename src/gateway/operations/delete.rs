//! Records that go: by id, by a filter, or all of a namespace.

use super::namespaces;
use crate::context::{Context, Lsn};
use crate::database::params::Params;
use crate::database::statement::Statement;
use crate::failure::{Code, Failure, Result};

/// Which records go.
#[derive(Debug, Default)]
pub struct Delete<'a> {
    /// These.
    pub ids: Option<&'a [String]>,
    /// All.
    pub delete_all: bool,
    /// Those that this matches, as JSON.
    pub filter: Option<&'a str>,
    /// Where.
    pub namespace: &'a str,
}

impl Delete<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// What the database reports; 404 for a namespace that does not exist, as Pinecone has it. In SQL that is no error.
    pub async fn run(self, context: &Context<'_>, index: &str) -> Result<Lsn> {
        let params = Params::new()
            .text(index)
            .texts(self.ids.filter(|ids| !ids.is_empty()))
            .bool(self.delete_all)
            .jsonb(self.filter)
            .text(self.namespace);
        let answer = context.run(Statement::Delete, params).await?;
        let row = answer.rows.first().ok_or_else(|| Failure::internal("pc_delete has answered no row"))?;
        if row.cells::<1>()?[0].bigint()? == 0 {
            match namespaces::describe(context, index, self.namespace).await {
                Err(failure) if failure.code == Code::NotFound => {
                    return Err(failure.with_message("Namespace not found"));
                }
                other => other.map(drop)?,
            }
        }
        Ok(Lsn::Written(answer.lsn))
    }
}
