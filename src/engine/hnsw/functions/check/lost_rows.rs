//! The TIDs of an index, compared with the rows of its table.

use super::finding::{MAX, rows_of_node};
use crate::engine::storage::table::Table;
use conifer_pure::Result;
use conifer_pure::hnsw::node::{Layout, Tid};
use conifer_pure::hnsw::search::Pages;
use conifer_pure::memory::allocation::push;

/// TIDs of a node record that the table does not have.
pub fn lost(table: &Table, records: &mut impl Pages, layout: &Layout, number: u32) -> Result<Vec<Tid>> {
    let mut lost = rows_of_node(records, layout, number)?;
    lost.retain(|tid| !table.has(*tid));
    if !lost.is_empty() {
        // A vacuum may have taken the rows out of both since.
        let now = rows_of_node(records, layout, number)?;
        lost.retain(|tid| now.contains(tid) && !table.has(*tid));
    }
    Ok(lost)
}

/// TIDs that several node records have, or one has twice: each with the numbers of two records. `rows` are in order.
pub fn twice(rows: &[(Tid, u32)]) -> Result<Vec<(Tid, u32, u32)>> {
    let mut found = vec![];
    for pair in rows.windows(2) {
        if let [(one, number), (other, further)] = *pair
            && one == other
        {
            push(&mut found, (one, number, further))?;
        }
    }
    found.sort_unstable_by_key(|(tid, _, further)| (*further, *tid));
    found.truncate(MAX);
    Ok(found)
}
