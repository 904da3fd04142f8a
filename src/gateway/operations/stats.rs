//! Numbers of records, by namespace.

use crate::context::{Context, Lsn};
use crate::database::params::Params;
use crate::database::statement::Statement;
use crate::failure::{Failure, Result};
use crate::operations::indexes;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What the database tells of an index.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Elements of its vectors; none for a sparse index.
    pub dimension: Option<u32>,
    /// Its metric.
    pub metric: String,
    /// `dense` or `sparse`.
    pub vector_type: String,
    /// Records of all namespaces.
    pub total_vector_count: u64,
    /// Each namespace's. The default one is `""`.
    pub namespaces: BTreeMap<String, Summary>,
}

/// A namespace's numbers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its records.
    pub vector_count: u64,
}

/// Counts the records of an index. By a filter only of indexes that were made as pods, as Pinecone has it: in SQL, any can.
///
/// # Errors
/// What the database reports.
pub async fn stats(context: &Context<'_>, index: &str, filter: Option<&str>) -> Result<(Stats, Lsn)> {
    let filter = filter.filter(|filter| *filter != "{}");
    if filter.is_some() && !indexes::is_of_pods(context, index).await? {
        return Err(Failure::invalid(
            "Serverless and Starter indexes do not support describing index stats with metadata filtering. \
             In SQL, pc_describe_index_stats does",
        ));
    }
    let answer = context.run(Statement::Stats, Params::new().text(index).jsonb(filter)).await?;
    let wrong = || Failure::internal("pc_describe_index_stats has answered what is not known here");
    let row = answer.rows.first().ok_or_else(wrong)?;
    let text = row.cells::<1>()?[0].jsonb()?.ok_or_else(wrong)?;
    Ok((serde_json::from_str(text).map_err(|_| wrong())?, Lsn::Read(answer.lsn)))
}
