//! Ids in byte order, a page at a time.

use crate::context::{Context, Lsn};
use crate::database::params::Params;
use crate::database::session::Answer;
use crate::database::statement::Statement;
use crate::failure::Result;

/// A page of ids.
pub struct Ids(Answer);

/// The ids that begin with a prefix.
///
/// # Errors
/// What the database reports.
pub async fn list(
    context: &Context<'_>,
    index: &str,
    namespace: &str,
    prefix: Option<&str>,
    limit: Option<i32>,
    token: Option<&str>,
) -> Result<Ids> {
    let params = Params::new().text(index).text(prefix).int(limit.unwrap_or(100)).text(token).text(namespace);
    context.run(Statement::List, params).await.map(Ids)
}

impl Ids {
    /// All of the page.
    pub fn all(&self) -> impl ExactSizeIterator<Item = Result<&str>> {
        self.0.rows.iter().map(|row| row.cells::<2>()?[0].required_text())
    }

    /// The token of the next page; none on the last.
    ///
    /// # Errors
    /// If the rows are of another form.
    pub fn next(&self) -> Result<Option<&str>> {
        self.0.rows.last().map_or(Ok(None), |row| row.cells::<2>()?[1].text())
    }

    /// Up to where was read.
    pub fn lsn(&self) -> Lsn {
        Lsn::Read(self.0.lsn)
    }
}
