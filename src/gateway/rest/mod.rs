//! Pinecone's REST API: a path leads to an operation, which reads the body and writes the answer.

mod control;
mod data;
pub mod envelope;
pub mod missing;
mod output;
mod place;
pub mod route;

pub use output::Output;
pub use place::Place;

use crate::context::Context;
use crate::failure::Result;
use crate::http::query_string::QueryString;
use crate::operation::Operation;

/// A request, as far as it has been understood.
pub struct Request<'a> {
    /// The operation.
    pub operation: Operation,
    /// The name in its path: of an index, or of a namespace.
    pub name: &'a str,
    /// The index that an operation on records is for.
    pub index: &'a str,
    /// What stands behind the path.
    pub query: &'a QueryString,
    /// The body.
    pub body: &'a [u8],
}

/// Does what a request asks for.
///
/// # Errors
/// What the caller is to be told.
pub async fn answer(context: &Context<'_>, place: &Place<'_>, request: &Request<'_>) -> Result<Output> {
    let Request { name, index, query, body, .. } = *request;
    match request.operation {
        Operation::Query => data::query::query(context, index, body).await,
        Operation::Search => data::search::search(context, index, name, body).await,
        Operation::Upsert => data::upsert::upsert(context, index, body).await,
        Operation::Update => data::update::update(context, index, body).await,
        Operation::Delete => data::delete::delete(context, index, body).await,
        Operation::Fetch => data::fetch::by_id(context, index, query).await,
        Operation::FetchByMetadata => data::fetch::by_metadata(context, index, body).await,
        Operation::List => data::list::list(context, index, query).await,
        Operation::Stats => data::stats::stats(context, index, body).await,
        Operation::ListNamespaces => data::namespaces::list(context, index, query).await,
        Operation::DescribeNamespace => data::namespaces::describe(context, index, name).await,
        Operation::CreateNamespace => data::namespaces::create(context, index, body).await,
        Operation::DeleteNamespace => data::namespaces::delete(context, index, name).await,
        Operation::ListIndexes => control::list::list(context, place).await,
        Operation::CreateIndex => control::create::create(context, place, body).await,
        Operation::DescribeIndex => control::describe::describe(context, place, name).await,
        Operation::ConfigureIndex => control::configure::configure(context, place, name, body).await,
        Operation::DeleteIndex => control::delete::delete(context, name).await,
        Operation::Unimplemented | Operation::Unknown => {
            Err(crate::failure::Failure::internal("an operation that is none has come to be answered"))
        }
    }
}
