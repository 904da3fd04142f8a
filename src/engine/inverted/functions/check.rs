//! `inverted_check`: whether an index is sound. A fault of a page is a finding, no error, so that one damage does not
//! hide the others.
#![allow(unsafe_code)]

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
use conifer_pure::hnsw::node::{Tid, corrupted_part};
use conifer_pure::inverted::Pages;
use conifer_pure::inverted::{META, ROOT, all_rows, check};
use conifer_pure::memory::allocation::with_room;
use pgrx::iter::TableIterator;
use pgrx::prelude::*;
use std::collections::BTreeMap;

/// Maximum number of findings; with more, the index is beyond repair anyway.
const MAX: usize = 1000;

/// Times that an index is checked in which a merge has come between.
const AGAIN: usize = 8;

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

/// The TIDs of all rows, in the order of the table, with their places in that order.
fn rows(pages: &mut ReadablePages) -> Result<Vec<(Tid, u32)>> {
    let mut all = all_rows(pages, ROOT)?;
    all.sort_unstable();
    let mut rows = with_room(all.len())?;
    rows.extend(all.into_iter().zip(0u32..));
    Ok(rows)
}

/// Adds a finding for each row that the table does not have.
fn lost_rows(pages: &mut ReadablePages, table: &Table, found: &mut Vec<Finding>) -> Result<()> {
    let all = rows(pages)?;
    let mut lost = vec![];
    table.look_for(&all, |place| lost.extend(all.get(place as usize).filter(|_| lost.len() < MAX)));
    if lost.is_empty() {
        return Ok(());
    }
    // On a standby, the rows may have been taken out of both since: out of the index first.
    let now = rows(pages)?;
    lost.retain(|(tid, _)| now.binary_search_by_key(tid, |(tid, _)| *tid).is_ok() && !table.has(*tid));
    found.extend(
        lost.iter()
            .map(|(Tid { block, offset }, _)| (None, format!("row ({block},{offset}) is not in the table"))),
    );
    Ok(())
}

/// The findings of the pure part, under the merge lock. On a standby nobody keeps merges away: of one that has come
/// between, the root tells.
///
/// # Errors
/// `53200`; `55006` if there is a merge each time.
fn sound(index: Index, pages: &mut ReadablePages) -> Result<Vec<Finding>> {
    // SAFETY: reads a state of the server.
    let standby = unsafe { pg_sys::RecoveryInProgress() };
    for _ in 0..AGAIN {
        let before = pages.read(ROOT, <[u8]>::to_vec);
        let found = check(pages, ROOT, MAX)?;
        let same = match (before, pages.read(ROOT, <[u8]>::to_vec)) {
            (Ok(before), Ok(after)) => before == after,
            _ => true,
        };
        if found.is_empty() || !standby || same {
            return Ok(found.into_iter().map(|finding| (Some(finding.page.into()), finding.text)).collect());
        }
    }
    let message = format!("index \"{}\" changes while it is checked", index.name());
    Err(Fault::new(state::OBJECT_IN_USE, message).hint("Check it on the primary server."))
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
    if let Err(fault) = meta_page::read(index, &mut pages.pages) {
        found.push((Some(META.into()), said(fault)));
        return found;
    }
    found.extend(sound(index, &mut pages).or_raise());
    // The rows of an index that is not sound cannot be told.
    if found.is_empty()
        && let Err(fault) = lost_rows(&mut pages, table, &mut found)
    {
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
