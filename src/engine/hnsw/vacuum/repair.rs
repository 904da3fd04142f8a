//! Step 3: nodes get parents and edges that will stay.

use super::super::storage::locks::InsertBarrier;
use super::super::storage::meta_cache::META;
use super::super::storage::node_reader::NodeReader;
use super::super::storage::upper_levels;
use super::super::storage::wal::LockedNodes;
use super::node_set::NodeSet;
use super::state::Vacuum;
use crate::engine::storage::buffer::{Index, Ring};
use crate::engine::vacuum::delay::pause;
use conifer_pure::Result;
use conifer_pure::hnsw::insert::{Inserter, Verdict};
use conifer_pure::hnsw::node::{EntryPoint, Layout, NONE, NodeRef, State, corrupted};
use conifer_pure::hnsw::params::Params;
use conifer_pure::hnsw::search::{Pages, SMALL_GRAPH};
use conifer_pure::hnsw::vacuum::{Cache, Relinker, Reparenting, Unreachable};
use conifer_pure::memory::allocation::Reserve;
use std::collections::HashMap;

/// A repair under way, and its memory.
pub struct Repair<'a> {
    index: Index,
    layout: Layout,
    params: Params,
    ring: Ring,
    roots: &'a HashMap<u32, EntryPoint>,
    /// Nodes that had a record on level 1 when this vacuum began.
    raised: &'a NodeSet,
    doomed: &'a NodeSet,
    reparenting: Reparenting,
    records: Cache<NodeReader>,
    holes: Holes,
    /// Nodes of level 0 that have lost their parent, an edge or an edge to them: a search for each follows.
    lost: NodeSet,
}

/// Node records with edges to doomed nodes. Records that have lost the same neighbour lie near each other: as long as there are
/// few, they are taken in that order.
struct Holes {
    all: NodeSet,
    /// The doomed neighbour, and the node record; empty once there are too many.
    near: Vec<(u32, u32)>,
    max: usize,
}

/// Times that a parent is looked for while insertions go on.
const ROUNDS: usize = 3;

impl Holes {
    fn add(&mut self, doomed: u32, number: u32) -> Result<()> {
        self.all.add(number)?;
        if self.near.len() < self.max {
            self.near.room_for(1)?;
            self.near.push((doomed, number));
        } else {
            (self.near, self.max) = (vec![], 0);
        }
        Ok(())
    }

    /// All node records, in the order they should be taken.
    fn in_order(self) -> Box<dyn Iterator<Item = u32>> {
        let Self { all, mut near, max } = self;
        if max == 0 {
            return Box::new(all.into_all());
        }
        near.sort_unstable();
        Box::new(near.into_iter().map(|(_, number)| number))
    }
}

impl<'a> Repair<'a> {
    /// Starts a repair, with `memory` bytes for the cache and the order of `holes`, neither of which must exist.
    pub(super) fn new(
        vacuum: &Vacuum,
        roots: &'a HashMap<u32, EntryPoint>,
        raised: &'a NodeSet,
        doomed: &'a NodeSet,
        memory: usize,
    ) -> Result<Self> {
        let (index, layout, ring) = (vacuum.index, vacuum.layout(), vacuum.ring);
        let bound = layout.bound(index.pages());
        let records = NodeReader::new(index, layout).through(ring);
        let max = (memory / 4 / size_of::<(u32, u32)>()).max(1);
        Ok(Self {
            index,
            layout,
            params: vacuum.known.meta.params(),
            ring,
            roots,
            raised,
            doomed,
            reparenting: Reparenting::new(layout),
            records: Cache::new(records, &layout, memory / 2)?,
            holes: Holes { all: NodeSet::below(bound)?, near: vec![], max },
            lost: NodeSet::below(bound)?,
        })
    }

    /// Gives nodes with a doomed parent another one, and notes the nodes that need edges or a search.
    pub(super) fn parents(&mut self) -> Result<()> {
        let (mut page, end) = (META + 1, self.index.pages());
        let mut orphaned = vec![];
        while page < end {
            pause();
            page += self.look(page, &mut orphaned)?;
            for number in orphaned.drain(..) {
                self.parent(number)?;
            }
        }
        Ok(())
    }

    /// Reads the node records of a page, and adds nodes with a doomed parent to `orphaned`. Returns on how many pages the records
    /// are.
    fn look(&mut self, page: u32, orphaned: &mut Vec<u32>) -> Result<u32> {
        let Self { records, layout, doomed, holes, lost, .. } = self;
        records.pages().on_page(page, |number, bytes| {
            let record = NodeRef::new(layout, bytes)?;
            let header = record.header();
            if !matches!(header.state, State::Live | State::Dead) {
                return Ok(());
            }
            let neighbours = record.neighbours().map(|(_, other)| other);
            if doomed.has(number) {
                if header.level == 0 {
                    let mut left = neighbours.filter(|other| !doomed.has(*other));
                    return left.try_for_each(|other| lost.add(other));
                }
                return Ok(());
            }
            if header.level == 0 && header.down != NONE && doomed.has(header.down) {
                orphaned.push(number);
                lost.add(number)?;
            }
            if let Some(gone) = neighbours.filter(|other| doomed.has(*other)).min() {
                holes.add(gone, number)?;
                if header.level == 0 {
                    lost.add(number)?;
                }
            }
            Ok(())
        })
    }

    /// Replaces edges to doomed nodes.
    pub(super) fn edges(&mut self) -> Result<()> {
        let doomed = self.doomed;
        let doomed = |number: u32| doomed.has(number);
        let mut relinker = Relinker::new(self.layout, &self.params);
        let none = Holes { all: NodeSet::default(), near: vec![], max: 1 };
        for number in std::mem::replace(&mut self.holes, none).in_order() {
            pause();
            if let Some(root) = self.root(number)?
                && relinker.find(&mut self.records, root, number, &doomed)?
            {
                let mut change =
                    LockedNodes::lock_by(self.index, &self.layout, self.ring, &[number])?.change();
                if relinker.rewrite(change.node(number)?, &doomed)? {
                    self.records.renew(number, change.node(number)?);
                    change.finish()?;
                    self.link(&mut relinker)?;
                }
            }
        }
        Ok(())
    }

    /// The root of a node record's graph.
    fn root(&mut self, number: u32) -> Result<Option<EntryPoint>> {
        let layout = &self.layout;
        let graph = self
            .records
            .read(number, |bytes| -> Result<u32> { Ok(NodeRef::new(layout, bytes)?.header().graph) })??;
        Ok(self.roots.get(&graph).copied())
    }

    /// Sees to it that searches still reach the nodes in `lost`. `alive`: living nodes of each graph.
    pub(super) fn ways(&mut self, alive: &HashMap<u32, u64>) -> Result<()> {
        let mut unreachable = Unreachable::new(self.layout);
        let mut inserter = Inserter::new(self.layout, &self.params);
        for number in std::mem::take(&mut self.lost).into_all() {
            pause();
            let Some(root) = self.root(number)? else { continue };
            // Searches look at all nodes of a small graph.
            if alive.get(&root.graph).is_none_or(|count| *count <= u64::from(SMALL_GRAPH)) {
                continue;
            }
            let mut is_unreachable = unreachable.is(&mut self.records, root, number)?;
            if is_unreachable && root.level > 0 && !self.raised.has(number) {
                inserter.start_stored(unreachable.vector());
                upper_levels::raise(
                    self.index,
                    &self.layout,
                    &mut inserter,
                    &mut self.records,
                    root,
                    number,
                )?;
                // The neighbours' records have changed.
                self.records.clear();
                is_unreachable = unreachable.is(&mut self.records, root, number)?;
            }
            if is_unreachable {
                self.reparent_near(number, unreachable.ends())?;
            }
        }
        Ok(())
    }

    /// Reparents a node to one of `ends`, if one of them can be its parent.
    fn reparent_near(&mut self, number: u32, ends: &[(f32, u32)]) -> Result<()> {
        let doomed = self.doomed;
        let Self { reparenting, layout, records, .. } = self;
        let old = records.pages().read(number, |bytes| reparenting.start_again(number, bytes, ends))??;
        let Some(old) = old else { return Ok(()) };
        while let Some(parent) = reparenting.next(records.pages(), &|number| doomed.has(number))? {
            let held = LockedNodes::lock_by(self.index, layout, self.ring, &[number, parent.to.number, old])?;
            if !reparenting.is_there(held.node(number)?)? {
                return Ok(());
            }
            if let Verdict::Change(edge) = reparenting.attach(held.node(parent.to.number)?, &parent)? {
                let mut change = held.change();
                reparenting.apply(&edge, change.node(parent.to.number)?)?;
                reparenting.settle(&parent, change.node(number)?)?;
                reparenting.detach(change.node(old)?)?;
                // Of node records on several pages, more pages may have changed: a code may lie on two.
                if !change.is_one_record()? {
                    continue;
                }
                change.finish()?;
                [number, parent.to.number, old].into_iter().for_each(|number| records.forget(number));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Links the new neighbours of a repaired node record back to it.
    fn link(&mut self, relinker: &mut Relinker) -> Result<()> {
        let doomed = self.doomed;
        for edge in relinker.edges().to_vec() {
            pause();
            let held = LockedNodes::lock_by(self.index, &self.layout, self.ring, &[edge.to.number])?;
            let verdict = relinker.link(held.node(edge.to.number)?, &edge, &|number| doomed.has(number))?;
            if let Verdict::Change(new) = verdict {
                let mut change = held.change();
                relinker.apply(&new, change.node(edge.to.number)?)?;
                self.records.renew(edge.to.number, change.node(edge.to.number)?);
                change.finish()?;
            }
        }
        Ok(())
    }

    /// Reparents a node whose parent is doomed. Insertions may take the last edge slot of each candidate, so candidates are looked
    /// for again, at last while no insertion runs: then there is one.
    fn parent(&mut self, number: u32) -> Result<()> {
        for _ in 0..ROUNDS {
            if self.reparent(number)? {
                return Ok(());
            }
        }
        let _barrier = InsertBarrier::close(self.index);
        if self.reparent(number)? {
            return Ok(());
        }
        Err(corrupted(format_args!("node {number} has no way to the origin")))
    }

    /// Reparents a node whose parent is doomed. False if each candidate has lost its last edge slot since it was found.
    fn reparent(&mut self, number: u32) -> Result<bool> {
        let doomed = self.doomed;
        let doomed = |number: u32| doomed.has(number);
        let Self { reparenting, layout, records, .. } = self;
        let records = records.pages();
        if !records.read(number, |bytes| reparenting.start(number, bytes, &doomed))?? {
            return Ok(true);
        }
        while let Some(parent) = reparenting.next(records, &doomed)? {
            let held = LockedNodes::lock_by(self.index, layout, self.ring, &[number, parent.to.number])?;
            if !reparenting.is_there(held.node(number)?)? {
                return Ok(true);
            }
            if let Verdict::Change(edge) = reparenting.attach(held.node(parent.to.number)?, &parent)? {
                let mut change = held.change();
                reparenting.apply(&edge, change.node(parent.to.number)?)?;
                reparenting.settle(&parent, change.node(number)?)?;
                change.finish()?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}
