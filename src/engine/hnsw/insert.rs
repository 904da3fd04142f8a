//! `INSERT`: one more row.
//!
//! The order of events is that of `conifer_pure::hnsw::insert`; the locks, and the reasons for them, are in `README.md`.
#![allow(unsafe_code)]

use super::storage::change_counts::count_insertion;
use super::storage::free_nodes;
use super::storage::key_directory;
use super::storage::locks::{InsertBarrier, RepairLock};
use super::storage::meta_cache::MetaCache;
use super::storage::node_reader::NodeReader;
use super::storage::tid_list;
use super::storage::upper_levels;
use super::storage::upper_levels::version;
use super::storage::value;
use super::storage::wal::LockedNodes;
use crate::engine::keys::key;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::insert::{Found, Inserter, Parent, Seen, Verdict};
use conifer_pure::hnsw::level::level_for;
use conifer_pure::hnsw::node::{EntryPoint, Layout, NONE, REINDEX, Tid, corrupted};
use conifer_pure::hnsw::pages::directory;
use conifer_pure::hnsw::pages::directory::Found as Keyed;
use conifer_pure::hnsw::pages::{Entry, Key, MANY, Meta};
use conifer_pure::hnsw::search::{Pages, SMALL_GRAPH};
use conifer_pure::memory::allocation;
use pgrx::prelude::*;
use std::cell::RefCell;

/// Attempts while others insert and a vacuum may be at work: each failed one is a race that another process has won.
const ATTEMPTS: usize = 1000;
/// Attempts while no other process can win one: after these, the index is corrupted.
const ALONE: usize = 10;

thread_local! {
    /// The inserter of the last insertion, with the layout, `m` and `ef_construction` that it fits.
    static IDLE: RefCell<Option<(Layout, u16, u16, Inserter)>> = const { RefCell::new(None) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    IDLE.with(|_| ());
}

/// Inserts a row. A null vector, or a zero one under the cosine, is in no index.
#[pg_guard]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C-unwind" fn aminsert(
    relation: pg_sys::Relation,
    values: *mut pg_sys::Datum,
    nulls: *mut bool,
    tid: pg_sys::ItemPointer,
    _heap: pg_sys::Relation,
    _unique: pg_sys::IndexUniqueCheck::Type,
    _unchanged: bool,
    _info: *mut pg_sys::IndexInfo,
) -> bool {
    allocation::begin();
    let index = Index(relation);
    let _at = WorkedOn::index(index.0);
    let known = MetaCache::of(index);
    let last = known.columns.key.len();
    // SAFETY: the server gives a value for each column, of its type, and a TID.
    let (key, value, tid) = unsafe {
        if *nulls.add(last) {
            return false;
        }
        let key = key::of_row(index, &known.columns.key, values, nulls);
        let (block, offset) = pgrx::itemptr::item_pointer_get_both(*tid);
        let class = known.columns.class;
        (key, value::of(class.element, class.metric, *values.add(last)), Tid { block, offset })
    };
    let layout = &known.meta.layout;
    if value.dim != layout.dim() {
        let message = format!("expected {} dimensions, not {}", layout.dim(), value.dim);
        raise(Fault::new(state::DATA_EXCEPTION, message));
    }
    let Some(vector) = value.elements else { return false };
    let (m, ef) = (known.meta.m, known.meta.ef_construction);
    let idle = IDLE.take().filter(|idle| (idle.0, idle.1, idle.2) == (*layout, m, ef));
    let inserter = idle.map_or_else(|| Inserter::new(*layout, &known.meta.params()), |idle| idle.3);
    let mut insertion =
        Insertion { index, known: &known, inserter, records: NodeReader::new(index, *layout), key, tid };
    insertion.run(&vector).or_raise();
    count_insertion(index);
    IDLE.set(Some((*layout, m, ef, insertion.inserter)));
    false
}

/// Nodes that are looked at for a parent where none was found near, before a vacuum is waited for.
const WALK: u64 = 1 << 10;

/// The outcome of placing a new node.
enum Placed {
    /// The node is written, below that parent.
    At(u32, Seen),
    /// The key has another graph by now.
    Changed,
    /// No node that certainly stays takes the new one as its child.
    Nowhere,
}

struct Insertion<'a> {
    index: Index,
    known: &'a MetaCache,
    inserter: Inserter,
    records: NodeReader,
    key: Key,
    tid: Tid,
}

/// A number in (0, 1].
fn uniform() -> f64 {
    let mut random = [0u8; 8];
    // SAFETY: fills these bytes.
    unsafe { pg_sys::pg_strong_random(random.as_mut_ptr().cast(), random.len()) };
    ((u64::from_le_bytes(random) >> 11) + 1) as f64 / (1u64 << 53) as f64
}

impl Insertion<'_> {
    fn layout(&self) -> &Layout {
        &self.known.meta.layout
    }

    fn run(&mut self, vector: &[f32]) -> Result<()> {
        self.inserter.start(&self.known.rotation, vector)?;
        let mut level = level_for(uniform(), self.known.meta.params().step);
        let mut barrier = InsertBarrier::enter(self.index);
        let mut rest = None;
        for attempt in 0..ATTEMPTS + ALONE {
            pgrx::check_for_interrupts!();
            if attempt == ATTEMPTS {
                // The locks have an order.
                drop((barrier, rest.take()));
                rest = Some(RepairLock::rest(self.index));
                barrier = InsertBarrier::close(self.index);
            }
            let entry = key_directory::find(self.index, self.known, &self.key);
            let Some(entry) = entry else {
                if self.first()? {
                    return Ok(());
                }
                continue;
            };
            match self.inserter.find(&mut self.records, entry.root, level)? {
                Found::Same(node) => {
                    if tid_list::join(self.index, &self.known.meta.layout, &node, self.tid)? {
                        return Ok(());
                    }
                }
                Found::Place if level == 0 && self.inserter.is_far() => level = 1,
                Found::Place => match self.base(&entry, rest.is_some())? {
                    Placed::At(base, parent) => return self.rest(&entry, level, base, parent),
                    Placed::Changed => {}
                    Placed::Nowhere if rest.is_some() => {}
                    // The locks have an order.
                    Placed::Nowhere => {
                        drop(barrier);
                        rest = Some(RepairLock::rest(self.index));
                        barrier = InsertBarrier::enter(self.index);
                    }
                },
            }
        }
        drop(barrier);
        let message = format!("could not insert into index \"{}\"", self.index.name());
        Err(Fault::new(state::INDEX_CORRUPTED, message).hint(REINDEX))
    }

    /// Writes the first node of a graph, on level 0. False if another insertion was faster.
    fn first(&mut self) -> Result<bool> {
        let number = free_nodes::propose(self.index, self.layout(), &[]);
        let graph =
            if self.known.meta.directory == 0 { 1 } else { key_directory::number(self.index, self.known)? };
        let root = EntryPoint { entry: number, level: 0, origin: number, graph };
        let entry = Entry { root: Some(root), nodes: 1 };
        let Some((page, at)) = key_directory::place(self.index, self.known, &self.key)? else {
            return Ok(false);
        };
        let known = self.known;
        let held = LockedNodes::lock(self.index, &known.meta.layout, &[number])?;
        if !free_nodes::is_free(&known.meta.layout, held.node(number)?) {
            return Ok(false);
        }
        let version = version(&known.meta.layout, held.node(number)?)?;
        let header = self.inserter.header(graph, 0, version, self.tid, NONE);
        let mut change = held.change();
        self.inserter.write(&header, change.node(number)?)?;
        let room = change.root(page);
        match at {
            None => Meta::set_entry(room, &entry),
            Some(hash) => {
                directory::add(room, &Keyed { hash, key: self.key.bytes(), entry })?;
            }
        }
        change.finish()?;
        Ok(true)
    }

    /// Writes the node record on level 0 together with the parent's tree edge. `rest`: no vacuum takes nodes out meanwhile.
    fn base(&mut self, entry: &Entry, rest: bool) -> Result<Placed> {
        let known = self.known;
        let layout = &known.meta.layout;
        let Some(root) = entry.root else { return Ok(Placed::Changed) };
        let mut parents = self.inserter.parents(&root, rest, if rest { u64::MAX } else { WALK });
        let mut number = free_nodes::propose(self.index, layout, &[]);
        let mut tried = false;
        loop {
            let Some(parent) = parents.next(&mut self.records, layout)? else {
                // Within the insert barrier, a graph that was found has an origin, and nodes with room at the tree's ends.
                if rest && !tried {
                    return Err(corrupted(format_args!("graph {} cannot be entered", root.graph)));
                }
                return Ok(Placed::Nowhere);
            };
            tried = true;
            if let Some(placed) = self.attach_to(entry, &parent, &mut number)? {
                return Ok(placed);
            }
        }
    }

    /// Writes the node record on level 0 if `parent` takes it; none if it does not. `number` is that of a free record.
    fn attach_to(&mut self, entry: &Entry, parent: &Parent, number: &mut u32) -> Result<Option<Placed>> {
        let known = self.known;
        let layout = &known.meta.layout;
        loop {
            pgrx::check_for_interrupts!();
            // While nodes are counted, the root's page comes first.
            let counted = if entry.nodes == MANY {
                None
            } else {
                match key_directory::locked(self.index, known, &self.key)? {
                    Some(found) if same_graph(&found.2, entry) => Some(found),
                    _ => return Ok(Some(Placed::Changed)),
                }
            };
            let held = LockedNodes::lock(self.index, layout, &[parent.to.number, *number])?;
            if !free_nodes::is_free(layout, held.node(*number)?) {
                drop((held, counted));
                *number = free_nodes::propose(self.index, layout, &[]);
                continue;
            }
            let verdict = self.inserter.attach(held.node(parent.to.number)?, parent, *number)?;
            let Verdict::Change(edge) = verdict else { return Ok(None) };
            let version = version(layout, held.node(*number)?)?;
            let header = self.inserter.header(parent.to.graph, 0, version, self.tid, parent.to.number);
            let mut change = held.change();
            self.inserter.apply(&edge, change.node(parent.to.number)?)?;
            self.inserter.write(&header, change.node(*number)?)?;
            if let Some((page, at, found)) = counted {
                // The graph may have become large since.
                let nodes = if found.nodes >= SMALL_GRAPH { MANY } else { found.nodes + 1 };
                let room = change.root(page);
                key_directory::set(room, at, &Entry { nodes, ..found });
            }
            change.finish()?;
            return Ok(Some(Placed::At(*number, parent.to)));
        }
    }

    /// Writes the node records above level 0, links back, and makes the node the entry point if it is the highest.
    fn rest(&mut self, entry: &Entry, level: u8, base: u32, parent: Seen) -> Result<()> {
        let Some(root) = entry.root else { return Ok(()) };
        let mut numbers = vec![base];
        for level in 1..=level {
            let down = numbers[usize::from(level) - 1];
            numbers.push(upper_levels::add(
                self.index,
                &self.known.meta.layout,
                &mut self.inserter,
                root.graph,
                level,
                down,
            )?);
        }
        for (level, number) in (0..).zip(&numbers) {
            let parent = Some(parent).filter(|_| level == 0);
            upper_levels::link(
                self.index,
                &self.known.meta.layout,
                &mut self.inserter,
                level,
                *number,
                parent,
            )?;
        }
        if level > root.level
            && let Some((page, at, found)) = key_directory::locked(self.index, self.known, &self.key)?
            && let Some(now) = found.root.filter(|now| now.graph == root.graph && now.level < level)
        {
            let higher = EntryPoint { entry: numbers[usize::from(level)], level, ..now };
            let held = LockedNodes::lock(self.index, &self.known.meta.layout, &[])?;
            let mut change = held.change();
            key_directory::set(change.root(page), at, &Entry { root: Some(higher), ..found });
            change.finish()?;
            // Level 1 is new. Nodes near the origin are to be found from it.
            if now.level == 0 && now.entry == now.origin {
                self.lift(higher)?;
            }
        }
        Ok(())
    }

    /// Puts the origin onto level 1, if it is alive. Any other node without a record there may die and be freed meanwhile.
    fn lift(&mut self, root: EntryPoint) -> Result<()> {
        let layout = &self.known.meta.layout;
        let Self { inserter, records, .. } = self;
        if records.read(root.origin, |bytes| inserter.start_again(bytes, root.graph))?? {
            upper_levels::raise(self.index, layout, inserter, records, root, root.origin)?;
        }
        Ok(())
    }
}

fn same_graph(a: &Entry, b: &Entry) -> bool {
    a.root.map(|root| root.graph) == b.root.map(|root| root.graph)
}
