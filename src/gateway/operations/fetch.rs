//! Records by id, or by what a filter says of them.

use super::record::Record;
use crate::context::{Context, Lsn};
use crate::database::params::Params;
use crate::database::session::Answer;
use crate::database::statement::Statement;
use crate::failure::{Failure, Result};

/// Records, and the token of the next page.
pub struct Records {
    answer: Answer,
    /// Whether rows have a token as their last column.
    is_page: bool,
}

/// Records by id; those that are not there are left out.
///
/// # Errors
/// What the database reports.
pub async fn by_id<T: AsRef<str>>(
    context: &Context<'_>,
    index: &str,
    namespace: &str,
    ids: &[T],
) -> Result<Records> {
    if ids.is_empty() {
        return Err(Failure::invalid("ids must be given"));
    }
    let params = Params::new().text(index).texts(ids).text(namespace);
    let answer = context.run(Statement::Fetch, params).await?;
    Ok(Records { answer, is_page: false })
}

/// A page of the records that a filter matches.
///
/// # Errors
/// What the database reports.
pub async fn by_metadata(
    context: &Context<'_>,
    index: &str,
    namespace: &str,
    filter: Option<&str>,
    limit: Option<i32>,
    token: Option<&str>,
) -> Result<Records> {
    let Some(filter) = filter else { return Err(Failure::invalid("filter must be given")) };
    let params =
        Params::new().text(index).jsonb(filter).text(namespace).int(limit.unwrap_or(100)).text(token);
    let answer = context.run(Statement::FetchByMetadata, params).await?;
    Ok(Records { answer, is_page: true })
}

impl Records {
    /// All of them.
    pub fn all(&self) -> impl ExactSizeIterator<Item = Result<Record<'_>>> {
        self.answer.rows.iter().map(|row| {
            if self.is_page {
                let [id, values, sparse, metadata, _] = row.cells()?;
                Record::new([id, values, sparse, metadata])
            } else {
                Record::new(row.cells()?)
            }
        })
    }

    /// The token of the next page; none on the last.
    ///
    /// # Errors
    /// If the rows are of another form.
    pub fn next(&self) -> Result<Option<&str>> {
        match self.answer.rows.last() {
            Some(row) if self.is_page => row.cells::<5>()?[4].text(),
            _ => Ok(None),
        }
    }

    /// Up to where was read.
    pub fn lsn(&self) -> Lsn {
        Lsn::Read(self.answer.lsn)
    }
}
