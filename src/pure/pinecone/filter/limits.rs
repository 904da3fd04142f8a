//! How large a filter may be.

/// Most values of one `$in` or `$nin`: Pinecone's limit.
pub const MAX_VALUES: usize = 10_000;

/// Most `$and`, `$or` and `$not` within each other. Pinecone names no number.
pub const MAX_DEPTH: usize = 50;

/// Most bytes of a filter as JSON text: what a request to Pinecone may have.
pub const MAX_BYTES: usize = 2 << 20;
