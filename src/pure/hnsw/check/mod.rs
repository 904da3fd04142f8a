//! Checks whether a graph's node records are as they should be.
//!
//! Checked are the facts that searches and insertions rely on, and that codes and links agree:
//!
//! - Every node of level 0 but the root of the graph's tree (`origin`) has a parent, which has exactly one tree edge to it;
//!   the way up ends at the origin, and each node on it, dead ones included, has a tree edge to the node below.
//! - A tree edge leads to a child of the record's node.
//! - Edges lead to nodes of the same graph on the same level, each once, and hold the codes of their vectors.
//! - A node record above level 0 leads down to a record with the same vector.
//! - Vectors are finite, unless the norm in the header is at its maximum, and have that norm; counts are in order; empty edge slots are empty.
//! - TID lists lead back to their node.
//!
//! Rows of the table that no node has are not looked for: the index knows nothing of them.
//!
//! Others may change node records between two looks. Then a record seems to be wrong, and [`Checker::look_again`] tells.
//! Records above the level of the entry point are right, too: an insertion was cut off, or goes on.
//!
//! Between the death of a node and the repair, edges lead to dead nodes, which is right. A dead node keeps its edges while
//! other nodes get new ones and are freed, so the edges that a vacuum leaves when it is cut off may lead anywhere.
//!
//! - [`Checker`]: one node record after the other, with all records that it is linked to. `edge`: a code.
//! - [`FastCheck`]: which node records the checker need not look at, found by threads in two sweeps. `batch`: the records
//!   that threads work on.

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

/// The finding of a TID list record that was not met on the way from a node.
const UNOWNED: &str = "a tid list that no node leads to";

/// A fault of a node record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The node record.
    pub number: u32,
    /// The fault, in lower case, without a full stop.
    pub text: String,
}

/// Looks at node records and collects findings.
#[derive(Debug)]
pub struct Checker {
    layout: Layout,
    roots: HashMap<u32, EntryPoint>,
    /// Graphs without an entry point are no finding.
    partial: bool,
    /// The findings so far.
    pub findings: Vec<Finding>,
    max: usize,
    coder: Coder,
    /// Nodes whose way up ends at the origin.
    sure: HashSet<u32>,
    /// Records of TID lists, and the records of them that belong to a node.
    tid_lists: HashSet<u32>,
    in_tid_list: HashSet<u32>,
}

/// The rows that a node record leads to.
///
/// # Errors
/// Bytes that cannot have been written.
pub fn rows<'a>(layout: &Layout, bytes: &'a [u8]) -> Result<impl Iterator<Item = Tid> + use<'a>> {
    let header = *NodeRef::new(layout, bytes)?.header();
    let tid_list = TidListRef::new(layout, bytes)?;
    let stored = (header.state == State::Live && header.level == 0).then_some(header.tid);
    Ok(tid_list.into_iter().flat_map(|tid_list| tid_list.tids()).chain(stored).filter(|tid| tid.is_some()))
}

/// A node's record, copied.
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

/// What a record turns out to hold.
#[derive(Debug)]
enum Record {
    Free,
    Node(Node),
    /// A part of a TID list: the owner's graph and number, and the next record.
    TidList(u32, u32, u32),
    Bad(String),
}

impl Checker {
    /// For an index with these graphs; keeps at most `max` findings.
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

    /// Whether entry points may be missing: of a graph without one, only facts that do not depend on it are checked.
    pub fn partial(self, partial: bool) -> Self {
        Self { partial, ..self }
    }

    fn say(&mut self, number: u32, text: impl std::fmt::Display) {
        if self.findings.len() < self.max {
            self.findings.push(Finding { number, text: text.to_string() });
        }
    }

    /// Looks at one node record and all records that it is linked to.
    ///
    /// # Errors
    /// Those of the pages, but corrupted bytes, which are findings.
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

    /// Adds the findings that only show when all node records were looked at.
    ///
    /// # Errors
    /// `53200`.
    pub fn finish(&mut self) -> Result<()> {
        let mut unowned: Vec<u32> = vec![];
        self.tid_lists.difference(&self.in_tid_list).try_for_each(|number| push(&mut unowned, *number))?;
        unowned.sort_unstable();
        for number in unowned {
            self.say(number, UNOWNED);
        }
        Ok(())
    }

    /// Looks at one node record alone, also for the findings that [`finish`](Self::finish) would add.
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
                self.say(number, UNOWNED);
                break;
            }
        }
        Ok(())
    }

    /// Looks at the entry points and tree roots.
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

    /// A node that a record is linked to, on a level of the same graph; else none, with a finding.
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
            // The node may be the origin.
        } else if root.is_some_and(|root| number == root.origin) {
            if down != NONE {
                self.say(number, format_args!("the origin has the parent {down}"));
            }
        } else if let Some(parent) = self.linked(pages, from, "parent", down, 0)? {
            let tree_edges =
                parent.slots.iter().filter(|slot| slot.number == number && slot.tree_edge).count();
            if tree_edges != 1 {
                self.say(number, format_args!("the parent {down} has {tree_edges} tree edges to it"));
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
                self.say(number, format_args!("an edge to {} too many", slot.number));
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
                self.say(number, format_args!("a tree edge to {}, whose parent it is not", slot.number));
            }
        }
        Ok(())
    }

    /// Checks the way up to the origin.
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
                self.say(number, format_args!("on the way up, {up} has no tree edge to {at}"));
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
