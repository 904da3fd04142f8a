//! `hnsw_check`: whether an index is as it should be. Whatever is wrong with its pages is a finding, no error, so that one
//! damage does not hide the others.
#![allow(unsafe_code)]

use super::blocks::Blocks;
use super::buffer::{Index, Mode};
use super::damage;
use super::known::{Known, META};
use super::page::{self, HEADER, Kind};
use super::report::Open;
use super::roots;
use crate::raise::{OrRaise, raise};
use conifer_pure::Result;
use conifer_pure::allocation::{Reserve, with_room};
use conifer_pure::block::{BlockRef, ChainRef, Layout, Root, State, Tid, corrupted};
use conifer_pure::check::Checker;
use conifer_pure::fault::{Fault, state};
use conifer_pure::search::Pages;
use pgrx::iter::TableIterator;
use pgrx::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Findings that are told; with more, the index is beyond repair anyway.
const MOST: usize = 1000;
/// Times that what seems wrong is looked at again: others change blocks between two looks.
const AGAIN: usize = 4;

/// Something that is not as it should be: its page, block, and what it is.
type Finding = (Option<i64>, Option<i64>, String);

/// The table of an index, open until this is dropped. Whoever opens both opens it first, as all others do.
pub struct Table(Option<pg_sys::Relation>);

impl Table {
    /// That of an index; of something else, none.
    pub fn of(index: pg_sys::Oid) -> Self {
        // SAFETY: lookups in catalogs; opened with a lock that lets others read and write, before its index is.
        unsafe {
            let oid = pg_sys::IndexGetRelation(index, true);
            let table = (oid != pg_sys::InvalidOid)
                .then(|| pg_sys::relation_open(oid, pg_sys::AccessShareLock as i32));
            // Of another table access method, nobody knows what a row is.
            match table {
                Some(heap) if (*(*heap).rd_rel).relam != pg_sys::HEAP_TABLE_AM_OID => {
                    pg_sys::relation_close(heap, pg_sys::AccessShareLock as i32);
                    Self(None)
                }
                other => Self(other),
            }
        }
    }

    /// Rows of a block that the table does not have.
    fn lost(&self, blocks: &mut impl Pages, layout: &Layout, number: u32) -> Result<Vec<Tid>> {
        let Some(table) = self.0 else { return Ok(vec![]) };
        let mut lost = rows(blocks, layout, number)?;
        lost.retain(|tid| !is_there(table, *tid));
        if !lost.is_empty() {
            // A vacuum may have taken them out of both since.
            let now = rows(blocks, layout, number)?;
            lost.retain(|tid| now.contains(tid) && !is_there(table, *tid));
        }
        Ok(lost)
    }
}

/// The rows that a block leads to.
fn rows(blocks: &mut impl Pages, layout: &Layout, number: u32) -> Result<Vec<Tid>> {
    let mut rows = blocks.read(number, |bytes| -> Result<Vec<Tid>> {
        let header = *BlockRef::new(layout, bytes)?.header();
        Ok(match ChainRef::new(layout, bytes)? {
            Some(chain) => chain.tids().collect(),
            None if header.state == State::Live && header.level == 0 => vec![header.tid],
            None => vec![],
        })
    })??;
    rows.retain(|tid| tid.is_some());
    Ok(rows)
}

impl Drop for Table {
    fn drop(&mut self) {
        if let Some(table) = self.0.filter(|_| !std::thread::panicking()) {
            // SAFETY: opened in `of`.
            unsafe { pg_sys::relation_close(table, pg_sys::AccessShareLock as i32) }
        }
    }
}

/// Whether a heap has a row there, dead or alive: an index never leads to a line pointer that is not used.
fn is_there(heap: pg_sys::Relation, tid: Tid) -> bool {
    if tid.block >= Index(heap).pages() {
        return false;
    }
    let page = Index(heap).page(tid.block, Mode::Share);
    let at = HEADER + (usize::from(tid.offset) - 1) * size_of::<u32>();
    let lower = usize::from(u16::from_ne_bytes([page.bytes()[12], page.bytes()[13]]));
    let pointer = page.bytes().get(at..lower.max(at)).and_then(|bytes| bytes.first_chunk());
    // The flags of a line pointer are bits 15 and 16; none of them: unused.
    pointer.is_some_and(|pointer| u32::from_ne_bytes(*pointer) >> 15 & 3 != 0)
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

/// What is wrong with pages. A want of memory says nothing of them, and is raised.
fn said(fault: Fault) -> String {
    if fault.state == state::OUT_OF_MEMORY {
        raise(fault)
    }
    fault.message
}

/// Rows that several blocks lead to, or one twice.
#[derive(Default)]
struct Twice {
    met: HashMap<Tid, u32>,
    found: Vec<(Tid, u32, u32)>,
}

impl Twice {
    fn add(&mut self, tid: Tid, number: u32) -> Result<()> {
        self.met.room_for(1)?;
        if let Some(other) = self.met.insert(tid, number)
            && self.found.len() < MOST
        {
            self.found.push((tid, other, number));
        }
        Ok(())
    }
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

    /// What knows the graphs as they are now, and what is wrong with the pages that lead to them.
    fn checker(&self) -> (Checker, Vec<Finding>) {
        let survey = roots::survey(self.index, &self.known, |page| self.blocks.may_read(page));
        let (graphs, faults) = survey.or_raise();
        let mut roots: Vec<Root> = with_room(graphs.len()).or_raise();
        roots.extend(graphs.iter().filter_map(|(_, entry)| entry.root));
        let checker = Checker::new(*self.layout(), &roots, MOST).or_raise().partial(!faults.is_empty());
        let known = |page: &u32| self.blocks.refused.contains_key(page);
        let faults = faults.into_iter().filter(|(page, _)| !known(page));
        (checker, faults.map(|(page, fault)| (Some(page.into()), None, fault.message)).collect())
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
    fn all(&mut self) -> (Vec<Finding>, Vec<Finding>) {
        let (mut checker, mut pages) = self.checker();
        let (mut found, mut twice) = (vec![], Twice::default());
        let mut number = META + 1;
        while number < self.index.pages() && pages.len() + found.len() < MOST {
            pgrx::check_for_interrupts!();
            if self.blocks.refused.contains_key(&number) {
                number += 1;
                continue;
            }
            match self.page(number) {
                Ok(true) => {
                    let layout = *self.layout();
                    for block in (layout.first_on(number)..).take(layout.per_page()) {
                        self.block(&mut checker, block, false, &mut found);
                        let rows = rows(&mut self.blocks, &layout, block).map_err(said).unwrap_or_default();
                        rows.into_iter().try_for_each(|tid| twice.add(tid, block)).or_raise();
                    }
                }
                Ok(false) => {}
                Err(fault) => pages.push((Some(number.into()), None, said(fault))),
            }
            number += 1;
        }
        checker.finish().or_raise();
        self.end(checker, &mut found);
        self.twice(twice, &mut pages);
        (pages, found)
    }

    /// Rows that two blocks lead to, at the same time.
    fn twice(&mut self, twice: Twice, found: &mut Vec<Finding>) {
        let layout = *self.layout();
        for (tid, one, other) in twice.found {
            // A vacuum may have moved the row, or have freed it for a new one.
            let mut times = |number| {
                let rows = rows(&mut self.blocks, &layout, number).map_err(said).unwrap_or_default();
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
        let ((mut checker, _), mut found) = (self.checker(), vec![]);
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
fn findings(index: Index, table: Table) -> Vec<Finding> {
    let refused = damage::refused(index, MOST);
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
            found.push((Some(META.into()), None, fault.message));
            return found;
        }
    };
    let layout = known.meta.layout;
    let blocks = Sound { blocks: Blocks::new(index, layout), layout, refused };
    let mut check = Check { index, known, table, blocks };
    let (mut pages, mut blocks) = check.all();
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
) -> TableIterator<'static, (name!(page, Option<i64>), name!(block, Option<i64>), name!(finding, String))> {
    let table = Table::of(index);
    let open = Open::new(index);
    TableIterator::new(findings(Index(open.0), table))
}
