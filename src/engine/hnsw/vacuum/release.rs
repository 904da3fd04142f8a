//! Step 4: node records that nothing leads to are freed.

use super::super::storage::key_directory;
use super::super::storage::wal::LockedNodes;
use super::node_set::NodeSet;
use super::state::Vacuum;
use super::upper_records::Upper;
use crate::engine::vacuum::delay::pause;
use conifer_pure::Result;
use conifer_pure::hnsw::node::{NodeMut, NodeRef, State};
use conifer_pure::hnsw::pages::{Entry, Key, MANY};
use conifer_pure::memory::allocation::{Reserve, with_room};
use std::collections::HashMap;

impl Vacuum {
    /// Frees the doomed node records: `uppers`, above level 0, first. Only this vacuum frees nodes, so the doomed ones on level 0
    /// are what they were.
    pub(super) fn release(
        &mut self,
        uppers: &[Upper],
        doomed: &NodeSet,
        roots: &[(Vec<u8>, Entry)],
    ) -> Result<()> {
        let layout = &self.layout();
        for upper in uppers {
            pause();
            let mut change = LockedNodes::lock_by(self.index, layout, self.ring, &[upper.number])?.change();
            let bytes = change.node(upper.number)?;
            let header = *NodeRef::new(layout, bytes)?.header();
            let node = matches!(header.state, State::Live | State::Dead);
            if node && header.level > 0 && header.version == upper.version {
                NodeMut::new(layout, bytes)?.set_state(State::Free);
                change.finish()?;
                self.free.add(layout.place(upper.number)?.page)?;
            }
        }
        let mut freed: HashMap<u32, u32> = HashMap::new();
        let mut dead: Vec<u32> = with_room(self.dead.len())?;
        dead.extend(self.dead.iter().map(|(number, _)| *number).filter(|number| doomed.has(*number)));
        dead.sort_unstable();
        dead.dedup();
        let page_of = |number: &u32| *number / layout.per_page() as u32;
        for some in dead.chunk_by(|a, b| page_of(a) == page_of(b)) {
            pause();
            let mut change = LockedNodes::lock_by(self.index, layout, self.ring, some)?.change();
            for number in some {
                let bytes = change.node(*number)?;
                let header = *NodeRef::new(layout, bytes)?.header();
                if header.state == State::Dead {
                    freed.room_for(1)?;
                    NodeMut::new(layout, bytes)?.set_state(State::Free);
                    *freed.entry(header.graph).or_default() += 1;
                }
            }
            change.finish()?;
            some.first().map(page_of).map_or(Ok(()), |page| self.free.add(page))?;
        }
        for (key, entry) in roots.iter().filter(|(_, entry)| entry.nodes != MANY) {
            let Some(count) = entry.root.and_then(|root| freed.get(&root.graph)) else { continue };
            self.uncount(&Key::from(key.clone()), entry, *count)?;
        }
        Ok(())
    }

    /// Takes `count` nodes from the number of a graph's nodes, if it is counted.
    fn uncount(&self, key: &Key, entry: &Entry, count: u32) -> Result<()> {
        let layout = self.layout();
        let Some((page, at, now)) = key_directory::locked(self.index, &self.known, key)? else {
            return Ok(());
        };
        let same = now.root.map(|root| root.graph) == entry.root.map(|root| root.graph);
        if same && now.nodes != MANY {
            let mut change = LockedNodes::lock(self.index, &layout, &[])?.change();
            key_directory::set(
                change.root(page),
                at,
                &Entry { nodes: now.nodes.saturating_sub(count).max(1), ..now },
            );
            change.finish()?;
        }
        Ok(())
    }
}
