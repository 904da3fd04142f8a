//! The messages, with the numbers of their fields in Pinecone's interface of 2026-07. Fields that are optional there are left out
//! where they have no value: clients tell zero from nothing.
#![allow(missing_docs)] // each message and field is Pinecone's of its name

use super::structs::Struct;
use prost::Message;
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Message)]
pub struct SparseValues {
    #[prost(uint32, repeated, tag = "1")]
    pub indices: Vec<u32>,
    #[prost(float, repeated, tag = "2")]
    pub values: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Vector {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(float, repeated, tag = "2")]
    pub values: Vec<f32>,
    #[prost(message, optional, tag = "4")]
    pub sparse_values: Option<SparseValues>,
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScoredVector {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(float, tag = "2")]
    pub score: f32,
    #[prost(float, repeated, tag = "3")]
    pub values: Vec<f32>,
    #[prost(message, optional, tag = "5")]
    pub sparse_values: Option<SparseValues>,
    #[prost(message, optional, tag = "4")]
    pub metadata: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub struct UpsertRequest {
    #[prost(message, repeated, tag = "1")]
    pub vectors: Vec<Vector>,
    #[prost(string, tag = "2")]
    pub namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct UpsertResponse {
    #[prost(uint32, tag = "1")]
    pub upserted_count: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct DeleteRequest {
    #[prost(string, repeated, tag = "1")]
    pub ids: Vec<String>,
    #[prost(bool, tag = "2")]
    pub delete_all: bool,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(message, optional, tag = "4")]
    pub filter: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DeleteResponse {}

#[derive(Clone, PartialEq, Message)]
pub struct FetchRequest {
    #[prost(string, repeated, tag = "1")]
    pub ids: Vec<String>,
    #[prost(string, tag = "2")]
    pub namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct FetchByMetadataRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(message, optional, tag = "2")]
    pub filter: Option<Struct>,
    #[prost(uint32, optional, tag = "3")]
    pub limit: Option<u32>,
    #[prost(string, optional, tag = "4")]
    pub pagination_token: Option<String>,
}

/// The answer of `Fetch` and of `FetchByMetadata`, which has one field more.
#[derive(Clone, PartialEq, Message)]
pub struct FetchResponse {
    #[prost(btree_map = "string, message", tag = "1")]
    pub vectors: BTreeMap<String, Vector>,
    #[prost(string, tag = "2")]
    pub namespace: String,
    #[prost(message, optional, tag = "3")]
    pub usage: Option<Usage>,
    #[prost(message, optional, tag = "4")]
    pub pagination: Option<Pagination>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListRequest {
    #[prost(string, optional, tag = "1")]
    pub prefix: Option<String>,
    #[prost(uint32, optional, tag = "2")]
    pub limit: Option<u32>,
    #[prost(string, optional, tag = "3")]
    pub pagination_token: Option<String>,
    #[prost(string, tag = "4")]
    pub namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Pagination {
    #[prost(string, tag = "1")]
    pub next: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListItem {
    #[prost(string, tag = "1")]
    pub id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListResponse {
    #[prost(message, repeated, tag = "1")]
    pub vectors: Vec<ListItem>,
    #[prost(message, optional, tag = "2")]
    pub pagination: Option<Pagination>,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(message, optional, tag = "4")]
    pub usage: Option<Usage>,
}

/// One of the several queries that a request could have once.
#[derive(Clone, PartialEq, Message)]
pub struct QueryVector {
    #[prost(float, repeated, tag = "1")]
    pub values: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct QueryRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(uint32, tag = "2")]
    pub top_k: u32,
    #[prost(message, optional, tag = "3")]
    pub filter: Option<Struct>,
    #[prost(bool, tag = "4")]
    pub include_values: bool,
    #[prost(bool, tag = "5")]
    pub include_metadata: bool,
    #[prost(message, repeated, tag = "6")]
    pub queries: Vec<QueryVector>,
    #[prost(float, repeated, tag = "7")]
    pub vector: Vec<f32>,
    #[prost(message, optional, tag = "9")]
    pub sparse_vector: Option<SparseValues>,
    #[prost(string, tag = "8")]
    pub id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct QueryResponse {
    #[prost(message, repeated, tag = "2")]
    pub matches: Vec<ScoredVector>,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(message, optional, tag = "4")]
    pub usage: Option<Usage>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Usage {
    #[prost(uint32, optional, tag = "1")]
    pub read_units: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct UpdateRequest {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(float, repeated, tag = "2")]
    pub values: Vec<f32>,
    #[prost(message, optional, tag = "5")]
    pub sparse_values: Option<SparseValues>,
    #[prost(message, optional, tag = "3")]
    pub set_metadata: Option<Struct>,
    #[prost(string, tag = "4")]
    pub namespace: String,
    #[prost(message, optional, tag = "6")]
    pub filter: Option<Struct>,
    #[prost(bool, optional, tag = "7")]
    pub dry_run: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub struct UpdateResponse {
    #[prost(int32, optional, tag = "1")]
    pub matched_records: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DescribeIndexStatsRequest {
    #[prost(message, optional, tag = "1")]
    pub filter: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NamespaceSummary {
    #[prost(uint32, tag = "1")]
    pub vector_count: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct DescribeIndexStatsResponse {
    #[prost(btree_map = "string, message", tag = "1")]
    pub namespaces: BTreeMap<String, NamespaceSummary>,
    #[prost(uint32, optional, tag = "2")]
    pub dimension: Option<u32>,
    #[prost(float, tag = "3")]
    pub index_fullness: f32,
    #[prost(uint32, tag = "4")]
    pub total_vector_count: u32,
    #[prost(string, optional, tag = "5")]
    pub metric: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub vector_type: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListNamespacesRequest {
    #[prost(string, optional, tag = "1")]
    pub pagination_token: Option<String>,
    #[prost(uint32, optional, tag = "2")]
    pub limit: Option<u32>,
    #[prost(string, optional, tag = "3")]
    pub prefix: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListNamespacesResponse {
    #[prost(message, repeated, tag = "1")]
    pub namespaces: Vec<NamespaceDescription>,
    #[prost(message, optional, tag = "2")]
    pub pagination: Option<Pagination>,
    #[prost(int32, optional, tag = "3")]
    pub total_count: Option<i32>,
}

/// The request of `DescribeNamespace` and of `DeleteNamespace`.
#[derive(Clone, PartialEq, Message)]
pub struct NamespaceRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct CreateNamespaceRequest {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub schema: Option<MetadataSchema>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NamespaceDescription {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint64, tag = "2")]
    pub record_count: u64,
    #[prost(message, optional, tag = "3")]
    pub schema: Option<MetadataSchema>,
}

#[derive(Clone, PartialEq, Message, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct MetadataFieldProperties {
    #[prost(bool, tag = "1")]
    pub filterable: bool,
}

#[derive(Clone, PartialEq, Message, serde::Serialize, serde::Deserialize)]
pub struct MetadataSchema {
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, MetadataFieldProperties>,
}
