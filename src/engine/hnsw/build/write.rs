//! The pages of a new index, written one after the other: the first page; the root of the directory, if there is a
//! key; the graphs; the leaves of the directory. No other process sees them, so they go to the WAL at the end, whole.
#![allow(unsafe_code)]

use super::points::Built;
use super::progress;
use crate::engine::hnsw::storage::key_directory;
use crate::engine::hnsw::storage::meta_cache::META;
use crate::engine::hnsw::storage::page;
use crate::engine::hnsw::storage::page::Kind;
use crate::engine::hnsw::threads;
use crate::engine::storage::buffer::Index;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::build::pack::{Draft, Packer, Rows, Site};
use conifer_pure::hnsw::build::{Control, Memory};
use conifer_pure::hnsw::node::{Buffer, Layout, ROOM};
use conifer_pure::hnsw::pages::directory;
use conifer_pure::hnsw::pages::directory::Found;
use conifer_pure::hnsw::pages::{Entry, Key, MANY, Meta};
use conifer_pure::hnsw::rotation::Rotation;
use conifer_pure::hnsw::search::SMALL_GRAPH;
use conifer_pure::memory::allocation::{Reserve, collected};
use pgrx::pg_sys;
use std::cell::Cell;

/// Page of the directory's root.
pub const DIRECTORY: u32 = 1;
/// Pages that are made at once.
const TOGETHER: usize = 512;

/// An index being written.
pub struct BulkWriter<'a> {
    index: Index,
    fork: pg_sys::ForkNumber::Type,
    meta: &'a Meta,
    /// Number of the next node record.
    next: u32,
    /// Number of the next graph.
    graphs: u32,
    /// The room of the page of the next node record, if other records lie on it as well.
    started: Option<Vec<u8>>,
    /// Keys and their graphs.
    keys: Vec<(Key, Entry)>,
    /// Pages so far, and about how many there will be in the end.
    written: Cell<u32>,
    expected: u32,
}

impl<'a> BulkWriter<'a> {
    /// Writes the pages before the node pages, of which about `expected` will follow.
    pub fn new(index: Index, fork: pg_sys::ForkNumber::Type, meta: &'a Meta, expected: u32) -> Self {
        let first = if meta.directory == 0 { META + 1 } else { DIRECTORY + 1 };
        let next = meta.layout.first_on(first);
        let expected = first + expected;
        let written = Cell::new(0);
        let new = Self { index, fork, meta, next, graphs: 1, started: None, keys: vec![], written, expected };
        new.page(Kind::Meta, Meta::USED, |room| meta.write(room));
        if meta.directory != 0 {
            // The directory's leaves come last.
            new.page(Kind::Branch, directory::BRANCH, |room| directory::format_branch(room, 0, 0));
        }
        new
    }

    fn layout(&self) -> &Layout {
        &self.meta.layout
    }

    /// Adds a page; returns its number.
    fn page(&self, kind: Kind, used: usize, fill: impl FnOnce(&mut [u8])) -> u32 {
        let mut page = self.index.extend(self.fork, true);
        page.init();
        fill(page::room_mut(page.bytes_mut()));
        page::use_room(page.bytes_mut(), used);
        page::mark(page.bytes_mut(), kind);
        page.mark_dirty();
        self.written.set(self.written.get() + 1);
        self.report();
        page.number()
    }

    fn report(&self) {
        if self.fork == pg_sys::ForkNumber::MAIN_FORKNUM {
            progress::pages(self.written.get(), self.expected);
        }
    }

    /// Writes a graph.
    ///
    /// Raises if it is cancelled or does not fit.
    pub fn graph(
        &mut self,
        built: Built,
        memory: &mut dyn Memory,
        rotation: &Rotation,
        pool: &rayon::ThreadPool,
        control: &Control,
    ) {
        let layout = *self.layout();
        let Built { key, arena, members, tids, graph } = built;
        if layout.unit_pages() > 1 {
            self.end_page();
        }
        let site = Site { layout, first: self.next, graph: self.graphs };
        let rows = Rows { members: &members, tids: &tids };
        let draft = Draft::new_in(&graph, &layout, memory).or_raise();
        self.keys.room_for(1).or_raise();
        let pack = || Packer::new(site, rotation, &arena, draft, rows, pool, control);
        let packer = threads::wait(pool, control, || {}, pack).unwrap_or_else(|why| threads::failed(why));
        // The packer has copied all that it needs.
        drop((arena, graph));
        let Some(root) = packer.root() else { return };
        let nodes = if packer.nodes() > SMALL_GRAPH { MANY } else { packer.nodes() };
        self.keys.push((key, Entry { root: Some(root), nodes }));
        self.graphs += 1;

        let first = layout.place(self.next).or_raise().page;
        let last =
            layout.place(packer.end() - layout.step()).or_raise().page + layout.unit_pages() as u32 - 1;
        if self.meta.directory == 0 {
            self.expected = last + 1;
            self.report();
        }
        let together = (TOGETHER / layout.unit_pages()).max(1) * layout.unit_pages();
        let mut from = first;
        while from <= last {
            let count = together.min((last + 1 - from) as usize);
            let mut pages = Buffer::new(count * ROOM).or_raise();
            if let Some(started) = self.started.take() {
                pages.bytes_mut()[..ROOM].copy_from_slice(&started);
            }
            let bytes = pages.bytes_mut();
            let written = threads::wait(pool, control, || {}, || packer.write(from, bytes, pool, control));
            written.unwrap_or_else(|why| threads::failed(why));
            for (number, room) in (from..).zip(pages.bytes().chunks_exact(ROOM)) {
                pgrx::check_for_interrupts!();
                let full = layout.first_on(number + 1);
                if layout.unit_pages() == 1 && full > packer.end() {
                    self.started = Some(room.to_vec());
                } else {
                    let first = ((number - from) as usize).is_multiple_of(layout.unit_pages());
                    self.records(number, if first { Kind::Nodes } else { Kind::Piece }, room, ROOM);
                }
            }
            from += count as u32;
        }
        self.next = packer.end();
    }

    /// Writes a node page, or a page of pieces.
    fn records(&self, number: u32, kind: Kind, room: &[u8], used: usize) {
        let new = self.page(kind, used, |out| out.copy_from_slice(room));
        if new != number {
            let message = format!("index \"{}\" grows while it is made", self.index.name());
            raise(Fault::new(state::INTERNAL_ERROR, message));
        }
    }

    /// Writes the page that was started.
    fn end_page(&mut self) {
        let layout = *self.layout();
        if let Some(room) = self.started.take() {
            let page = layout.place(self.next).or_raise().page;
            let used = (self.next - layout.first_on(page)) as usize * layout.node_bytes();
            self.records(page, Kind::Nodes, &room, used);
            self.next = layout.first_on(page + 1);
        }
    }

    /// Writes the rest, and all pages to the WAL.
    pub fn finish(mut self) {
        let last = self.started.is_some().then(|| self.layout().place(self.next).or_raise().page);
        self.end_page();
        let salt = self.meta.salt;
        let keys = std::mem::take(&mut self.keys).into_iter();
        let mut hashed: Vec<(u64, Key, Entry)> =
            collected(keys.map(|(key, entry)| (key_directory::hash(key.bytes(), salt), key, entry)))
                .or_raise();
        let single = match (self.meta.directory, hashed.first()) {
            (0, Some((.., entry))) => Some(*entry),
            _ => None,
        };
        if self.meta.directory != 0 {
            hashed.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
            self.branch(DIRECTORY, 0, 0, &hashed);
        }
        let graphs = self.graphs;
        self.change(META, |room| {
            if let Some(entry) = single {
                Meta::set_entry(room, &entry);
            }
            Meta::set_graphs(room, graphs);
            Meta::set_hint(room, 0, last.unwrap_or(0));
        });
        self.expected = self.written.get();
        self.report();
        let pages = self.index.pages_of(self.fork);
        if self.index.needs_log() || self.fork == pg_sys::ForkNumber::INIT_FORKNUM {
            // SAFETY: these pages are complete, and no other process changes them.
            unsafe { pg_sys::log_newpage_range(self.index.0, self.fork, 0, pages, true) }
        }
    }

    /// Changes a page that was written.
    fn change(&self, number: u32, change: impl FnOnce(&mut [u8])) {
        let mut page = self.index.page_of(self.fork, number);
        change(page::room_mut(page.bytes_mut()));
        page.mark_dirty();
    }

    /// Writes the pages below a branch that is there already: `keys` are those whose hashes start with `prefix`, in the order of
    /// their hashes.
    fn branch(&self, number: u32, bits: u32, prefix: u64, keys: &[(u64, Key, Entry)]) {
        let mut below = vec![];
        self.divide(bits, bits, prefix, keys, &mut below);
        self.change(number, |room| {
            for (bits, prefix, page) in below {
                directory::lead(room, bits, prefix, page).or_raise();
            }
        });
    }

    /// Writes leaves for keys, as few as possible; `below` gets their prefixes and pages.
    fn divide(
        &self,
        above: u32,
        bits: u32,
        prefix: u64,
        keys: &[(u64, Key, Entry)],
        below: &mut Vec<(u32, u64, u32)>,
    ) {
        pgrx::check_for_interrupts!();
        let mut leaf = vec![0; ROOM];
        directory::format_leaf(&mut leaf, bits, prefix);
        let fits = keys.iter().all(|(hash, key, entry)| {
            directory::add(&mut leaf, &Found { hash: *hash, key: key.bytes(), entry: *entry }).or_raise()
        });
        if fits {
            let page = self.page(Kind::Leaf, ROOM, |room| room.copy_from_slice(&leaf));
            below.push((bits, prefix, page));
        } else if directory::needs_branch(above, bits) {
            let page =
                self.page(Kind::Branch, directory::BRANCH, |room| directory::format_branch(room, bits, 0));
            below.push((bits, prefix, page));
            self.branch(page, bits, prefix, keys);
        } else {
            directory::check_bits(bits + 1).or_raise();
            let high = prefix | 1 << (63 - bits);
            let (low, up) = keys.split_at(keys.partition_point(|(hash, ..)| *hash < high));
            self.divide(above, bits + 1, prefix, low, below);
            self.divide(above, bits + 1, high, up, below);
        }
    }
}
