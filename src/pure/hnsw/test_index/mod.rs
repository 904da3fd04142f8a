//! An index in memory with a single user, for tests and measurements: the calls that the Postgres side makes, without locks,
//! WAL and tables.

#[cfg(test)]
pub(crate) mod filtered;
#[cfg(test)]
pub(crate) mod samples;

use crate::fault::Result;
use crate::hnsw::check::{Checker, Finding};
use crate::hnsw::insert::{Found, Inserter, Verdict};
use crate::hnsw::level::level_for;
use crate::hnsw::node::{
    Buffer, EntryPoint, Header, Layout, NONE, NodeMut, NodeRef, ROOM, State, Tid, TidListMut, corrupted,
};
use crate::hnsw::params::Params;
use crate::hnsw::rotation::Rotation;
use crate::hnsw::search::MemoryPages;
use crate::hnsw::vacuum::{Relinker, Reparenting, Unreachable};
use std::collections::HashSet;

/// An index.
#[derive(Debug)]
pub struct TestIndex {
    /// The node records, and room for more.
    pub memory: MemoryPages,
    /// The graph's entry point.
    pub root: Option<EntryPoint>,
    layout: Layout,
    rotation: Rotation,
    params: Params,
    inserter: Inserter,
    graph: u32,
    /// Node records that were freed.
    free: Vec<u32>,
    /// The number behind the last node record that was ever used.
    end: u32,
    random: u64,
    /// The cost of all insertions and repairs so far.
    pub effort: Effort,
}

/// Sums over all insertions, or over all repairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// New nodes.
    pub nodes: u64,
    /// Node records that the searches for them have read.
    pub reads: u64,
    /// Node records that have got an edge to a new node, parents among them.
    pub links: u64,
    /// Nodes that have got another parent because theirs was doomed.
    pub reparented: u64,
    /// Parents that were tried for them.
    pub tried: u64,
    /// Nodes that have got another parent because no search came to them.
    pub unreachable: u64,
    /// Nodes that have got a record on level 1 because no search came to them.
    pub raised: u64,
    /// Node records whose edges were repaired.
    pub repaired: u64,
    /// Node records that were read for the repair.
    pub repair: u64,
    /// Node records that have got an edge back to a repaired one.
    pub backs: u64,
}

impl TestIndex {
    /// An empty index with room for `room` node records.
    pub fn new(layout: Layout, rotation: Rotation, params: &Params, room: u32) -> Self {
        Self::with(layout, rotation, params, (&[], 0), None, room)
    }

    /// An index that starts with a packed graph, given its pages, the number behind its last node record, and its entry point.
    pub fn with(
        layout: Layout,
        rotation: Rotation,
        params: &Params,
        (pages, end): (&[u8], u32),
        root: Option<EntryPoint>,
        room: u32,
    ) -> Self {
        let units = (room as usize + 1).div_ceil(layout.per_page()) + 1;
        let mut buffer =
            Buffer::new(pages.len() + units * layout.unit_pages() * ROOM).expect("memory for the pages");
        buffer.bytes_mut()[..pages.len()].copy_from_slice(pages);
        let records = end + room * layout.step();
        Self {
            memory: MemoryPages::new(layout, buffer, records),
            root,
            inserter: Inserter::new(layout, params),
            layout,
            rotation,
            params: *params,
            graph: root.map_or(1, |root| root.graph),
            free: vec![],
            end,
            random: 1,
            effort: Effort::default(),
        }
    }

    fn uniform(&mut self) -> f64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.random >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// A node record to be written, and its new version.
    fn allocate(&mut self) -> Result<(u32, u16)> {
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.end += self.layout.step();
                self.end - self.layout.step()
            }
        };
        let bytes = self.memory.node_mut(number)?;
        Ok((number, u16::from_le_bytes([bytes[8], bytes[9]]).wrapping_add(1)))
    }

    /// All numbers that node records may have.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        (0..self.end).step_by(self.layout.step() as usize)
    }

    /// The header of a node record.
    pub fn header(&mut self, number: u32) -> Result<Header> {
        Ok(*NodeRef::new(&self.layout, self.memory.node_mut(number)?)?.header())
    }

    /// Adds a row; returns the number of its node's record.
    pub fn insert(&mut self, vector: &[f32], tid: Tid) -> Result<u32> {
        let mut level = level_for(self.uniform(), self.params.step);
        self.inserter.start(&self.rotation, vector)?;
        let mut found = self.inserter.find(&mut self.memory, self.root, level)?;
        if found == Found::Place && level == 0 && self.inserter.is_far() {
            level = 1;
            found = self.inserter.find(&mut self.memory, self.root, level)?;
        }
        if let Found::Same(same) = found {
            let next = self.header(same.number)?.tid_list;
            let (number, version) = self.allocate()?;
            let (layout, owner) = (self.layout, (self.graph, same.number));
            let bytes = self.memory.node_mut(number)?;
            TidListMut::format(&layout, bytes, version, owner, next, std::iter::once(tid))?;
            NodeMut::new(&layout, self.memory.node_mut(same.number)?)?.set_tid_list(number);
            return Ok(same.number);
        }
        self.effort.nodes += 1;
        self.effort.reads += self.inserter.reads();
        let (number, version) = self.allocate()?;
        let parent = self.attach(number)?;
        let header = self.inserter.header(self.graph, 0, version, tid, parent);
        self.inserter.write(&header, self.memory.node_mut(number)?)?;
        self.link(0, number, parent)?;
        let mut down = number;
        for level in 1..=level {
            down = self.raise(level, down)?;
        }
        match &mut self.root {
            None => self.root = Some(EntryPoint { entry: down, level, origin: number, graph: self.graph }),
            Some(root) if level > root.level => {
                let former = std::mem::replace(root, EntryPoint { entry: down, level, ..*root });
                self.lift(former)?;
            }
            Some(_) => {}
        }
        Ok(number)
    }

    /// Puts the tree's root onto level 1 when the first node comes there, if the root was the entry point.
    fn lift(&mut self, former: EntryPoint) -> Result<()> {
        let EntryPoint { entry, origin, .. } = former;
        if former.level == 0
            && entry == origin
            && self.inserter.start_again(self.memory.node_mut(origin)?, former.graph)?
        {
            self.inserter.find(&mut self.memory, self.root, 1)?;
            self.raise(1, origin)?;
        }
        Ok(())
    }

    /// Gives the inserter's node a record on a level, above the record `down`.
    fn raise(&mut self, level: u8, down: u32) -> Result<u32> {
        let (number, version) = self.allocate()?;
        let header = self.inserter.header(self.graph, level, version, Tid::default(), down);
        self.inserter.write(&header, self.memory.node_mut(number)?)?;
        self.link(level, number, NONE)?;
        Ok(number)
    }

    /// Finds a parent for a new node and gives the parent the tree edge.
    fn attach(&mut self, number: u32) -> Result<u32> {
        let Some(root) = self.root else { return Ok(NONE) };
        let mut parents = self.inserter.parents(&root, true, u64::MAX);
        loop {
            let next = parents.next(&mut self.memory, &self.layout)?;
            let parent = next.ok_or_else(|| corrupted("no parent for a new node"))?;
            let bytes = self.memory.node_mut(parent.to.number)?;
            if let Verdict::Change(change) = self.inserter.attach(bytes, &parent, number)? {
                self.inserter.apply(&change, bytes)?;
                self.effort.links += 1;
                return Ok(parent.to.number);
            }
        }
    }

    fn link(&mut self, level: u8, number: u32, parent: u32) -> Result<()> {
        for edge in self.inserter.edges(level).to_vec() {
            if edge.back && edge.to.number != parent {
                let bytes = self.memory.node_mut(edge.to.number)?;
                if let Verdict::Change(change) = self.inserter.link(bytes, &edge, number)? {
                    self.inserter.apply(&change, bytes)?;
                    self.effort.links += 1;
                }
            }
        }
        Ok(())
    }

    /// Lets the nodes die whose first row is chosen; returns how many there were.
    pub fn kill(&mut self, mut chosen: impl FnMut(Tid) -> bool) -> Result<usize> {
        let mut dead = HashSet::new();
        let mut headers = vec![];
        for number in self.numbers() {
            headers.push((number, self.header(number)?));
        }
        let mut killed = 0;
        headers.retain(|(_, header)| header.state == State::Live);
        headers.sort_by_key(|(_, header)| header.level);
        for (number, header) in headers {
            let dies = if header.level == 0 { chosen(header.tid) } else { dead.contains(&header.down) };
            if dies {
                dead.insert(number);
                killed += usize::from(header.level == 0);
                let mut record = NodeMut::new(&self.layout, self.memory.node_mut(number)?)?;
                record.set_state(State::Dead);
                record.set_tid(Tid::default());
            }
        }
        Ok(killed)
    }

    /// The node records to be freed: of dead nodes, but not of the tree's root and the entry point.
    pub fn doomed(&mut self) -> Result<HashSet<u32>> {
        let mut doomed = HashSet::new();
        for number in self.numbers() {
            if self.header(number)?.state == State::Dead {
                doomed.insert(number);
            }
        }
        if let Some(root) = self.root {
            doomed.remove(&root.origin);
            let mut at = root.entry;
            for _ in 0..=root.level {
                doomed.remove(&at);
                at = self.header(at)?.down;
            }
        }
        Ok(doomed)
    }

    /// Repairs the graph and frees the records of dead nodes.
    pub fn repair(&mut self) -> Result<()> {
        let Some(root) = self.root else { return Ok(()) };
        let doomed = self.doomed()?;
        let gone = |number| doomed.contains(&number);
        let mut reparenting = Reparenting::new(self.layout);
        for number in self.numbers().filter(|number| !gone(*number)) {
            self.reparent(&mut reparenting, number, &gone)?;
        }
        let mut relinker = Relinker::new(self.layout, &self.params);
        for number in self.numbers().filter(|number| !gone(*number)) {
            if self.header(number)?.state != State::TidList
                && relinker.find(&mut self.memory, root, number, &gone)?
            {
                relinker.rewrite(self.memory.node_mut(number)?, &gone)?;
                for edge in relinker.edges().to_vec() {
                    let bytes = self.memory.node_mut(edge.to.number)?;
                    if let Verdict::Change(change) = relinker.link(bytes, &edge, &gone)? {
                        relinker.apply(&change, bytes)?;
                        self.effort.backs += 1;
                    }
                }
                self.effort.repaired += 1;
                self.effort.repair += relinker.reads();
            }
        }
        let mut unreachable = Unreachable::new(self.layout);
        let mut raised = HashSet::new();
        for number in self.numbers().filter(|number| !gone(*number)) {
            let header = self.header(number)?;
            if matches!(header.state, State::Live | State::Dead) && header.level > 0 {
                raised.insert(header.down);
            }
        }
        for number in self.numbers().filter(|number| !gone(*number)) {
            let mut is_unreachable = unreachable.is(&mut self.memory, root, number)?;
            if is_unreachable && root.level > 0 && !raised.contains(&number) {
                self.inserter.start_stored(unreachable.vector());
                self.inserter.find(&mut self.memory, Some(root), 1)?;
                self.raise(1, number)?;
                self.effort.raised += 1;
                is_unreachable = unreachable.is(&mut self.memory, root, number)?;
            }
            if is_unreachable {
                self.reparent_unreachable(&mut reparenting, number, unreachable.ends(), &gone)?;
            }
        }
        for number in doomed {
            NodeMut::new(&self.layout, self.memory.node_mut(number)?)?.set_state(State::Free);
            self.free.push(number);
        }
        Ok(())
    }

    /// Gives a node another parent if its parent is doomed.
    fn reparent(
        &mut self,
        reparenting: &mut Reparenting,
        number: u32,
        gone: &impl Fn(u32) -> bool,
    ) -> Result<()> {
        if !reparenting.start(number, self.memory.node_mut(number)?, gone)? {
            return Ok(());
        }
        self.effort.reparented += 1;
        while let Some(parent) = reparenting.next(&mut self.memory, gone)? {
            self.effort.tried += 1;
            let bytes = self.memory.node_mut(parent.to.number)?;
            if let Verdict::Change(change) = reparenting.attach(bytes, &parent)? {
                reparenting.apply(&change, bytes)?;
                return reparenting.settle(&parent, self.memory.node_mut(number)?);
            }
        }
        Err(corrupted(format_args!("no parent for {number}")))
    }

    /// Gives an unreachable node another parent, if one of `ends` can be it.
    fn reparent_unreachable(
        &mut self,
        reparenting: &mut Reparenting,
        number: u32,
        ends: &[(f32, u32)],
        gone: &impl Fn(u32) -> bool,
    ) -> Result<()> {
        let Some(old) = reparenting.start_again(number, self.memory.node_mut(number)?, ends)? else {
            return Ok(());
        };
        while let Some(parent) = reparenting.next(&mut self.memory, gone)? {
            let bytes = self.memory.node_mut(parent.to.number)?;
            if let Verdict::Change(change) = reparenting.attach(bytes, &parent)? {
                reparenting.apply(&change, bytes)?;
                reparenting.settle(&parent, self.memory.node_mut(number)?)?;
                self.effort.unreachable += 1;
                return reparenting.detach(self.memory.node_mut(old)?);
            }
        }
        Ok(())
    }

    /// The first thousand findings of a check.
    pub fn check(&mut self) -> Result<Vec<Finding>> {
        let mut checker = Checker::new(self.layout, self.root.as_slice(), 1000)?;
        for number in self.numbers() {
            checker.look(&mut self.memory, number)?;
        }
        checker.finish()?;
        checker.roots(&mut self.memory)?;
        Ok(checker.findings)
    }
}
