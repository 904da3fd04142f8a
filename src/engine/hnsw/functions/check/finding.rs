//! Findings of `hnsw_check`, and their texts.

use crate::pg::error::raise;
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::check;
use conifer_pure::hnsw::node::{Layout, Tid};
use conifer_pure::hnsw::search::Pages;

/// Maximum number of findings; with more, the index is beyond repair anyway.
pub const MAX: usize = 1000;

/// A fault of the index: page, node, and text.
pub type Finding = (Option<i64>, Option<i64>, String);

/// The text of a finding, from the fault that a look at a page gave. A fault of memory (`53200`) is no finding, and is raised.
pub fn said(fault: Fault) -> String {
    if fault.state == state::OUT_OF_MEMORY {
        raise(fault)
    }
    fault.message
}

/// The TIDs of a node record.
pub fn rows_of_node(records: &mut impl Pages, layout: &Layout, number: u32) -> Result<Vec<Tid>> {
    records.read(number, |bytes| Ok(check::rows(layout, bytes)?.collect()))?
}
