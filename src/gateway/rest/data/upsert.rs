//! `POST /vectors/upsert`.

use super::sparse::SparseValues;
use crate::context::Context;
use crate::failure::{Code, Failure, Result};
use crate::json::{self, Object};
use crate::operations::upsert::{NewRecord, upsert as write};
use crate::rest::Output;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    vectors: Vec<Object<Record<'a>>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    values: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "sparse_values")]
    sparse_values: Option<Object<SparseValues<'a>>>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

/// Writes records.
///
/// # Errors
/// 400 for another form, what else the database reports.
pub async fn upsert(context: &Context<'_>, index: &str, body: &[u8]) -> Result<Output> {
    let body: Body = json::read(body, Code::InvalidArgument)?;
    let records = body.vectors.into_iter().map(|record| record.0.read()).collect::<Result<Vec<_>>>()?;
    if records.is_empty() {
        return Err(Failure::invalid("vectors must not be empty"));
    }
    let (count, lsn) = write(context, index, body.namespace.as_deref().unwrap_or_default(), records).await?;
    Ok(Output::ok(format!("{{\"upsertedCount\":{count}}}").into_bytes(), lsn))
}

impl<'a> Record<'a> {
    fn read(self) -> Result<NewRecord<'a>> {
        let values = self.values.map_or(Ok(vec![]), |raw| json::floats(raw.get(), "values"));
        Ok(NewRecord {
            values: values.map_err(|failure| {
                let message = format!("record \"{}\": {}", self.id, failure.message);
                failure.with_message(message)
            })?,
            sparse: self.sparse_values.map(|sparse| sparse.0.read()).transpose()?,
            metadata: self.metadata.map(|raw| Cow::Borrowed(raw.get())),
            id: self.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        let text = r#"{"vectors": [{"id": "a", "values": [1, 0.5], "metadata": {"n": 1}}, {"id": "\u0062", "values": []}]}"#;
        let body: Body = json::read(text.as_bytes(), Code::InvalidArgument).unwrap();
        let records: Vec<NewRecord> =
            body.vectors.into_iter().map(|record| record.0.read().unwrap()).collect();
        assert_eq!((&*records[0].id, &records[0].values[..]), ("a", &[1.0, 0.5][..]));
        assert_eq!(records[0].metadata.as_deref(), Some("{\"n\": 1}"));
        assert_eq!(&*records[1].id, "b");
        for wrong in [
            r#"{"vectors": {}}"#,
            r#"{"vectors": [{"values": [1]}]}"#,
            r#"{"vectors": [{"id": 1, "values": [1]}]}"#,
            r#"{"vectors": [["a", [1]]]}"#,
            "[]",
            "{",
        ] {
            let read = json::read::<Body>(wrong.as_bytes(), Code::InvalidArgument);
            assert!(matches!(read, Err(failure) if failure.status() == 400), "{wrong}");
        }
        let text = r#"{"vectors": [{"id": "bad", "values": ["x"]}]}"#;
        let body: Body = json::read(text.as_bytes(), Code::InvalidArgument).unwrap();
        let failure = body.vectors.into_iter().next().unwrap().0.read().unwrap_err();
        assert!(failure.message.contains("\"bad\""), "{failure}");
    }
}
