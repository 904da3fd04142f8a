//! Namespaces as a whole.

use crate::context::{Context, Lsn};
use crate::database::params::Params;
use crate::database::row::Cell;
use crate::database::session::Answer;
use crate::database::statement::Statement;
use crate::failure::{Failure, Result};

/// A namespace.
#[derive(Debug, Clone, Copy)]
pub struct Namespace<'a> {
    /// Its name; that of the default one is `__default__` here.
    pub name: &'a str,
    /// Its records.
    pub records: u64,
    /// The schema that it was made with, as JSON.
    pub schema: Option<&'a str>,
}

impl<'a> Namespace<'a> {
    fn new([name, records, schema]: [Cell<'a>; 3]) -> Result<Self> {
        let name = name.required_text()?;
        Ok(Self {
            name: if name.is_empty() { "__default__" } else { name },
            records: records.bigint()?.unsigned_abs(),
            schema: schema.jsonb()?,
        })
    }
}

/// One namespace, in the answer that has it.
pub struct One(Answer);

impl One {
    /// It.
    ///
    /// # Errors
    /// If the answer has none.
    pub fn get(&self) -> Result<Namespace<'_>> {
        let row =
            self.0.rows.first().ok_or_else(|| Failure::internal("the database has answered no namespace"))?;
        Namespace::new(row.cells()?)
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

/// A page of namespaces.
pub struct Page(Answer);

impl Page {
    /// All of it.
    pub fn all(&self) -> impl ExactSizeIterator<Item = Result<Namespace<'_>>> {
        self.0.rows.iter().map(|row| {
            let [name, records, schema, _, _] = row.cells()?;
            Namespace::new([name, records, schema])
        })
    }

    /// The token of the next page; none on the last.
    ///
    /// # Errors
    /// If the rows are of another form.
    pub fn next(&self) -> Result<Option<&str>> {
        self.0.rows.last().map_or(Ok(None), |row| row.cells::<5>()?[3].text())
    }

    /// How many namespaces begin with the prefix, on all pages.
    ///
    /// # Errors
    /// If the rows are of another form.
    pub fn total(&self) -> Result<i64> {
        self.0.rows.last().map_or(Ok(0), |row| row.cells::<5>()?[4].bigint())
    }

    /// Up to where was read.
    pub fn lsn(&self) -> Lsn {
        Lsn::Read(self.0.lsn)
    }
}

/// The namespaces that begin with a prefix.
///
/// # Errors
/// What the database reports.
pub async fn list(
    context: &Context<'_>,
    index: &str,
    prefix: Option<&str>,
    limit: Option<i32>,
    token: Option<&str>,
) -> Result<Page> {
    let params = Params::new().text(index).text(prefix).int(limit.unwrap_or(100)).text(token);
    context.run(Statement::ListNamespaces, params).await.map(Page)
}

/// One of them.
///
/// # Errors
/// What the database reports: 404 if it is not there.
pub async fn describe(context: &Context<'_>, index: &str, name: &str) -> Result<One> {
    context.run(Statement::DescribeNamespace, Params::new().text(index).text(name)).await.map(One)
}

/// Makes one.
///
/// # Errors
/// What the database reports: 409 if it is there.
pub async fn create(context: &Context<'_>, index: &str, name: &str, schema: Option<&str>) -> Result<One> {
    let params = Params::new().text(index).text(name).jsonb(schema);
    context.run(Statement::CreateNamespace, params).await.map(One)
}

/// Deletes one, with its records.
///
/// # Errors
/// What the database reports: 404 if it is not there.
pub async fn delete(context: &Context<'_>, index: &str, name: &str) -> Result<One> {
    context.run(Statement::DeleteNamespace, Params::new().text(index).text(name)).await.map(One)
}
