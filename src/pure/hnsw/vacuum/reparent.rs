//! A parent for a node whose parent goes.
//!
//! The nearest of its neighbours that can take it: an anchor is an edge, so it should be a useful one. It must not be a
//! descendant of the node, which its own way up to the origin shows. If no neighbour can, the nearest ancestor that
//! stays, or another node below that. If none of those has a lane that is no anchor, that ancestor takes it instead of
//! the doomed node between the two.
//!
//! Or another parent for a node that is [astray](super::Unreachable), among those that are given. The old one keeps the edge.

use crate::fault::Result;
use crate::hnsw::insert::link::{FEW, Linker, inner_distances, same};
use crate::hnsw::insert::{Change, Parent, Seen, Stored, Verdict};
use crate::hnsw::node::{Layout, NONE, NodeMut, NodeRef, State, corrupted};
use crate::hnsw::params::Lists;
use crate::hnsw::search::Pages;
use crate::hnsw::search::query::Target;
use crate::memory::allocation::Reserve;
use std::collections::{HashMap, VecDeque};

/// Looks for parents; keeps its memory from one node to the next.
#[derive(Debug)]
pub struct Reparenting {
    layout: Layout,
    vector: Stored,
    target: Target,
    linker: Linker,
    estimates: Vec<f32>,
    child: u32,
    seen: Option<Seen>,
    /// Neighbours that were not tried, the nearest last.
    neighbours: Vec<(f32, u32)>,
    /// Those that were, and are no descendants, with their depths.
    again: Vec<(u32, Seen)>,
    /// The depths of nodes on the ways from these, none for those that cannot be the parent; and the last way.
    depths: HashMap<u32, Option<u32>>,
    way: Vec<u32>,
    /// Where the way up goes on, and where it came from.
    up: u32,
    below: u32,
    /// Ancestors and their other descendants that were not tried, with their parents if they are such.
    wide: VecDeque<(u32, Option<u32>)>,
    /// How many of them were.
    steps: u32,
    /// Who must take it in the end.
    last: Option<Parent>,
}

/// What the header of a block says, if it is a node of a graph on level 0.
#[derive(Debug, Clone, Copy)]
struct Look {
    seen: Seen,
    down: u32,
}

fn look(layout: &Layout, pages: &mut impl Pages, number: u32, graph: u32) -> Result<Option<Look>> {
    bounded(pages, number)?;
    pages.read(number, |bytes| {
        let header = *NodeRef::new(layout, bytes)?.header();
        let node = matches!(header.state, State::Live | State::Dead);
        Ok((node && header.level == 0 && header.graph == graph).then_some(Look {
            seen: Seen {
                number,
                version: header.version,
                level: 0,
                graph,
                dead: header.state == State::Dead,
            },
            down: header.down,
        }))
    })?
}

fn bounded(pages: &impl Pages, number: u32) -> Result<()> {
    if !pages.has(number) {
        return Err(corrupted(format_args!("link to {number} of {}", pages.records())));
    }
    Ok(())
}

impl Reparenting {
    /// For the blocks of a layout.
    pub fn new(layout: Layout) -> Self {
        Self {
            vector: Stored::default(),
            target: Target::new(&layout),
            linker: Linker::new(layout, Lists::Short),
            estimates: vec![],
            child: NONE,
            seen: None,
            neighbours: vec![],
            again: vec![],
            depths: HashMap::new(),
            way: vec![],
            up: NONE,
            below: NONE,
            wide: VecDeque::new(),
            steps: 0,
            last: None,
            layout,
        }
    }

    /// Looks at a block, which is not doomed. False if it is no node on level 0 with a doomed parent.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn start(&mut self, number: u32, bytes: &[u8], doomed: &impl Fn(u32) -> bool) -> Result<bool> {
        let Self { layout, vector, target, estimates, neighbours, .. } = self;
        (self.seen, self.child, self.steps, self.last) = (None, number, 0, None);
        self.wide.clear();
        neighbours.clear();
        self.again.clear();
        self.depths.clear();
        let record = NodeRef::new(layout, bytes)?;
        let header = record.header();
        let node = matches!(header.state, State::Live | State::Dead) && header.level == 0;
        if !node || header.down == NONE || !doomed(header.down) {
            return Ok(false);
        }
        vector.copy(layout, header, &record.stored());
        target.set_stored(vector.decoded());
        inner_distances(&record, target, estimates)?;
        let useful =
            record.neighbours().filter(|(slot, other)| !record.is_tree_edge(*slot) && !doomed(*other));
        neighbours.extend(useful.map(|(slot, other)| (estimates[slot], other)));
        neighbours.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        self.up = header.down;
        let (version, graph, dead) = (header.version, header.graph, header.state == State::Dead);
        self.seen = Some(Seen { number, version, level: 0, graph, dead });
        Ok(true)
    }

    /// Looks at a block that is to hang elsewhere, below one of `ends`, the best last. None if it is no living node on level
    /// 0, or is the origin; else its parent.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn start_again(&mut self, number: u32, bytes: &[u8], ends: &[(f32, u32)]) -> Result<Option<u32>> {
        let Self { layout, vector, target, neighbours, .. } = self;
        (self.seen, self.child, self.up, self.steps, self.last) = (None, number, NONE, 0, None);
        self.wide.clear();
        self.again.clear();
        self.depths.clear();
        let record = NodeRef::new(layout, bytes)?;
        let header = record.header();
        if header.state != State::Live || header.level > 0 || header.down == NONE {
            return Ok(None);
        }
        vector.copy(layout, header, &record.stored());
        target.set_stored(vector.decoded());
        neighbours.clear();
        neighbours.extend(ends.iter().filter(|(_, end)| *end != header.down));
        let (version, graph, parent) = (header.version, header.graph, header.down);
        self.seen = Some(Seen { number, version, level: 0, graph, dead: false });
        Ok(Some(parent))
    }

    /// The next that may become the parent, the best first. None, for a node with a doomed parent, only if the graph's origin
    /// is doomed.
    ///
    /// # Errors
    /// Corrupted blocks, and whatever comes from the pages.
    pub fn next(&mut self, pages: &mut impl Pages, doomed: &impl Fn(u32) -> bool) -> Result<Option<Parent>> {
        let Some(child) = self.seen else { return Ok(None) };
        while let Some((_, number)) = self.neighbours.pop() {
            let found = look(&self.layout, pages, number, child.graph)?.filter(|found| !found.seen.dead);
            if let Some(found) = found
                && let Some(depth) = self.depth(pages, found, child)?
            {
                self.again.push((depth, found.seen));
                if depth <= DEEP {
                    return Ok(Some(Parent { to: found.seen, tree_edges: FEW, instead: None }));
                }
            }
        }
        let shallow = (0..self.again.len()).min_by_key(|i| self.again[*i].0);
        if let Some((_, to)) = shallow.map(|i| self.again.swap_remove(i)) {
            return Ok(Some(Parent { to, tree_edges: usize::MAX, instead: None }));
        }
        let mut steps = 0;
        while self.up != NONE && doomed(self.up) {
            let found = look(&self.layout, pages, self.up, child.graph)?;
            self.below = std::mem::replace(&mut self.up, found.map_or(NONE, |found| found.down));
            steps += 1;
            circle(pages, steps, child.number)?;
        }
        if self.up != NONE {
            self.wide.push_back((self.up, None));
            if let Some(found) = look(&self.layout, pages, self.up, child.graph)? {
                self.last =
                    Some(Parent { to: found.seen, tree_edges: usize::MAX, instead: Some(self.below) });
            }
            self.up = NONE;
        }
        while let Some((number, parent)) = self.wide.pop_front() {
            // The doomed keep anchors to nodes that have another parent by now, which may be below the child.
            let found = look(&self.layout, pages, number, child.graph)?;
            let Some(found) = found.filter(|found| parent.is_none_or(|parent| found.down == parent)) else {
                continue;
            };
            self.steps += 1;
            circle(pages, self.steps, child.number)?;
            let Self { layout, wide, .. } = self;
            pages.read(number, |bytes| -> Result<()> {
                let record = NodeRef::new(layout, bytes)?;
                if (record.header().graph, record.header().level) == (child.graph, 0) {
                    let others = record.children().filter(|other| *other != child.number);
                    wide.room_for(record.used())?;
                    wide.extend(others.map(|other| (other, Some(number))));
                }
                Ok(())
            })??;
            if !doomed(number) {
                return Ok(Some(Parent { to: found.seen, tree_edges: usize::MAX, instead: None }));
            }
        }
        // Nobody below that ancestor but what is below the child has room for it, so what hangs by this anchor is
        // dead or will be adopted, too.
        Ok(self.last.take())
    }

    /// How many nodes are above one; none if the child is among them, or if they are so many that nobody should go that way
    /// for each neighbour of each child: rows that come in order can make a tree that is a list.
    fn depth(&mut self, pages: &mut impl Pages, from: Look, child: Seen) -> Result<Option<u32>> {
        self.way.clear();
        let mut at = from;
        let known = loop {
            if at.seen.number == child.number {
                break None;
            }
            if let Some(known) = self.depths.get(&at.seen.number) {
                break *known;
            }
            self.way.push(at.seen.number);
            if at.down == NONE {
                // One less than the depth of the origin.
                break Some(u32::MAX);
            }
            if self.way.len() > LONGEST as usize {
                break None;
            }
            match look(&self.layout, pages, at.down, child.graph)? {
                Some(next) => at = next,
                // Not a way to the origin: nobody knows.
                None => break None,
            }
        };
        let Self { way, depths, .. } = self;
        let all = (1..)
            .zip(way.iter().rev())
            .map(|(more, number)| (*number, known.map(|depth| depth.wrapping_add(more))));
        depths.room_for(way.len())?;
        depths.extend(all);
        Ok(depths.get(&from.seen.number).copied().flatten())
    }

    /// What a block's bytes must become so that it is the parent. [`Verdict::Stay`]: it cannot be.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn adopt(&mut self, bytes: &[u8], parent: &Parent) -> Result<Verdict> {
        let Some(record) = same(&self.layout, bytes, &parent.to)? else { return Ok(Verdict::Gone) };
        self.linker.decide(
            &record,
            &self.target,
            self.child,
            self.layout.slots(),
            Some(parent.tree_edges),
            &|other| parent.instead == Some(other),
        )
    }

    /// Writes a change into the parent's bytes, which must not have changed since.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn apply(&mut self, change: &Change, bytes: &mut [u8]) -> Result<()> {
        self.linker.apply(change, &self.vector, bytes)
    }

    /// Takes the anchor from the lane of a former parent.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn let_go(&self, bytes: &mut [u8]) -> Result<()> {
        let record = NodeRef::new(&self.layout, bytes)?;
        let tree_edge =
            |slot: &usize| record.is_tree_edge(*slot) && record.neighbour(*slot) == Some(self.child);
        if let Some(slot) = (0..record.used()).find(tree_edge) {
            NodeMut::new(&self.layout, bytes)?.set_number(slot, self.child);
        }
        Ok(())
    }

    /// Whether the child's block is still that of the node; to be asked with the lock held.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn is_there(&self, bytes: &[u8]) -> Result<bool> {
        let Some(seen) = self.seen else { return Ok(false) };
        Ok(same(&self.layout, bytes, &seen)?.is_some())
    }

    /// Writes the parent into the child's bytes.
    ///
    /// # Errors
    /// Too few bytes.
    pub fn settle(&self, parent: &Parent, bytes: &mut [u8]) -> Result<()> {
        NodeMut::new(&self.layout, bytes)?.set_down(parent.to.number);
        Ok(())
    }
}

/// Below this, a parent is only taken if none above it can be: the way up is walked often. Vacuums in a row would
/// otherwise make it longer and longer.
const DEEP: u32 = 24;

/// Steps up to which nobody asks how many blocks there are, and most of a way up from a neighbour.
const LONGEST: u32 = 1000;

/// An error after more steps than there are blocks.
fn circle(pages: &impl Pages, steps: u32, number: u32) -> Result<()> {
    if steps > LONGEST && steps > pages.records() {
        return Err(corrupted(format_args!("the way from {number} to the origin is a circle")));
    }
    Ok(())
}
