//! `hnsw_check`: whether an index is as it should be. Whatever is wrong with its pages is a finding, no error, so that one
//! damage does not hide the others.
//!
//! `sweep` goes over all pages, and its threads find which blocks need no closer look; of the others, this says what is
//! wrong. `table`: rows that the index leads to. `progress`: what is told meanwhile.
#![allow(unsafe_code)]

mod progress;
mod sweep;
mod table;

use self::progress::Progress;
use self::sweep::Swept;
pub use self::table::Table;
use super::blocks::Blocks;
use super::buffer::{Index, Mode};
use super::damage;
use super::known::{Known, META};
use super::page::{self, Kind};
use super::report::Open;
use super::roots;
use crate::raise::{OrRaise, raise};
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::check;
use conifer_pure::hnsw::check::Checker;
use conifer_pure::hnsw::node::{Layout, Root, Tid, corrupted};
use conifer_pure::hnsw::search::Pages;
use conifer_pure::memory::allocation::with_room;
use pgrx::iter::TableIterator;
use pgrx::prelude::*;
use std::collections::BTreeMap;

/// Findings that are told; with more, the index is beyond repair anyway.
const MOST: usize = 1000;
/// Times that what seems wrong is looked at again: others change blocks between two looks.
const AGAIN: usize = 4;

/// Something that is not as it should be: its page, block, and what it is.
type Finding = (Option<i64>, Option<i64>, String);

/// The rows that a block leads to.
fn blocks_rows(blocks: &mut impl Pages, layout: &Layout, number: u32) -> Result<Vec<Tid>> {
    blocks.read(number, |bytes| Ok(check::rows(layout, bytes)?.collect()))?
}

/// Pages that the server does not refuse, and the blocks on them.
struct Sound {
    blocks: Blocks,
    layout: Layout,
    refused: BTreeMap<u32, String>,
}

impl Sound {
    /// Refuses a page.
    fn may_read(&self, page: u32) -> Result<()> {
        if self.refused.contains_key(&page) {
            return Err(corrupted(format_args!("page {page} cannot be read")));
        }
        Ok(())
    }
}

impl Sound {
    fn is_refused(&self, page: u32) -> bool {
        self.refused.contains_key(&page)
    }

    /// Shows the blocks that start on a page.
    fn on_page(&mut self, page: u32, look: impl FnMut(u32, &[u8]) -> Result<()>) -> Result<()> {
        for page in (page..).take(self.layout.unit_pages()) {
            self.may_read(page)?;
        }
        self.blocks.on_page(page, look).map(drop)
    }
}

impl Pages for Sound {
    fn blocks(&self) -> u32 {
        self.blocks.blocks()
    }

    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let first = self.layout.place(number)?.page;
        for page in (first..).take(self.layout.unit_pages()) {
            self.may_read(page)?;
        }
        self.blocks.read(number, look)
    }
}

/// The text of a finding, from the fault that a look at a page gave. A fault of memory is no finding, and is raised.
fn said(fault: Fault) -> String {
    if fault.state == state::OUT_OF_MEMORY {
        raise(fault)
    }
    fault.message
}

/// Graphs that were found.
struct Graphs {
    roots: Vec<Root>,
    /// There may be others.
    partial: bool,
}

/// An index that is looked at.
struct Check {
    index: Index,
    known: Known,
    table: Table,
    blocks: Sound,
}

impl Check {
    fn layout(&self) -> &Layout {
        &self.known.meta.layout
    }

    /// The graphs as they are now, and what is wrong with the pages that lead to them.
    fn graphs(&self) -> (Graphs, Vec<Finding>) {
        let survey = roots::survey(self.index, &self.known, |page| self.blocks.may_read(page));
        let (graphs, faults) = survey.or_raise();
        let mut roots: Vec<Root> = with_room(graphs.len()).or_raise();
        roots.extend(graphs.iter().filter_map(|(_, entry)| entry.root));
        let graphs = Graphs { roots, partial: !faults.is_empty() };
        let faults = faults.into_iter().filter(|(page, _)| !self.blocks.is_refused(*page));
        (graphs, faults.map(|(page, fault)| (Some(page.into()), None, fault.message)).collect())
    }

    fn checker(&self, graphs: &Graphs) -> Checker {
        Checker::new(*self.layout(), &graphs.roots, MOST).or_raise().partial(graphs.partial)
    }

    /// Looks at one block, `again` as at one of few. Adds what `checker` does not keep.
    fn block(&mut self, checker: &mut Checker, number: u32, again: bool, found: &mut Vec<Finding>) {
        let Self { known, table, blocks, .. } = self;
        let layout = &known.meta.layout;
        let page = layout.place(number).ok().map(|place| i64::from(place.page));
        let looked = if again { checker.look_again(blocks, number) } else { checker.look(blocks, number) };
        match looked.and_then(|()| table.lost(blocks, layout, number)) {
            Ok(lost) => found.extend(lost.into_iter().map(|Tid { block, offset }| {
                let text = format!("row ({block},{offset}) is not in the table");
                (page, Some(number.into()), text)
            })),
            // Of such bytes the checker has said it.
            Err(fault)
                if fault.state != state::OUT_OF_MEMORY
                    && checker.findings.last().is_some_and(|last| last.number == number) => {}
            Err(fault) => found.push((page, Some(number.into()), said(fault))),
        }
    }

    /// What is wrong with a page as a whole, or that blocks lie on it.
    fn page(&self, number: u32) -> Result<bool> {
        let kind = page::kind(self.index.page(number, Mode::Share).bytes())?;
        let pieces = self.layout().unit_pages() > 1;
        let keyed = self.known.meta.directory != 0;
        match kind {
            Kind::Blocks => Ok(true),
            Kind::Meta => Err(corrupted("a second first page")),
            Kind::Branch | Kind::Leaf if !keyed => Err(corrupted("a page of a directory, and there is none")),
            Kind::Piece if !pieces => Err(corrupted("a page of pieces, and blocks are smaller")),
            Kind::Branch | Kind::Leaf | Kind::Piece | Kind::New => Ok(false),
        }
    }

    /// What is wrong with pages, and with blocks.
    fn all(&mut self, progress: &mut Progress) -> (Vec<Finding>, Vec<Finding>) {
        let (graphs, mut pages) = self.graphs();
        let mut found = vec![];
        let Swept { suspects, rows } = sweep::sweep(self, graphs.roots.iter().copied(), progress, &mut pages);
        progress.step(format_args!("looking again at {} blocks", suspects.len()), 0);
        let mut checker = self.checker(&graphs);
        for number in suspects {
            pgrx::check_for_interrupts!();
            if pages.len() + found.len() >= MOST {
                break;
            }
            self.block(&mut checker, number, false, &mut found);
        }
        checker.finish().or_raise();
        self.end(checker, &mut found);
        self.twice(table::twice(&rows).or_raise(), &mut pages);
        progress.end(rows.len(), pages.len() + found.len());
        (pages, found)
    }

    /// Rows that two blocks lead to, at the same time.
    fn twice(&mut self, twice: Vec<(Tid, u32, u32)>, found: &mut Vec<Finding>) {
        let layout = *self.layout();
        for (tid, one, other) in twice {
            // A vacuum may have moved the row, or have freed it for a new one.
            let mut times = |number| {
                let rows = blocks_rows(&mut self.blocks, &layout, number).map_err(said).unwrap_or_default();
                rows.into_iter().filter(|row| *row == tid).count()
            };
            let sure = match one == other {
                true => times(one) > 1,
                false => times(one) > 0 && times(other) > 0 && times(one) > 0,
            };
            if sure {
                let page = layout.place(other).ok().map(|place| i64::from(place.page));
                let text = format!("row ({},{}) is also in block {one}", tid.block, tid.offset);
                found.push((page, Some(other.into()), text));
            }
        }
    }

    /// What is wrong with blocks of which something was found.
    fn again(&mut self, before: &[Finding]) -> Vec<Finding> {
        let mut numbers: Vec<u32> =
            before.iter().filter_map(|(_, number, _)| (*number)?.try_into().ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let (mut checker, mut found) = (self.checker(&self.graphs().0), vec![]);
        for number in numbers {
            pgrx::check_for_interrupts!();
            self.block(&mut checker, number, true, &mut found);
        }
        self.end(checker, &mut found);
        found
    }

    /// Looks at the roots, and takes what was kept.
    fn end(&mut self, mut checker: Checker, found: &mut Vec<Finding>) {
        if let Err(fault) = checker.roots(&mut self.blocks) {
            found.push((None, None, said(fault)));
        }
        let layout = self.layout();
        found.extend(checker.findings.into_iter().map(|finding| {
            let page = layout.place(finding.number).ok().map(|place| i64::from(place.page));
            (page, Some(finding.number.into()), finding.text)
        }));
    }
}

/// What is wrong with an index.
fn findings(index: Index, table: Table, verbose: bool) -> Vec<Finding> {
    let mut progress = Progress::new(index, verbose);
    progress.step("looking whether all pages can be read", index.pages().into());
    let refused = damage::refused(index, MOST, |page| progress.at(page.into()));
    let told = |(page, text): (&u32, &String)| (Some(i64::from(*page)), None, text.clone());
    let mut found: Vec<Finding> = refused.iter().map(told).collect();
    if refused.contains_key(&META) {
        return found;
    }
    // Not what the backend remembers of it.
    let known = match Known::read(index) {
        Ok(known) => known,
        // Nobody knows what the other pages should be.
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
    let blocks = Sound { blocks: Blocks::new(index, layout), layout, refused };
    let mut check = Check { index, known, table, blocks };
    let (mut pages, mut blocks) = check.all(&mut progress);
    for _ in 0..AGAIN {
        if blocks.is_empty() {
            break;
        }
        blocks = check.again(&blocks);
    }
    found.append(&mut pages);
    found.append(&mut blocks);
    found
}

/// Looks at every page and everything that holds between blocks.
#[pg_extern(sql = false)]
fn hnsw_check(
    index: pg_sys::Oid,
    verbose: bool,
) -> TableIterator<'static, (name!(page, Option<i64>), name!(block, Option<i64>), name!(finding, String))> {
    let table = Table::of(index);
    let open = Open::new(index);
    TableIterator::new(findings(Index(open.0), table, verbose))
}
