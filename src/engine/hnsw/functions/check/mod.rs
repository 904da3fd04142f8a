//! `hnsw_check`: whether an index is sound. A fault of a page is a finding, no error, so that one damage does not hide the
//! others.
//!
//! `sweep` goes over all pages, and its threads find the node records that need a closer look; `inspect` takes that look.
//! `lost_rows`: rows that the index leads to, and misses. `readable_pages`: pages that the server reads. `progress`: messages
//! meanwhile.
#![allow(unsafe_code)]

mod finding;
mod inspect;
mod lost_rows;
mod progress;
mod readable_pages;
mod sweep;

use self::finding::{Finding, MAX, rows_of_node, said};
use self::inspect::Check;
use self::progress::Progress;
use self::readable_pages::ReadablePages;
use self::sweep::Swept;
use crate::engine::hnsw::config::method::OURS;
use crate::engine::hnsw::storage::meta_cache::{META, MetaCache};
use crate::engine::hnsw::storage::node_reader::NodeReader;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::engine::storage::open_index::Open;
use crate::engine::storage::table::Table;
use crate::engine::storage::unreadable_pages;
use crate::pg::error::OrRaise;
use conifer_pure::fault::state;
use conifer_pure::hnsw::check::Checker;
use conifer_pure::hnsw::node::Tid;
use pgrx::iter::TableIterator;
use pgrx::prelude::*;

/// Times that a suspect is checked again: other processes change node records between two looks.
const AGAIN: usize = 4;

impl Check {
    /// Findings about pages, and findings about nodes.
    fn all(&mut self, progress: &mut Progress) -> (Vec<Finding>, Vec<Finding>) {
        let (graphs, mut pages) = self.graphs();
        let mut found = vec![];
        let Swept { suspects, rows } = sweep::sweep(self, graphs.roots.iter().copied(), progress, &mut pages);
        progress.step(format_args!("looking again at {} nodes", suspects.len()), 0);
        let mut checker = self.checker(&graphs);
        for number in suspects {
            pgrx::check_for_interrupts!();
            if pages.len() + found.len() >= MAX {
                break;
            }
            self.node(&mut checker, number, false, &mut found);
        }
        checker.finish().or_raise();
        self.end(checker, &mut found);
        self.twice(lost_rows::twice(&rows).or_raise(), &mut pages);
        progress.end(rows.len(), pages.len() + found.len());
        (pages, found)
    }

    /// Adds a finding for each TID that two node records have at the same time.
    fn twice(&mut self, twice: Vec<(Tid, u32, u32)>, found: &mut Vec<Finding>) {
        let layout = *self.layout();
        for (tid, one, other) in twice {
            // A vacuum may have moved the row, or have freed it for a new one.
            let mut times = |number| {
                let rows = rows_of_node(&mut self.records, &layout, number).map_err(said).unwrap_or_default();
                rows.into_iter().filter(|row| *row == tid).count()
            };
            let sure = match one == other {
                true => times(one) > 1,
                false => times(one) > 0 && times(other) > 0 && times(one) > 0,
            };
            if sure {
                let page = layout.place(other).ok().map(|place| i64::from(place.page));
                let text = format!("row ({},{}) is also in node {one}", tid.block, tid.offset);
                found.push((page, Some(other.into()), text));
            }
        }
    }

    /// The findings that hold at a second look at their node records.
    fn again(&mut self, before: &[Finding]) -> Vec<Finding> {
        let mut numbers: Vec<u32> =
            before.iter().filter_map(|(_, number, _)| (*number)?.try_into().ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let (mut checker, mut found) = (self.checker(&self.graphs().0), vec![]);
        for number in numbers {
            pgrx::check_for_interrupts!();
            self.node(&mut checker, number, true, &mut found);
        }
        self.end(checker, &mut found);
        found
    }

    /// Checks the roots, and adds the checker's findings.
    fn end(&mut self, mut checker: Checker, found: &mut Vec<Finding>) {
        if let Err(fault) = checker.roots(&mut self.records) {
            found.push((None, None, said(fault)));
        }
        let layout = self.layout();
        found.extend(checker.findings.into_iter().map(|finding| {
            let page = layout.place(finding.number).ok().map(|place| i64::from(place.page));
            (page, Some(finding.number.into()), finding.text)
        }));
    }
}

/// All findings about an index.
fn findings(index: Index, table: Table, verbose: bool) -> Vec<Finding> {
    let mut progress = Progress::new(index, verbose);
    progress.step("looking whether all pages can be read", index.pages().into());
    let refused = unreadable_pages::refused(index, MAX, |page| progress.at(page.into()));
    let told = |(page, text): (&u32, &String)| (Some(i64::from(*page)), None, text.clone());
    let mut found: Vec<Finding> = refused.iter().map(told).collect();
    if refused.contains_key(&META) {
        return found;
    }
    // Read from the page, not from the backend's cache.
    let known = match MetaCache::read(index) {
        Ok(known) => known,
        // Without the first page, the layout of all others is unknown.
        Err(fault) => {
            let text = match fault.hint {
                Some(hint) if fault.state == state::FEATURE_NOT_SUPPORTED => {
                    format!("{}. {hint}", fault.message)
                }
                _ => fault.message,
            };
            found.push((Some(META.into()), None, text));
            return found;
        }
    };
    let layout = known.meta.layout;
    let records = ReadablePages { records: NodeReader::new(index, layout), layout, refused };
    let mut check = Check { index, known, table, records };
    let (mut pages, mut records) = check.all(&mut progress);
    for _ in 0..AGAIN {
        if records.is_empty() {
            break;
        }
        records = check.again(&records);
    }
    found.append(&mut pages);
    found.append(&mut records);
    found
}

/// Checks every page, and the links between node records.
#[pg_extern(sql = false)]
fn hnsw_check(
    index: pg_sys::Oid,
    verbose: bool,
) -> TableIterator<'static, (name!(page, Option<i64>), name!(node, Option<i64>), name!(finding, String))> {
    let table = Table::of(index);
    let open = Open::new(index, &OURS);
    let _at = WorkedOn::index(open.0);
    TableIterator::new(findings(Index(open.0), table, verbose))
}
