//! Other edges in place of edges to doomed nodes.
//!
//! The search for neighbours starts from the record's own edges, also from doomed neighbours, whose edges lead on.

use crate::fault::Result;
use crate::hnsw::edges::Candidate;
use crate::hnsw::insert::find::Reach;
use crate::hnsw::insert::link::{Linker, inner_distances, same};
use crate::hnsw::insert::near::Near;
use crate::hnsw::insert::{Change, Choice, Edge, Finder, Seen, Stored, Verdict};
use crate::hnsw::node::{EntryPoint, Layout, NodeMut, NodeRef, State};
use crate::hnsw::params::Params;
use crate::hnsw::search::Pages;
use crate::hnsw::search::pool;

/// Repairs node records, one after the other; keeps its memory.
#[derive(Debug)]
pub struct Relinker {
    layout: Layout,
    params: Params,
    vector: Stored,
    finder: Finder,
    linker: Linker,
    near: Near,
    choice: Choice,
    candidates: Vec<Candidate>,
    estimates: Vec<f32>,
    guesses: Vec<pool::Candidate>,
    seen: Option<Seen>,
    /// Edges that the last rewriting has put in and that are to get an edge back.
    edges: Vec<Edge>,
}

impl Relinker {
    /// For the node records of a layout, by the parameters of the build, as for an
    /// [`Inserter`](crate::hnsw::insert::Inserter).
    pub fn new(layout: Layout, params: &Params) -> Self {
        Self {
            params: params.with_max_slots(layout.slots()),
            vector: Stored::default(),
            finder: Finder::new(layout),
            linker: Linker::new(layout, params.lists),
            near: Near::new(&layout),
            choice: Choice::default(),
            candidates: vec![],
            estimates: vec![],
            guesses: vec![],
            seen: None,
            edges: vec![],
            layout,
        }
    }

    /// Node records that the last search has read.
    pub fn reads(&self) -> u64 {
        self.finder.reads
    }

    /// Looks at a record, which is not doomed, and searches for edges in place of its edges to doomed nodes. False if the
    /// record is no node's or has no such edges. `root` is the entry point of its graph.
    ///
    /// # Errors
    /// Corrupted node records, and those of the pages.
    pub fn find(
        &mut self,
        pages: &mut impl Pages,
        root: EntryPoint,
        number: u32,
        doomed: &impl Fn(u32) -> bool,
    ) -> Result<bool> {
        self.seen = None;
        let Self { layout, vector, finder, estimates, guesses, .. } = self;
        guesses.clear();
        let found = pages.read(number, |bytes| -> Result<Option<(Seen, usize)>> {
            let record = NodeRef::new(layout, bytes)?;
            let header = record.header();
            let node = matches!(header.state, State::Live | State::Dead) && header.graph == root.graph;
            let gone = record.neighbours().filter(|(_, other)| doomed(*other)).count();
            if !node || gone == 0 {
                return Ok(None);
            }
            vector.copy(layout, header, &record.stored());
            finder.start(vector, header.graph);
            inner_distances(&record, finder.target(), estimates)?;
            let neighbours = record.neighbours();
            guesses.extend(
                neighbours.map(|(slot, number)| pool::Candidate { distance: estimates[slot], number }),
            );
            let (version, level, graph) = (header.version, header.level, header.graph);
            Ok(Some((Seen { number, version, level, graph, dead: header.state == State::Dead }, gone)))
        })??;
        let Some((seen, gone)) = found else { return Ok(false) };
        let (level, reach) = (seen.level, reach(&self.layout, &self.params, seen.level, gone));
        let Self { finder, vector, guesses, .. } = self;
        finder.around(pages, vector, number, guesses, level, reach)?;
        if finder.near.seen.len() < reach.min && level <= root.level {
            finder.start(vector, root.graph);
            finder.skip(number)?;
            finder.descend(pages, vector, root, level)?;
            finder.level(pages, vector, level, reach)?;
        }
        finder.candidates(vector, &mut self.candidates);
        std::mem::swap(&mut self.near, &mut finder.near);
        self.choice.choose(&self.near, &self.candidates, level, &self.params);
        self.seen = Some(seen);
        Ok(true)
    }

    /// Rewrites the record's edges to doomed nodes, and leaves the other edges alone. False, with nothing changed, if the
    /// record is no longer that of the node looked at.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn rewrite(&mut self, bytes: &mut [u8], doomed: &impl Fn(u32) -> bool) -> Result<bool> {
        self.edges.clear();
        let Some(seen) = self.seen else { return Ok(false) };
        let Self { layout, linker, vector, near, choice, params, edges, .. } = self;
        let Some(record) = same(layout, bytes, &seen)? else { return Ok(false) };
        let width = if seen.level > 0 { params.m } else { params.slots };
        let (mut kept, used) = (usize::from(record.header().kept), record.used());
        // The neighbour in each slot, if it stays.
        let mut slots: Vec<Option<u32>> = (0..used.max(width))
            .map(|slot| record.neighbour(slot).filter(|other| slot < used && !doomed(*other)))
            .collect();
        let new = |c: &&Candidate| !slots.contains(&Some(near.seen[c.node as usize].number));
        let (keep, fill) = choice.edges.split_at(choice.kept);
        let keep: Vec<(u32, f32)> = keep.iter().filter(new).map(|c| (c.node, c.distance)).collect();
        let fill: Vec<u32> = fill.iter().rev().filter(new).map(|c| c.node).collect();
        let mut record = NodeMut::new(layout, bytes)?;
        let mut put = |record: &mut NodeMut<'_>, slots: &mut [Option<u32>], slot: usize, node: u32| {
            let number = near.seen[node as usize].number;
            record.encode_edge(slot, number, &mut linker.coder, vector.decoded(), near.vector(node));
            slots[slot] = Some(number);
        };
        for (node, distance) in keep {
            let Some(hole) = slots.iter().position(Option::is_none) else { break };
            edges.push(Edge { to: near.seen[node as usize], back: true, distance });
            if hole >= kept {
                if hole > kept {
                    record.copy_edge(kept, hole);
                    slots[hole] = slots[kept];
                }
                put(&mut record, &mut slots, kept, node);
                kept += 1;
            } else {
                put(&mut record, &mut slots, hole, node);
            }
        }
        // Where fewer edges are kept than there were, the last kept edges close the gaps.
        while let Some(hole) = slots[..kept].iter().position(Option::is_none) {
            kept -= 1;
            if hole < kept && slots[kept].is_some() {
                record.copy_edge(kept, hole);
                slots[hole] = slots[kept].take();
            }
        }
        for node in fill {
            let Some(hole) = slots.iter().rposition(Option::is_none) else { break };
            put(&mut record, &mut slots, hole, node);
        }
        for slot in (0..used).filter(|slot| slots[*slot].is_none()) {
            record.clear_edge(slot);
        }
        let end = slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        record.set_counts(kept, end);
        Ok(true)
    }

    /// The new edges that are to get an edge back.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The change that gives a neighbour's record an edge back.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn link(&mut self, bytes: &[u8], edge: &Edge, doomed: &impl Fn(u32) -> bool) -> Result<Verdict> {
        let Self { layout, linker, finder, params, near, seen: Some(seen), .. } = self else {
            return Ok(Verdict::Gone);
        };
        let Some(record) = same(layout, bytes, &edge.to)? else { return Ok(Verdict::Gone) };
        if seen.level > 0 {
            return linker.decide_above(&record, finder.target(), seen.number, params.m, near, doomed);
        }
        linker.decide(&record, finder.target(), seen.number, layout.slots(), None, doomed)
    }

    /// Writes a change into the bytes for which it was decided, which must not have changed since.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn apply(&mut self, change: &Change, bytes: &mut [u8]) -> Result<()> {
        self.linker.apply(change, &self.vector, bytes)
    }
}

/// How far to look around a node record on a level, which loses `gone` edges. Near dead nodes, the number of living nodes
/// found counts.
fn reach(layout: &Layout, params: &Params, level: u8, gone: usize) -> Reach {
    let places = params.ef_construction;
    let few = 32.min(places * 3 / 4);
    match level {
        0 => Reach { pool: places * 4 / 5, min: (16 * gone).clamp(few, places * 3 / 4), max: 16 * places },
        _ => crate::hnsw::insert::reach(layout, params, level),
    }
}
