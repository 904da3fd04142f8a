//! Bytes that cannot have been written.

use crate::fault::{Fault, state};

/// What is said of bytes that cannot have been written.
#[cold]
pub fn corrupted(what: impl std::fmt::Display) -> Fault {
    Fault::new(state::INDEX_CORRUPTED, format!("node of the index is corrupted: {what}"))
        .hint("REINDEX the index.")
}
