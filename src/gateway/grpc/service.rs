//! The calls of `VectorService`.

use super::framing::{read, written};
use super::messages::*;
use super::structs::Struct;
use crate::context::{Context, Lsn};
use crate::database::params::Sparse;
use crate::database::row::SparseCell;
use crate::failure::{Failure, Result};
use crate::operation::Operation;
use crate::operations::delete::Delete;
use crate::operations::fetch::Records;
use crate::operations::namespaces::Namespace;
use crate::operations::query::Query;
use crate::operations::record::Record;
use crate::operations::update::Update;
use crate::operations::upsert::NewRecord;
use crate::operations::{fetch, list, namespaces, plain_namespace, stats, upsert};
use std::borrow::Cow;

/// The operation of a path.
pub fn operation(path: &str) -> Option<Operation> {
    Some(match path.strip_prefix("/VectorService/")? {
        "Query" => Operation::Query,
        "Upsert" => Operation::Upsert,
        "Update" => Operation::Update,
        "Delete" => Operation::Delete,
        "Fetch" => Operation::Fetch,
        "FetchByMetadata" => Operation::FetchByMetadata,
        "List" => Operation::List,
        "DescribeIndexStats" => Operation::Stats,
        "ListNamespaces" => Operation::ListNamespaces,
        "DescribeNamespace" => Operation::DescribeNamespace,
        "CreateNamespace" => Operation::CreateNamespace,
        "DeleteNamespace" => Operation::DeleteNamespace,
        _ => return None,
    })
}

/// Does what a call asks for. Returns the body of the answer.
///
/// # Errors
/// What the caller is to be told.
pub async fn answer(
    context: &Context<'_>,
    index: &str,
    operation: Operation,
    body: &[u8],
) -> Result<(Vec<u8>, Lsn)> {
    match operation {
        Operation::Query => query(context, index, read(body)?).await,
        Operation::Upsert => insert(context, index, read(body)?).await,
        Operation::Update => update(context, index, read(body)?).await,
        Operation::Delete => delete(context, index, read(body)?).await,
        Operation::Fetch => {
            let request: FetchRequest = read(body)?;
            let records = fetch::by_id(context, index, &request.namespace, &request.ids).await?;
            fetched(&records, &request.namespace)
        }
        Operation::FetchByMetadata => {
            let request: FetchByMetadataRequest = read(body)?;
            let filter = json(request.filter.as_ref())?;
            let token = request.pagination_token.as_deref().filter(|token| !token.is_empty());
            let limit = limit(request.limit)?;
            let space = &request.namespace;
            let records = fetch::by_metadata(context, index, space, filter.as_deref(), limit, token).await?;
            fetched(&records, space)
        }
        Operation::List => ids(context, index, read(body)?).await,
        Operation::Stats => count(context, index, read(body)?).await,
        Operation::ListNamespaces => all_namespaces(context, index, read(body)?).await,
        Operation::DescribeNamespace => {
            let request: NamespaceRequest = read(body)?;
            let found = namespaces::describe(context, index, &request.namespace).await?;
            Ok((written(&described(found.get()?)?), found.read()))
        }
        Operation::CreateNamespace => {
            let request: CreateNamespaceRequest = read(body)?;
            let schema = request.schema.map(|schema| serde_json::to_string(&schema)).transpose();
            let schema = schema.map_err(|_| Failure::invalid("the schema cannot be written as JSON"))?;
            let made = namespaces::create(context, index, &request.name, schema.as_deref()).await?;
            Ok((written(&described(made.get()?)?), made.written()))
        }
        Operation::DeleteNamespace => {
            let request: NamespaceRequest = read(body)?;
            let gone = namespaces::delete(context, index, &request.namespace).await?;
            Ok((written(&DeleteResponse {}), gone.written()))
        }
        _ => Err(Failure::internal("an operation that gRPC has not has come to be answered")),
    }
}

/// What a read costs: nothing is billed, but clients add it up.
fn usage() -> Option<Usage> {
    Some(Usage { read_units: Some(1) })
}

fn json(object: Option<&Struct>) -> Result<Option<String>> {
    object.map(Struct::json).transpose()
}

/// A number as the database takes it.
fn int(number: u32, what: &str) -> Result<i32> {
    i32::try_from(number).map_err(|_| Failure::invalid(format!("{what} {number} is out of range")))
}

fn limit(limit: Option<u32>) -> Result<Option<i32>> {
    // Clients that have none to give may give zero.
    limit.filter(|limit| *limit > 0).map(|limit| int(limit, "limit")).transpose()
}

fn finite(numbers: &[f32], what: &str) -> Result<()> {
    if numbers.iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    Err(Failure::invalid(format!("{what} must be finite numbers")))
}

fn sparse(given: Option<SparseValues>) -> Result<Option<Sparse>> {
    let Some(given) = given.filter(|sparse| !sparse.indices.is_empty() || !sparse.values.is_empty()) else {
        return Ok(None);
    };
    finite(&given.values, "sparse values")?;
    Ok(Some(Sparse { indices: given.indices, values: given.values }))
}

fn sparse_of(cell: SparseCell<'_>) -> SparseValues {
    SparseValues { indices: cell.indices().collect(), values: cell.values().collect() }
}

fn metadata_of(record: &Record<'_>) -> Result<Option<Struct>> {
    record.metadata.map(Struct::of_json).transpose()
}

async fn query(context: &Context<'_>, index: &str, request: QueryRequest) -> Result<(Vec<u8>, Lsn)> {
    if !request.queries.is_empty() {
        return Err(Failure::invalid("queries are not taken: give vector or id"));
    }
    finite(&request.vector, "vector")?;
    let filter = json(request.filter.as_ref())?;
    let query = Query {
        vector: Some(request.vector),
        sparse: sparse(request.sparse_vector)?,
        id: Some(&request.id),
        top_k: int(request.top_k, "top_k")?,
        namespace: &request.namespace,
        filter: filter.as_deref(),
        include_values: request.include_values,
        include_metadata: request.include_metadata,
    };
    let found = query.run(context, index).await?;
    let matches = found.all().map(|found| {
        let found = found?;
        Ok(ScoredVector {
            id: found.record.id.to_owned(),
            score: found.score,
            values: found.record.values.map(|values| values.values().collect()).unwrap_or_default(),
            sparse_values: found.record.sparse.map(sparse_of),
            metadata: metadata_of(&found.record)?,
        })
    });
    let answer = QueryResponse {
        matches: matches.collect::<Result<_>>()?,
        namespace: plain_namespace(&request.namespace).to_owned(),
        usage: usage(),
    };
    Ok((written(&answer), found.lsn()))
}

async fn insert(context: &Context<'_>, index: &str, request: UpsertRequest) -> Result<(Vec<u8>, Lsn)> {
    if request.vectors.is_empty() {
        return Err(Failure::invalid("vectors must not be empty"));
    }
    let records = request.vectors.into_iter().map(|vector| {
        finite(&vector.values, "values")?;
        Ok(NewRecord {
            id: Cow::Owned(vector.id),
            values: vector.values,
            sparse: sparse(vector.sparse_values)?,
            metadata: json(vector.metadata.as_ref())?.map(Cow::Owned),
        })
    });
    let records = records.collect::<Result<Vec<_>>>()?;
    let (count, lsn) = upsert::upsert(context, index, &request.namespace, records).await?;
    Ok((written(&UpsertResponse { upserted_count: count as u32 }), lsn))
}

async fn update(context: &Context<'_>, index: &str, request: UpdateRequest) -> Result<(Vec<u8>, Lsn)> {
    finite(&request.values, "values")?;
    let filter = json(request.filter.as_ref())?;
    let set_metadata = json(request.set_metadata.as_ref())?;
    let update = Update {
        id: Some(&request.id),
        filter: filter.as_deref(),
        values: Some(request.values),
        sparse: sparse(request.sparse_values)?,
        set_metadata: set_metadata.as_deref(),
        namespace: &request.namespace,
        dry_run: request.dry_run == Some(true),
    };
    let (matched, lsn) = update.run(context, index).await?;
    let matched = filter.map(|_| i32::try_from(matched).unwrap_or(i32::MAX));
    Ok((written(&UpdateResponse { matched_records: matched }), lsn))
}

async fn delete(context: &Context<'_>, index: &str, request: DeleteRequest) -> Result<(Vec<u8>, Lsn)> {
    let filter = json(request.filter.as_ref())?;
    let delete = Delete {
        ids: Some(&request.ids),
        delete_all: request.delete_all,
        filter: filter.as_deref(),
        namespace: &request.namespace,
    };
    let lsn = delete.run(context, index).await?;
    Ok((written(&DeleteResponse {}), lsn))
}

fn fetched(records: &Records, namespace: &str) -> Result<(Vec<u8>, Lsn)> {
    let vectors = records.all().map(|record| {
        let record = record?;
        let vector = Vector {
            id: record.id.to_owned(),
            values: record.values.map(|values| values.values().collect()).unwrap_or_default(),
            sparse_values: record.sparse.map(sparse_of),
            metadata: metadata_of(&record)?,
        };
        Ok((vector.id.clone(), vector))
    });
    let answer = FetchResponse {
        vectors: vectors.collect::<Result<_>>()?,
        namespace: plain_namespace(namespace).to_owned(),
        usage: usage(),
        pagination: pagination(records.next()?),
    };
    Ok((written(&answer), records.lsn()))
}

fn pagination(next: Option<&str>) -> Option<Pagination> {
    next.map(|next| Pagination { next: next.to_owned() })
}

async fn ids(context: &Context<'_>, index: &str, request: ListRequest) -> Result<(Vec<u8>, Lsn)> {
    let token = request.pagination_token.as_deref().filter(|token| !token.is_empty());
    let (space, prefix) = (&request.namespace, request.prefix.as_deref());
    let ids = list::list(context, index, space, prefix, limit(request.limit)?, token).await?;
    let answer = ListResponse {
        vectors: ids.all().map(|id| Ok(ListItem { id: id?.to_owned() })).collect::<Result<_>>()?,
        pagination: pagination(ids.next()?),
        namespace: plain_namespace(space).to_owned(),
        usage: usage(),
    };
    Ok((written(&answer), ids.lsn()))
}

async fn count(
    context: &Context<'_>,
    index: &str,
    request: DescribeIndexStatsRequest,
) -> Result<(Vec<u8>, Lsn)> {
    let filter = json(request.filter.as_ref())?;
    let (stats, lsn) = stats::stats(context, index, filter.as_deref()).await?;
    let clamped = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let namespaces = stats.namespaces.into_iter().map(|(name, summary)| {
        let name = if name.is_empty() { context.version.default_namespace().to_owned() } else { name };
        (name, NamespaceSummary { vector_count: clamped(summary.vector_count) })
    });
    let answer = DescribeIndexStatsResponse {
        namespaces: namespaces.collect(),
        dimension: stats.dimension.filter(|dimension| *dimension > 0),
        index_fullness: 0.0,
        total_vector_count: clamped(stats.total_vector_count),
        metric: Some(stats.metric),
        vector_type: Some(stats.vector_type),
    };
    Ok((written(&answer), lsn))
}

async fn all_namespaces(
    context: &Context<'_>,
    index: &str,
    request: ListNamespacesRequest,
) -> Result<(Vec<u8>, Lsn)> {
    let token = request.pagination_token.as_deref().filter(|token| !token.is_empty());
    let prefix = request.prefix.as_deref();
    let page = namespaces::list(context, index, prefix, limit(request.limit)?, token).await?;
    let answer = ListNamespacesResponse {
        namespaces: page.all().map(|namespace| described(namespace?)).collect::<Result<_>>()?,
        pagination: pagination(page.next()?),
        total_count: Some(i32::try_from(page.total()?).unwrap_or(i32::MAX)),
    };
    Ok((written(&answer), page.lsn()))
}

fn described(namespace: Namespace<'_>) -> Result<NamespaceDescription> {
    let wrong = |_| Failure::internal("the database has answered a schema that is none");
    Ok(NamespaceDescription {
        name: namespace.name.to_owned(),
        record_count: namespace.records,
        schema: namespace.schema.map(serde_json::from_str).transpose().map_err(wrong)?,
    })
}
