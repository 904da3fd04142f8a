//! `hnsw_check`, `hnsw_stats` and `hnsw_size`: what is in an index, for whoever operates it.
#![allow(unsafe_code)]

use super::blocks::Blocks;
use super::buffer::{Index, Mode};
use super::known::{Known, META};
use super::page::{self, Kind};
use super::roots;
use crate::raise::{OrRaise, raise};
use conifer_pure::block::{BlockRef, ChainRef, Layout, PAGE, Root, State, Tid};
use conifer_pure::check::Checker;
use conifer_pure::fault::{Fault, state};
use conifer_pure::index::Key;
use conifer_pure::search::Pages;
use pgrx::iter::TableIterator;
use pgrx::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Findings that are told; with more, the index is beyond repair anyway.
const MOST: usize = 1000;

/// An index that is open until this is dropped.
pub struct Open(pub pg_sys::Relation);

impl Open {
    /// Opens an index of ours, whoever owns it.
    ///
    /// Raises `42809` if it is something else.
    pub fn of_anybody(oid: pg_sys::Oid) -> Self {
        // SAFETY: opened with a lock that lets others read and write; lookups in catalogs.
        unsafe {
            let relation = pg_sys::relation_open(oid, pg_sys::AccessShareLock as i32);
            let new = Self(relation);
            let class = &*(*relation).rd_rel;
            let ours = [c"hnsw", c"ivfflat"].map(|name| pg_sys::get_am_oid(name.as_ptr(), true));
            if class.relkind != pg_sys::RELKIND_INDEX as std::ffi::c_char || !ours.contains(&class.relam) {
                let message = format!("\"{}\" is not an hnsw index", Index(relation).name());
                raise(Fault::new(state::WRONG_OBJECT_TYPE, message));
            }
            new
        }
    }

    /// Opens an index of ours.
    ///
    /// Raises `42809` if it is something else, `42501` if it is not the caller's.
    fn new(oid: pg_sys::Oid) -> Self {
        let new = Self::of_anybody(oid);
        // SAFETY: the relation is open.
        if !owns(unsafe { (*(*new.0).rd_rel).relowner }) {
            let message = format!("must be owner of index {}", Index(new.0).name());
            raise(Fault::new(state::INSUFFICIENT_PRIVILEGE, message));
        }
        new
    }
}

fn owns(owner: pg_sys::Oid) -> bool {
    // SAFETY: lookups in catalogs.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), owner) }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened in `new`.
            unsafe { pg_sys::relation_close(self.0, pg_sys::AccessShareLock as i32) }
        }
    }
}

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
    fn lost(&self, blocks: &mut Blocks, layout: &Layout, number: u32) -> conifer_pure::Result<Vec<Tid>> {
        let Some(table) = self.0 else { return Ok(vec![]) };
        let mut rows = || -> conifer_pure::Result<Vec<Tid>> {
            blocks.read(number, |bytes| {
                let header = *BlockRef::new(layout, bytes)?.header();
                Ok(match ChainRef::new(layout, bytes)? {
                    Some(chain) => chain.tids().collect(),
                    None => Some(header.tid).filter(|_| header.state == State::Live).into_iter().collect(),
                })
            })?
        };
        let mut lost: Vec<Tid> =
            rows()?.into_iter().filter(|tid| tid.is_some() && !is_there(table, *tid)).collect();
        if !lost.is_empty() {
            // A vacuum may have taken them out of both since.
            let now = rows()?;
            lost.retain(|tid| now.contains(tid) && !is_there(table, *tid));
        }
        Ok(lost)
    }
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
    let at = page::HEADER + (usize::from(tid.offset) - 1) * size_of::<u32>();
    let lower = usize::from(u16::from_ne_bytes([page.bytes()[12], page.bytes()[13]]));
    let pointer = page.bytes().get(at..lower.max(at)).and_then(|bytes| bytes.first_chunk());
    // The flags of a line pointer are bits 15 and 16; none of them: unused.
    pointer.is_some_and(|pointer| u32::from_ne_bytes(*pointer) >> 15 & 3 != 0)
}

/// Something that is not as it should be: its page, block, and what it is.
type Finding = (Option<i64>, Option<i64>, String);

/// Times that what seems wrong is looked at again: others change blocks between two looks.
const AGAIN: usize = 4;

/// An index that is looked at.
struct Check {
    index: Index,
    known: Rc<Known>,
    table: Table,
    blocks: Blocks,
}

impl Check {
    /// What knows the graphs as they are now.
    fn checker(&self) -> conifer_pure::Result<Checker> {
        let roots = roots::all(self.index, &self.known)?;
        let roots: Vec<Root> = roots.iter().filter_map(|(_, entry)| entry.root).collect();
        Ok(Checker::new(self.known.meta.layout, &roots, MOST))
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
            Err(fault) => found.push((page, Some(number.into()), fault.message)),
        }
    }

    /// What is wrong with pages, and with blocks.
    fn all(&mut self) -> conifer_pure::Result<(Vec<Finding>, Vec<Finding>)> {
        let mut checker = self.checker()?;
        let (mut pages, mut found) = (vec![], vec![]);
        let mut number = META + 1;
        while number < self.index.pages() && pages.len() + found.len() < MOST {
            pgrx::check_for_interrupts!();
            let kind = page::kind(self.index.page(number, Mode::Share).bytes());
            match kind {
                Ok(Kind::Blocks) => {
                    let layout = self.known.meta.layout;
                    for slot in 0..layout.per_page() as u32 {
                        self.block(&mut checker, layout.first_on(number) + slot, false, &mut found);
                    }
                }
                Ok(Kind::Meta) => pages.push((Some(number.into()), None, "a second first page".into())),
                Ok(_) => {}
                Err(fault) => pages.push((Some(number.into()), None, fault.message)),
            }
            number += 1;
        }
        checker.finish();
        self.end(checker, &mut found);
        Ok((pages, found))
    }

    /// What is wrong with blocks of which something was found.
    fn again(&mut self, before: &[Finding]) -> conifer_pure::Result<Vec<Finding>> {
        let mut numbers: Vec<u32> =
            before.iter().filter_map(|(_, number, _)| (*number)?.try_into().ok()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let (mut checker, mut found) = (self.checker()?, vec![]);
        for number in numbers {
            pgrx::check_for_interrupts!();
            self.block(&mut checker, number, true, &mut found);
        }
        self.end(checker, &mut found);
        Ok(found)
    }

    /// Looks at the roots, and takes what was kept.
    fn end(&mut self, mut checker: Checker, found: &mut Vec<Finding>) {
        if let Err(fault) = checker.roots(&mut self.blocks) {
            found.push((None, None, fault.message));
        }
        let layout = &self.known.meta.layout;
        found.extend(checker.findings.into_iter().map(|finding| {
            let page = layout.place(finding.number).ok().map(|place| i64::from(place.page));
            (page, Some(finding.number.into()), finding.text)
        }));
    }
}

/// Looks at every page and everything that holds between blocks.
#[pg_extern(sql = false)]
fn hnsw_check(
    index: pg_sys::Oid,
) -> TableIterator<'static, (name!(page, Option<i64>), name!(block, Option<i64>), name!(finding, String))> {
    let table = Table::of(index);
    let open = Open::new(index);
    let index = Index(open.0);
    let known = Known::of(index);
    let blocks = Blocks::new(index, known.meta.layout);
    let mut check = Check { index, known, table, blocks };
    let mut look = || {
        let (mut pages, mut found) = check.all()?;
        for _ in 0..AGAIN {
            if found.is_empty() {
                break;
            }
            found = check.again(&found)?;
        }
        pages.append(&mut found);
        Ok(pages)
    };
    let found = look().unwrap_or_else(|fault: Fault| vec![(None, None, fault.message)]);
    TableIterator::new(found)
}

/// What is counted of a graph.
#[derive(Default)]
struct Count {
    nodes: i64,
    dead: i64,
    tuples: i64,
    edges: i64,
}

/// The graphs of an index.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn hnsw_stats(
    index: pg_sys::Oid,
) -> TableIterator<
    'static,
    (
        name!(key, Option<String>),
        name!(nodes, i64),
        name!(dead, i64),
        name!(tuples, i64),
        name!(level, i32),
        name!(edges, i64),
    ),
> {
    let open = Open::new(index);
    let index = Index(open.0);
    let known = Known::of(index);
    let mut counts: HashMap<u32, Count> = HashMap::new();
    each_block(index, &known, |_, bytes| {
        let block = BlockRef::new(&known.meta.layout, bytes).or_raise();
        let header = block.header();
        let count = counts.entry(header.graph).or_default();
        match header.state {
            State::Live | State::Dead => {
                count.edges += block.neighbours().count() as i64;
                if header.level == 0 {
                    let dead = header.state == State::Dead;
                    *(if dead { &mut count.dead } else { &mut count.nodes }) += 1;
                    count.tuples += i64::from(header.tid.is_some());
                }
            }
            State::Chain => {
                let rows = ChainRef::new(&known.meta.layout, bytes).or_raise();
                count.tuples += rows.map_or(0, |rows| rows.tids().count()) as i64;
            }
            State::Free => {}
        }
    });
    let rows: Vec<_> = roots::all(index, &known)
        .or_raise()
        .into_iter()
        .filter_map(|(key, entry)| {
            let root = entry.root?;
            let count = counts.remove(&root.graph).unwrap_or_default();
            let columns = &known.columns.key;
            let key = (!columns.is_empty()).then(|| Key::display(columns, &key));
            Some((key, count.nodes, count.dead, count.tuples, i32::from(root.level), count.edges))
        })
        .collect();
    TableIterator::new(rows)
}

/// What the pages hold.
#[pg_extern(sql = false)]
fn hnsw_size(
    index: pg_sys::Oid,
) -> TableIterator<'static, (name!(kind, String), name!(count, i64), name!(bytes, i64))> {
    let open = Open::new(index);
    let index = Index(open.0);
    let known = Known::of(index);
    let layout = &known.meta.layout;
    let mut sizes: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut add = |kind, bytes: usize| {
        let size = sizes.entry(kind).or_default();
        *size = (size.0 + 1, size.1 + bytes as i64);
    };
    each_block(index, &known, |_, bytes| {
        let header = *BlockRef::new(layout, bytes).or_raise().header();
        let kind = match (header.state, header.level) {
            (State::Free, _) => "free blocks",
            (State::Chain, _) => "blocks of rows with equal vectors",
            (State::Live | State::Dead, 0) => "blocks on level 0",
            (State::Live | State::Dead, _) => "blocks above level 0",
        };
        add(kind, layout.block_bytes());
    });
    for number in 0..index.pages() {
        pgrx::check_for_interrupts!();
        let kind = page::kind(index.page(number, Mode::Share).bytes()).or_raise();
        if matches!(kind, Kind::Branch | Kind::Leaf) {
            add("pages of the directory of keys", PAGE);
        }
        add("pages", PAGE);
    }
    TableIterator::new(
        sizes.into_iter().map(|(kind, (n, bytes))| (kind.to_owned(), n, bytes)).collect::<Vec<_>>(),
    )
}

/// Shows all blocks.
fn each_block(index: Index, known: &Known, mut look: impl FnMut(u32, &[u8])) {
    let layout = &known.meta.layout;
    let mut blocks = Blocks::new(index, *layout);
    for number in META + 1..index.pages() {
        pgrx::check_for_interrupts!();
        if page::kind(index.page(number, Mode::Share).bytes()).or_raise() != Kind::Blocks {
            continue;
        }
        for slot in 0..layout.per_page() as u32 {
            let block = layout.first_on(number) + slot;
            blocks.read(block, |bytes| look(block, bytes)).or_raise();
        }
    }
}
