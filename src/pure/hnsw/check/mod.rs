//! Whether a graph in blocks is what it should be.
//!
//! What a search or an insertion rely on, and what codes and links say of each other:
//!
//! - Every node of level 0 but the origin has a parent, with exactly one anchor to it; the way up ends at the origin,
//!   and each node on it, dead ones included, has an anchor to the one below.
//! - An anchor leads to a node whose parent the block is.
//! - Lanes lead to nodes of the same graph on the same level, each once, and hold the code of their vectors.
//! - A block above level 0 leads down to one with the same vector.
//! - Vectors are finite and have the norm that the header says; counts are in order; empty lanes are empty.
//! - Chains lead back to their owner.
//!
//! Others may change blocks between two looks. Then a block seems to be wrong, and [`Checker::look_again`] tells.
//! Blocks above the level of the entry node are as they should be, too: an insertion was cut off, or goes on.
//!
//! Between the death of a node and its mending, lanes lead to dead nodes; that is as it should be. A dead node keeps
//! its lanes while others find new ones and go, so what a vacuum that was cut off leaves of it may lead anywhere.

//!
//! - [`Checker`]: one block after the other, with all that it is linked to, and what is wrong with it. `edge`: a code.
//! - [`Sieve`]: which blocks the checker need not look at, found by threads in two sweeps. `batch`: what they work on.

mod batch;
mod edge;
mod fast_check;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use fast_check::FastCheck;

use crate::fault::{Fault, Result, state};
use crate::hnsw::insert::Stored;
use crate::hnsw::node::{Coder, EntryPoint, Header, Layout, NONE, NodeRef, State, Tid, TidListRef};
use crate::hnsw::rabitq::Factors;
use crate::hnsw::search::Pages;
use crate::memory::allocation::{Reserve, collected, push};
use std::collections::{HashMap, HashSet};

/// What is said of a chain's block that was not met on the way from a node.
const LOST: &str = "a tid list that no node leads to";

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The block.
    pub number: u32,
    /// What is wrong with it, in lower case, without a full stop.
    pub text: String,
}

/// Looks at blocks and keeps what it finds.
#[derive(Debug)]
pub struct Checker {
    layout: Layout,
    roots: HashMap<u32, EntryPoint>,
    /// Graphs without a root are no finding.
    partial: bool,
    /// What was found so far.
    pub findings: Vec<Finding>,
    max: usize,
    coder: Coder,
    /// Blocks from which the way up ends at the origin.
    sure: HashSet<u32>,
    /// Blocks of chains, and those of them that belong to a node.
    tid_lists: HashSet<u32>,
    in_tid_list: HashSet<u32>,
}

/// The rows that a block leads to.
///
/// # Errors
/// Bytes that cannot have been written.
pub fn rows<'a>(layout: &Layout, bytes: &'a [u8]) -> Result<impl Iterator<Item = Tid> + use<'a>> {
    let header = *NodeRef::new(layout, bytes)?.header();
    let tid_list = TidListRef::new(layout, bytes)?;
    let stored = (header.state == State::Live && header.level == 0).then_some(header.tid);
    Ok(tid_list.into_iter().flat_map(|tid_list| tid_list.tids()).chain(stored).filter(|tid| tid.is_some()))
}

/// A node's block, copied.
#[derive(Debug)]
struct Node {
    header: Header,
    vector: Stored,
    slots: Vec<EdgeSlot>,
}

#[derive(Debug)]
struct EdgeSlot {
    number: u32,
    tree_edge: bool,
    factors: Factors,
    code: Vec<u8>,
}

/// What a block turns out to be.
#[derive(Debug)]
enum Record {
    Free,
    Node(Node),
    /// With its owner's graph and number, and the next.
    TidList(u32, u32, u32),
    Bad(String),
}

impl Checker {
    /// For an index with these graphs; of findings beyond `most` nothing is kept.
    ///
    /// # Errors
    /// `53200`.
    pub fn new(layout: Layout, roots: &[EntryPoint], max: usize) -> Result<Self> {
        let mut of_graphs = HashMap::new();
        of_graphs.room_for(roots.len())?;
        of_graphs.extend(roots.iter().map(|root| (root.graph, *root)));
        Ok(Self {
            coder: Coder::new(&layout),
            layout,
            roots: of_graphs,
            partial: false,
            findings: vec![],
            max,
            sure: HashSet::new(),
            tid_lists: HashSet::new(),
            in_tid_list: HashSet::new(),
        })
    }

    /// The roots are not all: of a graph that has none, what can be looked at without.
    pub fn partial(self, partial: bool) -> Self {
        Self { partial, ..self }
    }

    fn say(&mut self, number: u32, text: impl std::fmt::Display) {
        if self.findings.len() < self.max {
            self.findings.push(Finding { number, text: text.to_string() });
        }
    }

    /// Looks at one block and all that it is linked to.
    ///
    /// # Errors
    /// Whatever comes from the pages, but corrupted bytes: those are findings.
    pub fn look(&mut self, pages: &mut impl Pages, number: u32) -> Result<()> {
        match self.read(pages, number)? {
            Record::Free => {}
            Record::Bad(text) => self.say(number, text),
            Record::TidList(..) => {
                self.tid_lists.room_for(1)?;
                self.tid_lists.insert(number);
            }
            Record::Node(node) => self.node(pages, number, &node)?,
        }
        Ok(())
    }

    /// Looks at what only shows when all blocks were looked at.
    ///
    /// # Errors
    /// `53200`.
    pub fn finish(&mut self) -> Result<()> {
        let mut lost: Vec<u32> = vec![];
        self.tid_lists.difference(&self.in_tid_list).try_for_each(|number| push(&mut lost, *number))?;
        lost.sort_unstable();
        for number in lost {
            self.say(number, LOST);
        }
        Ok(())
    }

    /// Looks at one block as if it were the only one, for what [`finish`](Self::finish) would say of it as well.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn look_again(&mut self, pages: &mut impl Pages, number: u32) -> Result<()> {
        let Record::TidList(graph, owner, _) = self.read(pages, number)? else {
            return self.look(pages, number);
        };
        let (mut next, mut met) = (owner, HashSet::new());
        while next != number {
            met.room_for(1)?;
            next = match self.read(pages, next)? {
                Record::Node(node)
                    if next == owner && (node.header.graph, node.header.level) == (graph, 0) =>
                {
                    node.header.tid_list
                }
                Record::TidList(of, whose, after) if (of, whose) == (graph, owner) && met.insert(next) => {
                    after
                }
                _ => NONE,
            };
            if next == NONE {
                self.say(number, LOST);
                break;
            }
        }
        Ok(())
    }

    /// Looks at the roots.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn roots(&mut self, pages: &mut impl Pages) -> Result<()> {
        let mut roots: Vec<EntryPoint> = collected(self.roots.values().copied())?;
        roots.sort_unstable_by_key(|root| root.graph);
        for root in roots {
            for (what, number, level) in [("entry", root.entry, root.level), ("origin", root.origin, 0)] {
                let record = self.read(pages, number)?;
                let right = matches!(&record, Record::Node(node) if (node.header.graph, node.header.level) == (root.graph, level));
                if !right {
                    self.say(
                        number,
                        format_args!("{what} of graph {} is no node of it on level {level}", root.graph),
                    );
                }
            }
        }
        Ok(())
    }

    fn read(&self, pages: &mut impl Pages, number: u32) -> Result<Record> {
        let records = pages.records();
        if number >= records {
            return Ok(Record::Bad(format!("there is no node {number}")));
        }
        let layout = &self.layout;
        let look = |bytes: &[u8]| -> Result<Record> {
            let record = NodeRef::new(layout, bytes)?;
            let header = *record.header();
            Ok(match header.state {
                State::Free => Record::Free,
                State::TidList => match TidListRef::new(layout, bytes)? {
                    Some(tid_list) => Record::TidList(tid_list.graph, tid_list.owner, tid_list.next),
                    None => Record::Free,
                },
                State::Live | State::Dead => {
                    record.check(records)?;
                    let mut vector = Stored::default();
                    vector.copy(layout, &header, &record.stored());
                    let slots = record.neighbours().map(|(slot, number)| EdgeSlot {
                        number,
                        tree_edge: record.is_tree_edge(slot),
                        factors: record.factors(slot).unwrap_or_default(),
                        code: record.code(slot).unwrap_or_default().to_vec(),
                    });
                    Record::Node(Node { header, vector, slots: slots.collect() })
                }
            })
        };
        let bad = |fault: Fault| match fault.state {
            state::INDEX_CORRUPTED => Ok(Record::Bad(fault.message)),
            _ => Err(fault),
        };
        pages.read(number, look).and_then(|record| record).or_else(bad)
    }

    /// A node that a block is linked to, on a level of the same graph; else says so.
    fn linked(
        &mut self,
        pages: &mut impl Pages,
        (number, from): (u32, &Header),
        what: &str,
        to: u32,
        level: u8,
    ) -> Result<Option<Node>> {
        let wrong = match self.read(pages, to)? {
            Record::Node(node) if (node.header.graph, node.header.level) == (from.graph, level) => {
                return Ok(Some(node));
            }
            Record::Node(node) => format!("level {} of graph {}", node.header.level, node.header.graph),
            Record::Free => "free".into(),
            Record::TidList(..) => "a tid list".into(),
            Record::Bad(text) => text,
        };
        let (graph, text) = (from.graph, format!("{what} {to} is not on level {level} of graph"));
        self.say(number, format_args!("{text} {graph}: {wrong}"));
        Ok(None)
    }

    fn node(&mut self, pages: &mut impl Pages, number: u32, node: &Node) -> Result<()> {
        let Header { level, graph, down, tid_list, .. } = node.header;
        let root = self.roots.get(&graph).copied();
        if root.is_none() && !self.partial {
            self.say(number, format_args!("there is no graph {graph}"));
            return Ok(());
        }
        if node.header.state == State::Dead {
            return self.tid_list(pages, number, node);
        }
        let from = (number, &node.header);
        if level > 0 {
            if let Some(lower) = self.linked(pages, from, "lower node", down, level - 1)?
                && !lower.vector.is_same(&node.vector)
            {
                self.say(number, format_args!("node {down} below has another vector"));
            }
            if tid_list != NONE {
                self.say(number, "rows above level 0");
            }
        } else if root.is_none() && down == NONE {
            // It may be the origin.
        } else if root.is_some_and(|root| number == root.origin) {
            if down != NONE {
                self.say(number, format_args!("the origin has the parent {down}"));
            }
        } else if let Some(parent) = self.linked(pages, from, "parent", down, 0)? {
            let tree_edges =
                parent.slots.iter().filter(|slot| slot.number == number && slot.tree_edge).count();
            if tree_edges != 1 {
                self.say(number, format_args!("the parent {down} has {tree_edges} anchors to it"));
            }
            if let Some(root) = root {
                self.climb(pages, number, root)?;
            }
        }
        self.slots(pages, number, node)?;
        self.tid_list(pages, number, node)
    }

    fn slots(&mut self, pages: &mut impl Pages, number: u32, node: &Node) -> Result<()> {
        let mut met = HashSet::new();
        for slot in &node.slots {
            if slot.number == number || !met.insert(slot.number) {
                self.say(number, format_args!("a lane to {} too many", slot.number));
            }
            let from = (number, &node.header);
            let Some(other) = self.linked(pages, from, "neighbour", slot.number, node.header.level)? else {
                continue;
            };
            let (stored, its) = (node.vector.decoded(), other.vector.decoded());
            if !edge::right(self.layout.content(), &mut self.coder, stored, its, &slot.code, slot.factors) {
                self.say(number, format_args!("the code of {} is not that of its vector", slot.number));
            }
            if slot.tree_edge && (node.header.level > 0 || other.header.down != number) {
                self.say(number, format_args!("an anchor to {}, whose parent it is not", slot.number));
            }
        }
        Ok(())
    }

    /// The way up to the origin.
    fn climb(&mut self, pages: &mut impl Pages, number: u32, root: EntryPoint) -> Result<()> {
        let (mut at, mut way) = (number, HashSet::new());
        while at != root.origin && !self.sure.contains(&at) {
            way.room_for(1)?;
            way.insert(at);
            let up = match self.read(pages, at)? {
                Record::Node(node) if (node.header.graph, node.header.level) == (root.graph, 0) => {
                    node.header.down
                }
                _ => NONE,
            };
            let Record::Node(parent) = self.read(pages, up)? else {
                self.say(number, "the way up does not end at the origin");
                return Ok(());
            };
            if way.contains(&up) {
                self.say(number, "the way to the origin is a circle");
                return Ok(());
            }
            if !parent.slots.iter().any(|slot| slot.number == at && slot.tree_edge) {
                self.say(number, format_args!("on the way up, {up} has no anchor to {at}"));
                return Ok(());
            }
            at = up;
        }
        self.sure.room_for(way.len())?;
        self.sure.extend(way);
        Ok(())
    }

    fn tid_list(&mut self, pages: &mut impl Pages, number: u32, node: &Node) -> Result<()> {
        let mut next = if node.header.level == 0 { node.header.tid_list } else { NONE };
        while next != NONE {
            match self.read(pages, next)? {
                Record::TidList(graph, owner, after) if (graph, owner) == (node.header.graph, number) => {
                    self.in_tid_list.room_for(1)?;
                    if !self.in_tid_list.insert(next) {
                        self.say(number, format_args!("node {next} is in a tid list twice"));
                        break;
                    }
                    next = after;
                }
                _ => {
                    self.say(number, format_args!("node {next} of its tid list is something else"));
                    break;
                }
            }
        }
        Ok(())
    }
}
