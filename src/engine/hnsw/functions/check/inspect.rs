//! Inspection of one page, one node record, or the graphs of an index.

use super::finding::{Finding, MAX, said};
use super::lost_rows;
use super::readable_pages::ReadablePages;
use crate::engine::hnsw::storage::key_directory;
use crate::engine::hnsw::storage::meta_cache::MetaCache;
use crate::engine::hnsw::storage::page;
use crate::engine::hnsw::storage::page::Kind;
use crate::engine::storage::buffer::{Index, Mode};
use crate::engine::storage::table::Table;
use crate::pg::error::OrRaise;
use conifer_pure::Result;
use conifer_pure::fault::state;
use conifer_pure::hnsw::check::Checker;
use conifer_pure::hnsw::node::{EntryPoint, Layout, Tid, corrupted};
use conifer_pure::memory::allocation::with_room;

/// Graphs that were found.
pub struct Graphs {
    pub roots: Vec<EntryPoint>,
    /// There may be other graphs, on pages that could not be read.
    pub partial: bool,
}

/// An index that is checked.
pub struct Check {
    pub index: Index,
    pub known: MetaCache,
    pub table: Table,
    pub records: ReadablePages,
}

impl Check {
    /// The layout of the index's node records.
    pub fn layout(&self) -> &Layout {
        &self.known.meta.layout
    }

    /// The graphs as they are now, and the findings about the pages that lead to them.
    pub fn graphs(&self) -> (Graphs, Vec<Finding>) {
        let survey = key_directory::survey(self.index, &self.known, |page| self.records.may_read(page));
        let (graphs, faults) = survey.or_raise();
        let mut roots: Vec<EntryPoint> = with_room(graphs.len()).or_raise();
        roots.extend(graphs.iter().filter_map(|(_, entry)| entry.root));
        let graphs = Graphs { roots, partial: !faults.is_empty() };
        let faults = faults.into_iter().filter(|(page, _)| !self.records.is_refused(*page));
        (graphs, faults.map(|(page, fault)| (Some(page.into()), None, fault.message)).collect())
    }

    /// A checker of node records that enters the index by `graphs`.
    pub fn checker(&self, graphs: &Graphs) -> Checker {
        Checker::new(*self.layout(), &graphs.roots, MAX).or_raise().partial(graphs.partial)
    }

    /// Checks one node record; `again`: as one of few suspects. Adds the findings that `checker` does not keep.
    pub fn node(&mut self, checker: &mut Checker, number: u32, again: bool, found: &mut Vec<Finding>) {
        let Self { known, table, records, .. } = self;
        let layout = &known.meta.layout;
        let page = layout.place(number).ok().map(|place| i64::from(place.page));
        let looked = if again { checker.look_again(records, number) } else { checker.look(records, number) };
        match looked.and_then(|()| lost_rows::lost(table, records, layout, number)) {
            Ok(lost) => found.extend(lost.into_iter().map(|Tid { block, offset }| {
                let text = format!("row ({block},{offset}) is not in the table");
                (page, Some(number.into()), text)
            })),
            // The checker has a finding about these bytes already.
            Err(fault)
                if fault.state != state::OUT_OF_MEMORY
                    && checker.findings.last().is_some_and(|last| last.number == number) => {}
            Err(fault) => found.push((page, Some(number.into()), said(fault))),
        }
    }

    /// Whether node records lie on a page; the error is about the page as a whole.
    pub fn page(&self, number: u32) -> Result<bool> {
        let kind = page::kind(self.index.page(number, Mode::Share).bytes())?;
        let pieces = self.layout().unit_pages() > 1;
        let keyed = self.known.meta.directory != 0;
        match kind {
            Kind::Nodes => Ok(true),
            Kind::Meta => Err(corrupted("a second first page")),
            Kind::Branch | Kind::Leaf if !keyed => Err(corrupted("a page of a directory, and there is none")),
            Kind::Piece if !pieces => Err(corrupted("a page of pieces, and nodes are smaller")),
            Kind::Branch | Kind::Leaf | Kind::Piece | Kind::New => Ok(false),
        }
    }
}
