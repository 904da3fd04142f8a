//! Another parent for a node whose parent is doomed.
//!
//! The new parent is the nearest neighbour that can take the node: a tree edge is an edge, so it should be a useful one. The
//! parent must not be a descendant of the node, which its way up to the tree's root (`origin`) shows. If no neighbour can
//! take the node, the nearest ancestor that is not doomed does, or another node below that ancestor. If all edges of all of
//! them are tree edges, the ancestor takes the node in place of the doomed node between the two.
//!
//! Also another parent for an [unreachable](super::Unreachable) node, among nodes that the caller gives. The former parent
//! keeps the edge.

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
    /// Neighbours that were tried and are no descendants, with their depths.
    again: Vec<(u32, Seen)>,
    /// Tree depth of each node on the ways up so far, none for nodes that cannot be the parent; and the last way.
    depths: HashMap<u32, Option<u32>>,
    way: Vec<u32>,
    /// Where the child's way up goes on, and where it came from.
    up: u32,
    below: u32,
    /// The ancestor (without a parent here) and its other descendants that were not tried, with their parents.
    wide: VecDeque<(u32, Option<u32>)>,
    /// How many of them were tried.
    steps: u32,
    /// The parent if no other node can take the child.
    last: Option<Parent>,
}

/// The header of a node on level 0.
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
    /// For the node records of a layout.
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

    /// Looks at a record, which is not doomed. False if it is no node's on level 0 with a doomed parent.
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

    /// Looks at a node that is to become a child of one of `ends`, the best last. None if the node does not live on level 0, or
    /// is the origin; else its parent.
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

    /// The next node that may become the parent, the best first. For a node with a doomed parent, none only if the origin is
    /// doomed.
    ///
    /// # Errors
    /// Corrupted node records, and those of the pages.
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
            // Doomed nodes keep tree edges to nodes that have another parent by now, which may be below the child.
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
        // No node below that ancestor but the child's descendants has room for the child, so all nodes below the tree edge
        // that gives way are dead or will get another parent, too.
        Ok(self.last.take())
    }

    /// Number of nodes above a node; none if the child is among them, or if they are too many to go that way for each
    /// neighbour of each child: rows that come in order can make a tree that is a list.
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
                // No way to the origin: the depth is not known.
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

    /// The change that makes a record's node the parent. [`Verdict::Stay`]: the node cannot be the parent.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn attach(&mut self, bytes: &[u8], parent: &Parent) -> Result<Verdict> {
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

    /// Makes the tree edge in a former parent's record an ordinary edge.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn detach(&self, bytes: &mut [u8]) -> Result<()> {
        let record = NodeRef::new(&self.layout, bytes)?;
        let tree_edge =
            |slot: &usize| record.is_tree_edge(*slot) && record.neighbour(*slot) == Some(self.child);
        if let Some(slot) = (0..record.used()).find(tree_edge) {
            NodeMut::new(&self.layout, bytes)?.set_number(slot, self.child);
        }
        Ok(())
    }

    /// Whether the child's record is still that of the node; to be asked with the lock held.
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

/// A node deeper than this becomes a parent only if no node up to this depth can: the way up is walked often, and vacuums
/// in a row would otherwise make it longer and longer.
const DEEP: u32 = 24;

/// Maximum length of the way up from a neighbour; up to as many steps of other walks, the number of node records is not asked
/// for.
const LONGEST: u32 = 1000;

/// An error after more steps than there are node records.
fn circle(pages: &impl Pages, steps: u32, number: u32) -> Result<()> {
    if steps > LONGEST && steps > pages.records() {
        return Err(corrupted(format_args!("the way from {number} to the origin is a circle")));
    }
    Ok(())
}
