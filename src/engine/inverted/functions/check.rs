//! `inverted_check`: whether an index is sound. A fault of a page is a finding, no error, so that one damage does not hide the others.

use super::OURS;
use crate::engine::inverted::storage::index_pages::IndexPages;
use crate::engine::inverted::storage::merge_lock::MergeLock;
use crate::engine::inverted::storage::meta_page;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::engine::storage::open_index::Open;
use crate::engine::storage::table::Table;
use crate::engine::storage::unreadable_pages;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::corrupted_part;
use conifer_pure::inverted::Pages;
use conifer_pure::inverted::{META, Query, ROOT, Scan, check};
use conifer_pure::memory::allocation::push;
use conifer_pure::types::sparsevec::Sparse;
use pgrx::iter::TableIterator;
use pgrx::prelude::*;
use std::collections::BTreeMap;

/// Maximum number of findings; with more, the index is beyond repair anyway.
const MAX: usize = 1000;

/// A page and the fault.
type Finding = (Option<i64>, String);

/// The pages that the server reads, without the pages that it refuses.
struct ReadablePages {
    pages: IndexPages,
    refused: BTreeMap<u32, String>,
}

impl Pages for ReadablePages {
    fn count(&mut self) -> Result<u32> {
        self.pages.count()
    }

    fn read<R>(&mut self, page: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        if self.refused.contains_key(&page) {
            return Err(corrupted_part("index", format_args!("page {page} cannot be read")));
        }
        self.pages.read(page, look)
    }

    fn check_interrupts(&mut self) -> Result<()> {
        self.pages.check_interrupts()
    }
}

/// The text of a finding. A fault of memory (`53200`) is no finding, and is raised.
fn said(fault: Fault) -> String {
    if fault.state == state::OUT_OF_MEMORY {
        raise(fault)
    }
    match fault.hint {
        Some(hint) if fault.state == state::FEATURE_NOT_SUPPORTED => format!("{}. {hint}", fault.message),
        _ => fault.message,
    }
}

/// Adds a finding for each row that the table does not have. No vacuum takes rows out meanwhile.
fn lost_rows(pages: &mut ReadablePages, table: &Table, dims: u32, found: &mut Vec<Finding>) -> Result<()> {
    let query = Query::new(Sparse { dim: dims as i32, indices: &[], values: &[] })?;
    let mut scan = Scan::new(ROOT, query, 1);
    let mut rows = vec![];
    while let Some(hit) = scan.next(pages)? {
        push(&mut rows, (hit.tid, 0u32))?;
    }
    rows.sort_unstable();
    rows.iter_mut().zip(0..).for_each(|((_, place), number)| *place = number);
    for pair in rows.windows(2) {
        if let [(one, _), (other, _)] = pair
            && one == other
            && found.len() < MAX
        {
            found.push((None, format!("row ({},{}) is there twice", one.block, one.offset)));
        }
    }
    table.look_for(&rows, |place| {
        if let Some((tid, _)) = rows.get(place as usize).filter(|_| found.len() < MAX) {
            found.push((None, format!("row ({},{}) is not in the table", tid.block, tid.offset)));
        }
    });
    Ok(())
}

/// All findings about an index.
fn findings(index: Index, table: &Table) -> Vec<Finding> {
    let _lock = MergeLock::wait(index);
    let refused = unreadable_pages::refused(index, MAX, |_| ());
    let mut found: Vec<Finding> =
        refused.iter().map(|(page, text)| (Some(i64::from(*page)), text.clone())).collect();
    if refused.contains_key(&META) {
        return found;
    }
    let mut pages = ReadablePages { pages: IndexPages::of(index), refused };
    let meta = match meta_page::read(&mut pages.pages) {
        Ok(meta) => meta,
        Err(fault) => {
            found.push((Some(META.into()), said(fault)));
            return found;
        }
    };
    let pure = check(&mut pages, ROOT, MAX).or_raise();
    let sound = pure.is_empty() && found.is_empty();
    found.extend(pure.into_iter().map(|finding| (Some(finding.page.into()), finding.text)));
    // The rows of an index that is not sound cannot be told.
    if sound && let Err(fault) = lost_rows(&mut pages, table, meta.dim, &mut found) {
        found.push((None, said(fault)));
    }
    found
}

/// Checks every page, and that rows are in the table, once.
#[pg_extern(sql = false)]
fn inverted_check(
    index: pg_sys::Oid,
) -> TableIterator<'static, (name!(page, Option<i64>), name!(finding, String))> {
    let table = Table::of(index);
    let open = Open::new(index, &OURS);
    let _at = WorkedOn::index(open.0);
    TableIterator::new(findings(Index(open.0), &table))
}
