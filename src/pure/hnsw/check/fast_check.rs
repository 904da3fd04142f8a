//! Finds fast which node records are certainly as they should be: all others are left to the [`Checker`](super::Checker),
//! which alone makes findings.
//!
//! The caller, who has the pages, goes over all node records twice, in their order, and hands them over in [batches](Batch),
//! which threads look at. First, each record is looked at by itself, and the facts that other records depend on are kept, 16
//! bytes a record ([`add`](FastCheck::add)); then the records that its edges lead to ([`compare`](FastCheck::compare)). For
//! the codes, vectors are kept ([`keep`](FastCheck::keep)): if there is no room for all, each part of them takes another sweep.
//! [`suspects`](FastCheck::suspects) checks the ways to the origin and the TID lists, by the facts kept alone.
//!
//! Others may change node records meanwhile. Then a record becomes a suspect, which costs time, not truth.

use super::batch::{Batch, Vectors};
use super::edge;
use super::rows;
use crate::fault::Result;
use crate::hnsw::node::{Coder, EntryPoint, Header, Layout, NONE, NodeRef, State, Tid, TidListRef};
use crate::hnsw::stored_vector::StoredVector;
use crate::memory::allocation::{Reserve, collected, filled, headroom, push};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

/// Node records that a thread looks at before it asks for others.
const PIECE: usize = 8;

/// Maximum number of vectors of a thread: of two nodes, and for the encoding of one.
const VECTORS: usize = 12;
/// Bytes of a thread beside the vectors.
const BESIDE: usize = 64 << 10;

/// The kind of a node record, as far as others depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
enum Kind {
    /// No node record, or a corrupted one.
    #[default]
    Unknown,
    Free,
    Live,
    Dead,
    TidList,
}

/// The state of the ways up and the TID lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
enum Mark {
    #[default]
    None,
    /// Being followed.
    Open,
    /// The way from here ends at the origin; the TID list record belongs to a node.
    Sure,
    /// The way from here does not end at the origin.
    Wrong,
}

/// The facts kept of a node record.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    graph: u32,
    /// The record's `down`; of a TID list record, its owner.
    down: u32,
    /// The first, or the next, record of the TID list.
    tid_list: u32,
    level: u8,
    kind: Kind,
    mark: Mark,
}
const _: () = assert!(size_of::<Known>() == 16);

impl Known {
    fn is_node(&self) -> bool {
        matches!(self.kind, Kind::Live | Kind::Dead)
    }

    fn is_of(&self, graph: u32, level: u8) -> bool {
        self.is_node() && (self.graph, self.level) == (graph, level)
    }
}

/// Takes in all node records, and tells which may be wrong.
#[derive(Debug)]
pub struct FastCheck {
    layout: Layout,
    roots: HashMap<u32, EntryPoint>,
    known: Vec<Known>,
    /// Number of tree edges to each node from its parent.
    tree_edges: Vec<AtomicU8>,
    suspects: Vec<AtomicBool>,
    vectors: Vectors,
    /// The sweep of comparisons is a further one, for other vectors.
    again: bool,
    /// The facts of a batch's records, none for wrong ones.
    batch: Vec<Option<Known>>,
    nodes: usize,
    /// The rows that node records lead to.
    pub rows: Vec<(Tid, u32)>,
}

/// Memory of a thread.
struct Scratch {
    coder: Coder,
    stored: Vec<f32>,
    other: Vec<f32>,
    met: Vec<u32>,
}

impl FastCheck {
    /// For an index with these graphs and numbers below `records`; keeps vectors in at most `bytes`.
    ///
    /// # Errors
    /// `53200`.
    pub fn new(
        layout: Layout,
        roots: impl ExactSizeIterator<Item = EntryPoint>,
        records: u32,
        bytes: usize,
    ) -> Result<Self> {
        let mut of_graphs = HashMap::new();
        of_graphs.room_for(roots.len())?;
        of_graphs.extend(roots.map(|root| (root.graph, root)));
        let n = records as usize;
        Ok(Self {
            vectors: Vectors::new(&layout, records, bytes)?,
            layout,
            roots: of_graphs,
            known: filled(Known::default(), n)?,
            tree_edges: collected((0..n).map(|_| AtomicU8::new(0)))?,
            suspects: collected((0..n).map(|_| AtomicBool::new(false)))?,
            again: false,
            batch: vec![],
            nodes: 0,
            rows: vec![],
        })
    }

    /// Makes a node record a suspect.
    pub fn suspect(&self, number: u32) {
        if let Some(suspect) = self.suspects.get(number as usize) {
            suspect.store(true, Relaxed);
        }
    }

    /// Keeps the vectors of a batch for comparisons, as far as there is room. Returns the number of the first record that finds
    /// none.
    pub fn keep(&mut self, batch: &Batch, from: u32) -> Option<u32> {
        let Self { layout, vectors, .. } = self;
        let mut records = batch.records().filter(|(number, _)| *number >= from);
        records.find(|(number, bytes)| !vectors.keep(layout, *number, bytes)).map(|(number, _)| number)
    }

    /// Number of sweeps in which all node records must be compared.
    pub fn rounds(&self) -> usize {
        self.nodes.div_ceil(self.vectors.max()).max(1)
    }

    /// Forgets the vectors, after all node records were compared with them.
    pub fn next_round(&mut self) {
        self.again = true;
        self.vectors.clear();
    }

    /// Looks at node records, each by itself. To be called in a pool of threads.
    ///
    /// # Errors
    /// `53200`.
    pub fn add(&mut self, batch: &Batch) -> Result<()> {
        self.headroom()?;
        let (layout, bound) = (&self.layout, self.known.len() as u32);
        self.batch.clear();
        self.batch.room_for(batch.len())?;
        let records = batch.shared().with_min_len(PIECE);
        records.map(|(_, bytes)| known(layout, bytes, bound).ok()).collect_into_vec(&mut self.batch);
        for ((number, bytes), found) in batch.records().zip(&self.batch) {
            if let Ok(mut tids) = rows(layout, bytes) {
                tids.try_for_each(|tid| push(&mut self.rows, (tid, number)))?;
            }
            match (found, self.known.get_mut(number as usize)) {
                (Some(found), Some(known)) => {
                    *known = *found;
                    self.nodes += usize::from(found.is_node());
                }
                _ => self.suspect(number),
            }
        }
        Ok(())
    }

    /// Looks at the nodes to which node records are linked, after all were added. To be called in a pool of threads.
    ///
    /// # Errors
    /// `53200`.
    pub fn compare(&self, batch: &Batch) -> Result<()> {
        self.headroom()?;
        let scratch =
            || Scratch { coder: Coder::new(&self.layout), stored: vec![], other: vec![], met: vec![] };
        batch.shared().with_min_len(PIECE).for_each_init(scratch, |scratch, (number, bytes)| {
            if !self.is_right(number, bytes, scratch).unwrap_or(false) {
                self.suspect(number);
            }
        });
        Ok(())
    }

    /// Looks whether there is memory for the threads, a few vectors each.
    fn headroom(&self) -> Result<()> {
        headroom(rayon::current_num_threads() * (VECTORS * self.layout.padded() * size_of::<f32>() + BESIDE))
    }

    fn is_right(&self, number: u32, bytes: &[u8], scratch: &mut Scratch) -> Result<bool> {
        let record = NodeRef::new(&self.layout, bytes)?;
        let header = *record.header();
        match header.state {
            State::Free | State::TidList => Ok(true),
            State::Dead => {
                if !self.again {
                    record.children().for_each(|child| {
                        self.tree_edge(child, number);
                    });
                }
                Ok(true)
            }
            State::Live => Ok((self.again || self.are_links_right(number, &record, &mut scratch.met))
                && self.are_vectors_right(&record, scratch)?),
        }
    }

    fn known(&self, number: u32) -> Known {
        self.known.get(number as usize).copied().unwrap_or_default()
    }

    /// Counts a tree edge, if it leads to a child.
    fn tree_edge(&self, child: u32, parent: u32) -> bool {
        let right = self.known(child).is_node() && self.known(child).down == parent;
        if right {
            // No overflow: a record has fewer edge slots.
            self.tree_edges[child as usize].fetch_add(1, Relaxed);
        }
        right
    }

    fn are_links_right(&self, number: u32, record: &NodeRef<'_>, met: &mut Vec<u32>) -> bool {
        let Header { level, graph, down, tid_list, .. } = *record.header();
        let Some(root) = self.roots.get(&graph) else { return false };
        let mut right = self.known(number).is_of(graph, level);
        right &= match level {
            0 if number == root.origin => down == NONE,
            0 => self.known(down).is_of(graph, 0),
            _ => tid_list == NONE && self.known(down).is_of(graph, level - 1),
        };
        met.clear();
        met.push(number);
        for (slot, other) in record.neighbours() {
            met.push(other);
            right &= self.known(other).is_of(graph, level);
            // All tree edges count, as the ways up of other nodes depend on the counts.
            if record.is_tree_edge(slot) {
                right &= level == 0 && self.tree_edge(other, number);
            }
        }
        met.sort_unstable();
        right && met.windows(2).all(|pair| pair[0] != pair[1])
    }

    /// Whether the record agrees with the vectors that are kept.
    fn are_vectors_right(&self, record: &NodeRef<'_>, scratch: &mut Scratch) -> Result<bool> {
        let (layout, header, stored) = (&self.layout, record.header(), record.stored());
        if header.level > 0
            && let Some(below) = self.vectors.get(layout, header.down)
            && !is_same((header, &stored), &below?)
        {
            return Ok(false);
        }
        let Scratch { coder, stored: mine, other: its, .. } = scratch;
        mine.resize(layout.padded(), 0.0);
        its.resize(layout.padded(), 0.0);
        stored.decode(mine);
        for (slot, other) in record.neighbours() {
            let Some(found) = self.vectors.get(layout, other) else { continue };
            found?.1.decode(its);
            let (code, factors) = (record.code(slot), record.factors(slot));
            let (code, factors) = (code.unwrap_or_default(), factors.unwrap_or_default());
            if !edge::right(layout.content(), coder, mine, its, code, factors) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Follows TID lists and ways up, after all node records were compared. Returns the numbers of records that may be wrong,
    /// ascending. `tick` is called now and then.
    ///
    /// # Errors
    /// `53200`.
    pub fn suspects(&mut self, mut tick: impl FnMut()) -> Result<Vec<u32>> {
        let (mut way, n) = (vec![], self.known.len() as u32);
        for number in 0..n {
            tick();
            let known = self.known(number);
            if !known.is_node() || known.level > 0 {
                continue;
            }
            self.tid_list(number, known);
            if known.kind == Kind::Live {
                self.climb(number, known.graph, &mut way)?;
            }
        }
        let mut found = vec![];
        for number in 0..n {
            let known = self.known(number);
            if known.kind == Kind::TidList && known.mark != Mark::Sure
                || self.suspects[number as usize].load(Relaxed)
            {
                push(&mut found, number)?;
            }
        }
        Ok(found)
    }

    fn tid_list(&mut self, owner: u32, Known { graph, tid_list, .. }: Known) {
        let mut next = tid_list;
        while next != NONE {
            let known = self.known.get_mut(next as usize).filter(|known| {
                known.kind == Kind::TidList
                    && (known.graph, known.down, known.mark) == (graph, owner, Mark::None)
            });
            let Some(known) = known else { return self.suspect(owner) };
            known.mark = Mark::Sure;
            next = known.tid_list;
        }
    }

    fn climb(&mut self, number: u32, graph: u32, way: &mut Vec<u32>) -> Result<()> {
        let Some(root) = self.roots.get(&graph).copied() else {
            self.suspect(number);
            return Ok(());
        };
        way.clear();
        let (mut at, mut ends) = (number, Mark::Sure);
        while at != root.origin {
            let known = self.known(at);
            let tree_edges =
                self.tree_edges.get(at as usize).map_or(0, |tree_edges| tree_edges.load(Relaxed));
            let has_tree_edge = tree_edges == 1 || known.kind == Kind::Dead && tree_edges > 1;
            if !known.is_of(graph, 0) || !has_tree_edge || matches!(known.mark, Mark::Open | Mark::Wrong) {
                ends = Mark::Wrong;
                break;
            }
            if known.mark == Mark::Sure {
                break;
            }
            self.known[at as usize].mark = Mark::Open;
            push(way, at)?;
            at = known.down;
        }
        if ends == Mark::Wrong {
            self.suspect(number);
        }
        for at in way {
            self.known[*at as usize].mark = ends;
        }
        Ok(())
    }
}

/// The facts of a node record that is right by itself; else an error.
fn known(layout: &Layout, bytes: &[u8], bound: u32) -> Result<Known> {
    let record = NodeRef::new(layout, bytes)?;
    let Header { graph, down, tid_list, level, state, .. } = *record.header();
    let kind = match state {
        State::Free => Kind::Free,
        State::TidList => Kind::TidList,
        State::Live => Kind::Live,
        State::Dead => Kind::Dead,
    };
    if let Some(rows) = TidListRef::new(layout, bytes)? {
        let (graph, down, tid_list) = (rows.graph, rows.owner, rows.next);
        return Ok(Known { graph, down, tid_list, kind, ..Known::default() });
    }
    if kind != Kind::Free {
        record.check(bound)?;
    }
    Ok(Known { graph, down, tid_list, level, kind, mark: Mark::None })
}

/// Whether two node records have the same vector, to the bit.
fn is_same((one, stored): (&Header, &StoredVector<'_>), (other, its): &(Header, StoredVector<'_>)) -> bool {
    let same = match (stored, its) {
        (StoredVector::F32(a), StoredVector::F32(b)) => {
            a.iter().zip(*b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        (StoredVector::F16 { elements: a, .. }, StoredVector::F16 { elements: b, .. }) => {
            a.iter().zip(*b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        _ => false,
    };
    same && one.scale == other.scale && one.norm == other.norm
}
