//! Bytes that cannot have been written.

use crate::fault::{Fault, state};

/// The hint of a fault about a corrupted index. The caller that knows the index adds its name.
pub const REINDEX: &str = "REINDEX the index.";
/// The words between the corrupted part and the symptom.
const IS: &str = " is corrupted: ";

/// The fault for a node's bytes that cannot have been written; `what` is the symptom.
#[cold]
pub fn corrupted(what: impl std::fmt::Display) -> Fault {
    corrupted_part("node of the index", what)
}

/// The fault for bytes of another part of the index that cannot have been written.
#[cold]
pub fn corrupted_part(part: &str, what: impl std::fmt::Display) -> Fault {
    Fault::new(state::INDEX_CORRUPTED, format!("{part}{IS}{what}")).hint(REINDEX)
}

/// The symptom in a fault that [`corrupted_part`] has made.
pub fn how_corrupted(fault: &Fault) -> Option<&str> {
    let made = fault.state == state::INDEX_CORRUPTED;
    fault.message.split_once(IS).filter(|_| made).map(|(_, what)| what)
}
