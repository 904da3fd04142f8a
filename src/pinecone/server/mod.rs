//! The few places where the Pinecone layer touches the server's C API.

pub mod array;
pub mod encoding;
pub mod json;
pub mod result;
pub mod statement;
pub mod types;
