//! Pinecone's gRPC service, `VectorService`: calls of one message each way.
//!
//! The messages are written by hand after Pinecone's published interface, so that a build needs no compiler of Protocol Buffers.

pub mod framing;
pub mod messages;
mod service;
pub mod status;
pub mod structs;

pub use service::{answer, operation};
