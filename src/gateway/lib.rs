//! Pinecone's API in front of a database with Conifer.
//!
//! A program without state of its own: it reads REST and gRPC, calls Conifer's functions as the caller's key, and writes what they
//! answer. It adds no right and decides nothing that the database could. README.md tells how it is made.

pub mod admin;
pub mod app;
pub mod config;
pub mod context;
pub mod database;
pub mod failure;
pub mod grpc;
pub mod host;
pub mod http;
pub mod json;
pub mod log;
pub mod metrics;
#[cfg(test)]
mod mutations;
pub mod operation;
pub mod operations;
pub mod request_id;
pub mod rest;
pub mod server;
pub mod tls;
pub mod version;
