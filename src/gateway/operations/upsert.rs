//! Whole records in, as arrays.

use crate::context::{Context, Lsn};
use crate::database::params::{Params, Sparse};
use crate::database::statement::Statement;
use crate::failure::{Failure, Result};
use std::borrow::Cow;

/// A record to be written.
#[derive(Debug)]
pub struct NewRecord<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Its dense vector.
    pub values: Vec<f32>,
    /// Its sparse vector.
    pub sparse: Option<Sparse>,
    /// Its metadata, as JSON.
    pub metadata: Option<Cow<'a, str>>,
}

/// Writes records. Returns how many were given: of two with one id the last is written, and both count, as with Pinecone.
///
/// # Errors
/// 400 for a record that is none; what the database reports.
pub async fn upsert(
    context: &Context<'_>,
    index: &str,
    namespace: &str,
    mut records: Vec<NewRecord<'_>>,
) -> Result<(usize, Lsn)> {
    for record in &mut records {
        if let Some(sparse) = &mut record.sparse {
            let sorted = sparse.sort();
            sorted.map_err(|words| Failure::invalid(format!("record \"{}\": {words}", record.id)))?;
        }
    }
    let ids: Vec<&str> = records.iter().map(|record| &*record.id).collect();
    let params = Params::new()
        .text(index)
        .texts(&ids[..])
        .vectors(&records, |record| &record.values)
        .jsonbs(&records, |record| record.metadata.as_deref())
        .sparses(&records, |record| record.sparse.as_ref())
        .text(namespace);
    let count = records.len();
    let answer = context.run(Statement::Upsert, params).await?;
    Ok((count, Lsn::Written(answer.lsn)))
}
