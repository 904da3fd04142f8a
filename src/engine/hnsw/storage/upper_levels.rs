//! Node records of a node above level 0, and edges back to the node.

use super::free_nodes;
use super::wal::LockedNodes;
use crate::engine::storage::buffer::Index;
use conifer_pure::Result;
use conifer_pure::hnsw::insert::{Inserter, Seen, Verdict};
use conifer_pure::hnsw::node::{EntryPoint, Layout, NodeRef, Tid};
use conifer_pure::hnsw::search::Pages;

/// Writes the node record of the inserter's node on a level above 0; `down` is the record one level lower. Returns its number.
pub fn add(
    index: Index,
    layout: &Layout,
    inserter: &mut Inserter,
    graph: u32,
    level: u8,
    down: u32,
) -> Result<u32> {
    loop {
        pgrx::check_for_interrupts!();
        let number = free_nodes::propose(index, layout, &[]);
        let held = LockedNodes::lock(index, layout, &[number])?;
        if !free_nodes::is_free(layout, held.node(number)?) {
            continue;
        }
        let version = version(layout, held.node(number)?)?;
        let header = inserter.header(graph, level, version, Tid::default(), down);
        let mut change = held.change();
        inserter.write(&header, change.node(number)?)?;
        change.finish()?;
        return Ok(number);
    }
}

/// Puts the inserter's node, whose record on level 0 is `number`, onto level 1.
pub fn raise(
    index: Index,
    layout: &Layout,
    inserter: &mut Inserter,
    records: &mut impl Pages,
    root: EntryPoint,
    number: u32,
) -> Result<()> {
    inserter.find(records, Some(root), 1)?;
    let new = add(index, layout, inserter, root.graph, 1, number)?;
    link(index, layout, inserter, 1, new, None)
}

/// Links the neighbours of the inserter's node on a level back to it, except the parent, which has a tree edge to it.
pub fn link(
    index: Index,
    layout: &Layout,
    inserter: &mut Inserter,
    level: u8,
    number: u32,
    parent: Option<Seen>,
) -> Result<()> {
    let edges = inserter.edges(level).to_vec();
    for edge in edges.iter().filter(|edge| edge.back && Some(edge.to) != parent) {
        pgrx::check_for_interrupts!();
        let held = LockedNodes::lock(index, layout, &[edge.to.number])?;
        if let Verdict::Change(new) = inserter.link(held.node(edge.to.number)?, edge, number)? {
            let mut change = held.change();
            inserter.apply(&new, change.node(edge.to.number)?)?;
            change.finish()?;
        }
    }
    Ok(())
}

/// The version of the node that gets a free node record.
pub fn version(layout: &Layout, bytes: &[u8]) -> Result<u16> {
    Ok(NodeRef::new(layout, bytes)?.header().version.wrapping_add(1))
}
