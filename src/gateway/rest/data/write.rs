//! Parts of answers that several operations have.

use crate::json;
use crate::operations::record::Record;

/// Writes the vectors of a record that are there, each behind a comma.
pub fn vectors(out: &mut Vec<u8>, record: &Record<'_>) {
    if let Some(values) = record.values {
        out.extend_from_slice(b",\"values\":");
        json::float_list(out, values.values());
    }
    sparse_and_metadata(out, record);
}

/// Writes what else of a record is there, each behind a comma.
pub fn sparse_and_metadata(out: &mut Vec<u8>, record: &Record<'_>) {
    if let Some(sparse) = record.sparse {
        out.extend_from_slice(b",\"sparseValues\":{\"indices\":");
        json::int_list(out, sparse.indices());
        out.extend_from_slice(b",\"values\":");
        json::float_list(out, sparse.values());
        out.push(b'}');
    }
    if let Some(metadata) = record.metadata {
        out.extend_from_slice(b",\"metadata\":");
        out.extend_from_slice(metadata.as_bytes());
    }
}

/// Writes namespace and usage, and the end of the answer.
pub fn end(out: &mut Vec<u8>, namespace: &str) {
    out.extend_from_slice(b",\"namespace\":");
    json::string(out, namespace);
    // Nothing is billed; clients add these up all the same.
    out.extend_from_slice(b",\"usage\":{\"readUnits\":1}}");
}

/// Writes the token of the next page behind a comma; on the last page nothing, since clients go on for as long as there is one.
pub fn pagination(out: &mut Vec<u8>, next: Option<&str>) {
    if let Some(next) = next {
        out.extend_from_slice(b",\"pagination\":{\"next\":");
        json::string(out, next);
        out.push(b'}');
    }
}
