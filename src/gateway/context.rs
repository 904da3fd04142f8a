//! What a request's work needs: the database, and as whom.

use crate::database::params::Params;
use crate::database::pool::{Caller, Pool};
use crate::database::session::{Answer, Call};
use crate::database::statement::Statement;
use crate::failure::{Failure, Result};
use crate::version::Version;
use std::sync::Arc;

/// The surroundings of a request.
pub struct Context<'a> {
    /// The sessions.
    pub pool: &'a Arc<Pool>,
    /// Whom the request is of.
    pub caller: Caller,
    /// The version of the API that it speaks.
    pub version: Version,
}

/// Up to where the write-ahead log goes, for the headers of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lsn {
    /// What was read is not older than this.
    Read(i64),
    /// What was written is before this.
    Written(i64),
}

impl Context<'_> {
    /// Runs a statement as the request's key.
    ///
    /// # Errors
    /// What the database reports.
    pub async fn run(&self, statement: Statement, params: Params) -> Result<Answer> {
        self.pool.run(&self.caller, Call { statement, params }).await
    }

    /// The only index that the key can see, for a request that names none.
    ///
    /// # Errors
    /// 400 if there are several or none, or the key may not see any.
    pub async fn only_index(&self) -> Result<String> {
        let answer = self.run(Statement::OnlyIndex, Params::new()).await;
        let names_none = |why: &str| {
            Failure::invalid(format!(
                "the request names no index, and {why}: use the host that describe_index tells, or /i/ and the index's name"
            ))
        };
        match answer {
            Ok(answer) if answer.rows.len() == 1 => {
                let [name] = answer.rows[0].cells()?;
                Ok(name.required_text()?.to_owned())
            }
            Ok(_) => Err(names_none("it is not the only one")),
            Err(failure) if failure.status() == 403 => Err(names_none("the key may not look for it")),
            Err(failure) => Err(failure),
        }
    }
}
