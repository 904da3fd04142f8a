//! Bytes that cannot have been written.

use crate::fault::{Fault, state};

/// What helps where an index is not as it should be. Who knows the index says which.
pub const REINDEX: &str = "REINDEX the index.";
/// Between what is corrupted and how that shows.
const IS: &str = " is corrupted: ";

/// What is said of a node's bytes that cannot have been written.
#[cold]
pub fn corrupted(what: impl std::fmt::Display) -> Fault {
    corrupted_part("node of the index", what)
}

/// What is said of such bytes of something else.
#[cold]
pub fn corrupted_part(part: &str, what: impl std::fmt::Display) -> Fault {
    Fault::new(state::INDEX_CORRUPTED, format!("{part}{IS}{what}")).hint(REINDEX)
}

/// How it shows, of a fault that [`corrupted_part`] has made.
pub fn how_corrupted(fault: &Fault) -> Option<&str> {
    let made = fault.state == state::INDEX_CORRUPTED;
    fault.message.split_once(IS).filter(|_| made).map(|(_, what)| what)
}
