//! Pinecone's rules for an index: its name and definition, its metric, and its tags.

pub mod metric;
pub mod spec;
pub mod tags;
