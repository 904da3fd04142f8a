//! The nearest records to a vector, or to a record.

use super::record::Record;
use crate::context::{Context, Lsn};
use crate::database::params::{Params, Sparse};
use crate::database::session::Answer;
use crate::database::statement::Statement;
use crate::failure::{Failure, Result};

/// A query.
#[derive(Debug, Default)]
pub struct Query<'a> {
    /// Dense vector; an empty one is none.
    pub vector: Option<Vec<f32>>,
    /// Sparse vector.
    pub sparse: Option<Sparse>,
    /// The record whose vector it is.
    pub id: Option<&'a str>,
    /// How many.
    pub top_k: i32,
    /// Where.
    pub namespace: &'a str,
    /// Filter, as JSON.
    pub filter: Option<&'a str>,
    /// Whether vectors come along.
    pub include_values: bool,
    /// Whether metadata comes along.
    pub include_metadata: bool,
}

/// What was found, best first.
pub struct Matches(Answer);

/// One of them.
pub struct Match<'a> {
    /// The record.
    pub record: Record<'a>,
    /// Its score.
    pub score: f32,
}

impl Query<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// What the database reports.
    pub async fn run(mut self, context: &Context<'_>, index: &str) -> Result<Matches> {
        let vector = self.vector.take().filter(|vector| !vector.is_empty());
        let mut sparse =
            self.sparse.take().filter(|sparse| !sparse.indices.is_empty() || !sparse.values.is_empty());
        if let Some(sparse) = &mut sparse {
            sparse.sort().map_err(Failure::invalid)?;
        }
        let params = Params::new()
            .text(index)
            .vector(vector.as_deref())
            .int(self.top_k)
            .text(self.namespace)
            .jsonb(self.filter.filter(|filter| *filter != "{}"))
            .bool(self.include_values)
            .bool(self.include_metadata)
            .text(self.id.filter(|id| !id.is_empty()))
            .sparse(sparse.as_ref());
        context.run(Statement::Query, params).await.map(Matches)
    }
}

impl Matches {
    /// All of them.
    pub fn all(&self) -> impl ExactSizeIterator<Item = Result<Match<'_>>> {
        self.0.rows.iter().map(|row| {
            let [id, score, values, sparse, metadata] = row.cells()?;
            Ok(Match { record: Record::new([id, values, sparse, metadata])?, score: score.real()? })
        })
    }

    /// Up to where was read.
    pub fn lsn(&self) -> Lsn {
        Lsn::Read(self.0.lsn)
    }
}
