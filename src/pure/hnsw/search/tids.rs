//! The TIDs of a node, in its record and its TID list.

use super::found::Found;
use super::node_reader::Pages;
use super::search::Search;
use crate::fault::Result;
use crate::hnsw::node::{NONE, NodeRef, State, Tid, TidListRef, corrupted};
use crate::memory::allocation::{Reserve, push};
use std::collections::HashSet;

/// Times in a row that a TID list may break off at the same record while it is read, before it counts as corrupted. A vacuum
/// that frees the list's records one after the other lets it break off at another record each time.
const MAX_BREAKS: usize = 100;

impl Search {
    /// Puts the TIDs of a node into `tids`.
    ///
    /// Since the node was read, a vacuum may have freed records of its TID list, and these may belong to another node now,
    /// or come first in the list. The records left have kept their TIDs and their order, so where the list breaks off, it
    /// is read once more from the node. The list's last TID may have moved into the node.
    pub(super) fn read_tids(&mut self, pages: &mut impl Pages, found: Found) -> Result<()> {
        let mut next = found.tid_list;
        let (mut met, mut again, mut broken) = (HashSet::new(), 0, (NONE, 0));
        while next != NONE {
            if !pages.has(next) {
                return Err(corrupted(format_args!("link to {next} of {}", pages.records())));
            }
            met.room_for(1)?;
            let new = met.insert(next);
            again += usize::from(!new);
            if again > met.len() {
                return Err(corrupted(format_args!("node {next} is in a tid list twice")));
            }
            self.effort.tid_lists += u64::from(new);
            let Self { layout, tids, graphs, .. } = self;
            let after = pages.read(next, |bytes| -> Result<Option<u32>> {
                let ours =
                    |tid_list: &TidListRef<'_>| tid_list.owner == found.number && graphs.has(tid_list.graph);
                let tid_list = TidListRef::new(layout, bytes)?.filter(ours);
                if let Some(tid_list) = tid_list.as_ref().filter(|_| new) {
                    tids.room_for(layout.tid_list_capacity())?;
                    tids.extend(tid_list.tids().filter(|tid| tid.is_some()));
                }
                Ok(tid_list.map(|tid_list| tid_list.next))
            })??;
            next = match after {
                Some(after) => after,
                None if broken == (next, MAX_BREAKS) => {
                    return Err(corrupted(format_args!("node {next} is in a tid list and holds no rows")));
                }
                None => {
                    // The record is not, or no longer, one of the TID list.
                    met.remove(&next);
                    (again, broken) = (0, (next, if broken.0 == next { broken.1 + 1 } else { 1 }));
                    let (tid, tid_list) = self.list_start(pages, &found)?;
                    if tid.is_some() && tid != found.tid && !self.tids.contains(&tid) {
                        push(&mut self.tids, tid)?;
                    }
                    tid_list
                }
            };
        }
        if found.tid.is_some() {
            push(&mut self.tids, found.tid)?;
        }
        Ok(())
    }

    /// The node's first TID and the first record of its TID list; none if the node is gone.
    fn list_start(&self, pages: &mut impl Pages, found: &Found) -> Result<(Tid, u32)> {
        pages.read(found.number, |bytes| {
            let header = *NodeRef::new(&self.layout, bytes)?.header();
            let node = matches!(header.state, State::Live | State::Dead);
            let same = self.graphs.has(header.graph) && header.version == found.version;
            Ok(if node && same { (header.tid, header.tid_list) } else { (Tid::default(), NONE) })
        })?
    }
}
