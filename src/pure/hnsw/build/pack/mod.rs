//! A graph that was built in memory, as the node records of an index.
//!
//! Node records lie one after the other from a number that the caller chooses: first the nodes on level 0, in the order
//! that puts neighbours onto the same page; then, node by node, their records on higher levels; then the TID lists of nodes
//! with several rows. Any page can be made at any time, by any thread: the caller asks for as many pages as memory
//! allows, in order. Several graphs can share a page.

#[cfg(test)]
mod tests;

use crate::fault::{self, Fault, state};
use crate::hnsw::build::{Arena, Control, Graph, Heap, Members, Memory, Room, Stopped, Words, guarded};
use crate::hnsw::edges::Space;
use crate::hnsw::node::write::{load, store};
use crate::hnsw::node::{
    Buffer, Coder, EntryPoint, Header, Layout, MAX_NODES, NONE, NodeMut, ROOM, State, TREE_EDGE, Tid,
    TidListMut,
};
use crate::hnsw::rotation::Rotation;
use crate::hnsw::uncoded::fit;
use crate::memory::allocation;
use crate::memory::allocation::{Reserve, filled, headroom, push};
use rayon::prelude::*;
use std::collections::VecDeque;

/// Why there are no pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// The graph does not fit the layout.
    Refused(Fault),
    /// The work was stopped.
    Stopped(Stopped),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl From<Stopped> for Failed {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// The rows of the nodes.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The rows of each node.
    pub members: &'a Members,
    /// The TID of each row.
    pub tids: &'a [Tid],
}

/// The place of a graph in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// The layout of the node records.
    pub layout: Layout,
    /// The number of the graph's first node record.
    pub first: u32,
    /// The number of the graph in its node records.
    pub graph: u32,
}

/// A graph to be packed, and rooms for the data that grows with its nodes and their dimensions.
#[derive(Debug)]
pub struct Draft<'a> {
    graph: &'a Graph,
    /// Room for the lists of level 0 in another order.
    base: Words,
    /// Room for the stored vectors.
    stored: Room,
}

impl<'a> Draft<'a> {
    /// A draft of a graph for node records of that layout, with room in the heap.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(graph: &'a Graph, layout: &Layout) -> fault::Result<Self> {
        Self::new_in(graph, layout, &mut Heap)
    }

    /// As [`new`](Self::new), with room in `memory`.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new_in(graph: &'a Graph, layout: &Layout, memory: &mut dyn Memory) -> fault::Result<Self> {
        let base = Words::new_in(graph.base().len(), memory)?;
        Ok(Self { graph, base, stored: memory.room(graph.len() * layout.stored_bytes())? })
    }
}

/// A graph with all data of its node records.
#[derive(Debug)]
pub struct Packer<'a> {
    layout: Layout,
    site: Site,
    rows: Rows<'a>,
    /// The graph, its nodes in the order of the node records.
    graph: Graph,
    /// The former number of each node.
    order: Vec<u32>,
    /// Stored vectors, by node.
    stored: Room,
    /// Scale and norm of each stored vector.
    numbers: Vec<(f32, f32)>,
    /// For each node, the number of records above level 0 of the nodes before it.
    upper: Vec<u32>,
    /// For each record above level 0, its node.
    upper_node: Vec<u32>,
    /// For each record of a TID list, its node and the position of its first TID among the node's rows.
    tid_records: Vec<(u32, u32)>,
    /// For each node with a TID list, in ascending order, the position of its first record in `tid_records`.
    first_tid_record: Vec<(u32, u32)>,
    /// The parent of each node, see the tree edges of [`node`](crate::hnsw::node).
    parents: Vec<u32>,
}

/// The memory of a thread that makes node records.
struct Scratch {
    coder: Coder,
    node: Vec<f32>,
    neighbour: Vec<f32>,
}

impl<'a> Packer<'a> {
    /// Orders the nodes and makes their stored vectors, on the threads of a pool. The graph was built on `arena`, which
    /// is not needed afterwards.
    ///
    /// # Errors
    /// A layout with too few edge slots or another number of dimensions; too many node records; no memory;
    /// [`Control::cancel`].
    pub fn new(
        site: Site,
        rotation: &Rotation,
        arena: &Arena,
        draft: Draft<'_>,
        rows: Rows<'a>,
        pool: &rayon::ThreadPool,
        control: &Control,
    ) -> Result<Self, Failed> {
        let Draft { graph, base, mut stored } = draft;
        let layout = site.layout;
        let refused = |what: String| Failed::Refused(Fault::new(state::INVALID_PARAMETER_VALUE, what));
        let fits = match layout.uncoded() {
            None => !arena.is_uncoded() && (arena.dim(), rotation.dim()) == (layout.dim(), layout.dim()),
            Some(uncoded) => arena.is_uncoded() && uncoded.words().is_none_or(|words| arena.dim() == words),
        };
        if !fits || arena.len() != graph.len() {
            return Err(refused(format!("a layout for {} dimensions is not for these nodes", layout.dim())));
        }
        if graph.slots().max(graph.m()) > layout.slots() {
            return Err(refused(format!("{} edge slots are too few for the graph", layout.slots())));
        }
        let order = graph.locality_order(layout.per_page())?;
        if order.len() != graph.len() {
            return Err(refused("nodes of the graph cannot be reached".into()));
        }
        let graph = graph.renumbered_in(&order, base)?;
        let numbers =
            guarded(pool, || vectors(&layout, rotation, arena, &order, stored.bytes_mut(), control))?;
        let mut new = Self {
            layout,
            site,
            rows,
            parents: parents(&graph)?,
            graph,
            order,
            stored,
            numbers,
            upper: vec![],
            upper_node: vec![],
            tid_records: vec![],
            first_tid_record: vec![],
        };
        new.number()?;
        new.settle(site.first)?;
        Ok(new)
    }

    /// Numbers the records behind those of level 0.
    fn number(&mut self) -> fault::Result<()> {
        let Self { upper, upper_node, tid_records, first_tid_record, .. } = self;
        upper.room_for(self.graph.len())?;
        for (node, level) in (0..).zip(self.graph.levels()) {
            upper.push(upper_node.len() as u32);
            upper_node.room_for(usize::from(*level))?;
            upper_node.extend(std::iter::repeat_n(node, usize::from(*level)));
            let rows = self.rows.members.of(self.order[node as usize]).len() as u32;
            if rows > 1 {
                push(first_tid_record, (node, tid_records.len() as u32))?;
                let firsts = (1..rows).step_by(self.layout.tid_list_capacity());
                tid_records.room_for(firsts.len())?;
                tid_records.extend(firsts.map(|first| (node, first)));
            }
        }
        Ok(())
    }

    /// Moves the graph to the numbers from `first` on.
    ///
    /// # Errors
    /// If not all numbers are below [`MAX_NODES`].
    pub fn settle(&mut self, first: u32) -> fault::Result<()> {
        let end = u64::from(self.records()) * u64::from(self.site.layout.step()) + u64::from(first);
        if end >= u64::from(MAX_NODES) {
            return Err(Fault::new(state::PROGRAM_LIMIT_EXCEEDED, "too many rows for one graph"));
        }
        self.site.first = first;
        Ok(())
    }

    /// The number of the graph's first node record.
    pub fn first(&self) -> u32 {
        self.site.first
    }

    /// Number of node records, those of TID lists included.
    pub fn records(&self) -> u32 {
        (self.graph.len() + self.upper_node.len() + self.tid_records.len()) as u32
    }

    /// Number of nodes.
    pub fn nodes(&self) -> u32 {
        self.graph.len() as u32
    }

    /// The number behind the graph's last node record, at which the next graph may start.
    pub fn end(&self) -> u32 {
        self.number_of(self.records())
    }

    /// The entry point; `None` if there are no nodes.
    pub fn root(&self) -> Option<EntryPoint> {
        let entry = self.graph.entry()?;
        let level = self.graph.levels()[entry as usize];
        Some(EntryPoint {
            entry: self.on(entry, level),
            level,
            origin: self.on(entry, 0),
            graph: self.site.graph,
        })
    }

    /// The number of the `k`th node record.
    fn number_of(&self, k: u32) -> u32 {
        self.site.first + k * self.layout.step()
    }

    /// The number of a node's record on one of its levels.
    fn on(&self, node: u32, level: u8) -> u32 {
        self.number_of(match level {
            0 => node,
            _ => self.graph.len() as u32 + self.upper[node as usize] + u32::from(level) - 1,
        })
    }

    /// Bytes that a thread needs beside the node records it makes, about: two vectors, and a few times a code for the coder.
    fn scratch_bytes(&self) -> usize {
        (1 << 16) + 8 * self.layout.padded() * size_of::<f32>()
    }

    fn stored(&self, node: u32) -> &[u8] {
        let bytes = self.layout.stored_bytes();
        &self.stored.bytes()[node as usize * bytes..][..bytes]
    }

    /// Decodes the stored vector of a node.
    fn load(&self, node: u32, out: &mut [f32]) {
        load(&self.layout, self.numbers[node as usize].0, self.stored(node), out);
    }

    /// The TIDs of a node's rows.
    fn tids(&self, node: u32) -> impl ExactSizeIterator<Item = Tid> {
        let rows = self.rows.members.of(self.order[node as usize]);
        rows.iter().map(|row| self.rows.tids.get(*row as usize).copied().unwrap_or_default())
    }

    /// Writes the node records on pages from `first` on, on as many pages as `out` has room for at [`ROOM`] bytes a page, on
    /// the threads of a pool. Bytes of other node records stay as they are.
    ///
    /// # Errors
    /// [`Control::cancel`].
    ///
    /// # Panics
    /// If `out` is no multiple of a [unit](Layout::unit_pages).
    pub fn write(
        &self,
        first: u32,
        out: &mut [u8],
        pool: &rayon::ThreadPool,
        control: &Control,
    ) -> Result<(), Failed> {
        let unit = self.layout.unit_pages() * ROOM;
        assert!(out.len().is_multiple_of(unit), "room for whole units");
        // Asked outside of a pool, rayon starts a global pool, which stays as long as the process.
        headroom(pool.current_num_threads() * self.scratch_bytes())?;
        let scratch = || Scratch {
            coder: Coder::new(&self.layout),
            node: vec![0.0; self.layout.padded()],
            neighbour: vec![0.0; self.layout.padded()],
        };
        let write = |scratch: &mut Scratch, (i, bytes): (usize, &mut [u8])| {
            allocation::check()?;
            if control.is_cancelled() {
                return Err(Failed::Stopped(Stopped::Cancelled));
            }
            Ok(self.unit(first + (i * self.layout.unit_pages()) as u32, bytes, scratch)?)
        };
        guarded(pool, || Ok(out.par_chunks_exact_mut(unit).enumerate().try_for_each_init(scratch, write)))?
    }

    /// All pages up to the last node record at once, for tests and measurements.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn pages(&self, pool: &rayon::ThreadPool, control: &Control) -> Result<Buffer, Failed> {
        let last = self.layout.place(self.number_of(self.records().saturating_sub(1)))?.page as usize;
        let mut pages = Buffer::new((last + self.layout.unit_pages()) * ROOM)?;
        let first = self.layout.place(self.site.first)?.page;
        self.write(first, &mut pages.bytes_mut()[first as usize * ROOM..], pool, control)?;
        Ok(pages)
    }

    fn unit(&self, page: u32, bytes: &mut [u8], scratch: &mut Scratch) -> fault::Result<()> {
        for position in 0..self.layout.per_page() {
            let number = self.layout.first_on(page) + position as u32;
            if (self.site.first..self.end()).contains(&number) {
                let k = (number - self.site.first) / self.layout.step();
                self.record(k, &mut bytes[self.layout.range_at(position)], scratch)?;
            }
        }
        Ok(())
    }

    /// Writes the `k`th node record.
    fn record(&self, k: u32, bytes: &mut [u8], scratch: &mut Scratch) -> fault::Result<()> {
        let nodes = self.graph.len();
        let at = k as usize;
        if at < nodes {
            self.node(k, 0, bytes, scratch)
        } else if let Some(node) = self.upper_node.get(at - nodes) {
            let level = (at - nodes) as u32 - self.upper[*node as usize] + 1;
            self.node(*node, level as u8, bytes, scratch)
        } else {
            self.tid_record(at - nodes - self.upper_node.len(), bytes)
        }
    }

    fn node(&self, node: u32, level: u8, bytes: &mut [u8], scratch: &mut Scratch) -> fault::Result<()> {
        let (scale, norm) = self.numbers[node as usize];
        let lowest = level == 0;
        let tid_list =
            self.first_tid_record.binary_search_by_key(&node, |(node, _)| *node).ok().filter(|_| lowest);
        let header = Header {
            tid: self.tids(node).next().filter(|_| lowest).unwrap_or_default(),
            state: State::Live,
            level,
            version: 0,
            kept: 0,
            used: 0,
            norm,
            scale,
            graph: self.site.graph,
            down: match (level, self.parents[node as usize]) {
                (0, NONE) => NONE,
                (0, parent) => self.on(parent, 0),
                _ => self.on(node, level - 1),
            },
            tid_list: tid_list.map_or(NONE, |at| self.tid_record_number(self.first_tid_record[at].1)),
        };
        let mut record = NodeMut::new(&self.layout, bytes)?;
        record.format(&header, self.stored(node));
        let neighbours = self.graph.neighbours(node, level);
        let Scratch { coder, node: stored, neighbour } = scratch;
        self.load(node, stored);
        for (slot, other) in neighbours.iter().enumerate() {
            self.load(*other, neighbour);
            let tree_edge = if lowest && self.parents[*other as usize] == node { TREE_EDGE } else { 0 };
            record.encode_edge(slot, self.on(*other, level) | tree_edge, coder, stored, neighbour);
        }
        let used = neighbours.len();
        record.set_counts(if lowest { self.graph.kept(node).min(used) } else { used }, used);
        Ok(())
    }

    /// The number of the record of a TID list at a position of `tid_records`.
    fn tid_record_number(&self, at: u32) -> u32 {
        self.number_of((self.graph.len() + self.upper_node.len()) as u32 + at)
    }

    fn tid_record(&self, at: usize, bytes: &mut [u8]) -> fault::Result<()> {
        let (node, first) = self.tid_records[at];
        let more = self.tid_records.get(at + 1).is_some_and(|(other, _)| *other == node);
        let next = if more { self.tid_record_number(at as u32 + 1) } else { NONE };
        let rows = self.rows.members.of(self.order[node as usize]);
        let end = rows.len().min(first as usize + self.layout.tid_list_capacity());
        let tids = rows[first as usize..end].iter();
        let tids = tids.map(|row| self.rows.tids.get(*row as usize).copied().unwrap_or_default());
        let owner = (self.site.graph, self.on(node, 0));
        TidListMut::format(&self.layout, bytes, 0, owner, next, tids)?;
        Ok(())
    }
}

/// The parent of each node: the node from which a breadth-first walk from the entry point reaches it.
fn parents(graph: &Graph) -> fault::Result<Vec<u32>> {
    let mut parents = filled(NONE, graph.len())?;
    let Some(entry) = graph.entry() else { return Ok(parents) };
    let mut queue = VecDeque::from([entry]);
    while let Some(node) = queue.pop_front() {
        for other in graph.neighbours(node, 0) {
            if *other != entry && parents[*other as usize] == NONE {
                parents[*other as usize] = node;
                queue.room_for(1)?;
                queue.push_back(*other);
            }
        }
    }
    Ok(parents)
}

/// Writes the stored vectors of all nodes; returns scale and norm of each.
fn vectors(
    layout: &Layout,
    rotation: &Rotation,
    arena: &Arena,
    order: &[u32],
    stored: &mut [u8],
    control: &Control,
) -> Result<Vec<(f32, f32)>, Stopped> {
    let bytes = layout.stored_bytes();
    let mut numbers = filled((0.0, 0.0), order.len())?;
    order.par_iter().zip(stored.par_chunks_exact_mut(bytes)).zip(&mut numbers).try_for_each_init(
        || vec![0.0; layout.padded()],
        |rotated, ((node, stored), numbers)| {
            allocation::check()?;
            if control.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            if let Some(uncoded) = layout.uncoded() {
                let (words, left) = fit(uncoded, arena.vector(*node), layout.padded());
                let (scale, _) = store(layout, &words, stored);
                *numbers = (scale, left);
                return Ok(());
            }
            rotation.apply(arena.vector(*node), rotated);
            *numbers = store(layout, rotated, stored);
            Ok::<_, Stopped>(())
        },
    )?;
    Ok(numbers)
}
