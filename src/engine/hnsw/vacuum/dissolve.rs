//! Step 5: graphs without living nodes leave the index.

use super::super::storage::key_directory;
use super::super::storage::locks::InsertBarrier;
use super::super::storage::wal::LockedNodes;
use super::node_set::NodeSet;
use super::state::Vacuum;
use crate::engine::vacuum::delay::pause;
use conifer_pure::Result;
use conifer_pure::hnsw::node::{EntryPoint, NodeMut, NodeRef, State};
use conifer_pure::hnsw::pages::{Entry, Key};
use conifer_pure::hnsw::search::Pages;
use conifer_pure::memory::allocation::push;

impl Vacuum {
    /// Takes graphs without living nodes out of the index. `roots`: all graphs, as they were before step 3.
    pub(super) fn dissolve(&mut self, roots: &[(Vec<u8>, Entry)]) -> Result<()> {
        let (known, layout) = (self.known.clone(), &self.layout());
        let mut dead = NodeSet::default();
        self.dead.iter().try_for_each(|(number, _)| dead.add(*number))?;
        // Of dead nodes, pairs of the record on level 0 and a record above.
        let mut above: Vec<(u32, u32)> = vec![];
        for upper in self.uppers.iter() {
            let base = self.uppers.base(upper.number);
            if dead.has(base) {
                push(&mut above, (base, upper.number))?;
            }
        }
        above.sort_unstable();
        for (key, entry) in roots {
            let Some(root) = entry.root else { continue };
            if self.alive.contains_key(&root.graph) {
                continue;
            }
            pause();
            let key = Key::from(key.clone());
            let _barrier = InsertBarrier::close(self.index);
            let Some((page, _, now)) = key_directory::locked(self.index, &known, &key)? else { continue };
            drop(page);
            // An insertion has come since if the entry point is another one, or dead nodes have other children than
            // each other. None comes while the insert barrier is closed.
            let own = [root.origin, self.uppers.base(root.entry)];
            let mut empty = now.root == Some(root);
            for number in own {
                empty &= self.records.read(number, |bytes| -> Result<bool> {
                    let record = NodeRef::new(layout, bytes)?;
                    let alone = record.children().all(|child| own.contains(&child));
                    Ok(alone && record.header().state == State::Dead && record.header().graph == root.graph)
                })??;
            }
            if empty {
                self.remove(&key, root, own, &above)?;
            }
        }
        Ok(())
    }

    /// Takes out a graph whose last nodes are the two of `own`, which may be the same. Wherever that is cut off, the next vacuum
    /// finds a sound graph. `above`: dead nodes' records on level 0 and above.
    fn remove(&mut self, key: &Key, root: EntryPoint, own: [u32; 2], above: &[(u32, u32)]) -> Result<()> {
        let (known, layout) = (self.known.clone(), &self.layout());
        let mut path = vec![root.entry];
        path.extend(std::iter::successors(self.uppers.down(root.entry), |number| self.uppers.down(*number)));
        let of = |node: u32| {
            let from = above.partition_point(|(base, _)| *base < node);
            above[from..].iter().take_while(move |(base, _)| *base == node).map(|(_, upper)| *upper)
        };
        let mut uppers: Vec<u32> = own.into_iter().flat_map(of).collect();
        uppers.sort_unstable();
        uppers.dedup();
        for number in uppers.iter().filter(|number| !path.contains(number)) {
            let mut change = LockedNodes::lock(self.index, layout, &[*number])?.change();
            NodeMut::new(layout, change.node(*number)?)?.set_state(State::Free);
            change.finish()?;
        }
        // The entry point goes down, until it is one of `own`.
        for step in path.windows(2) {
            let Some((page, at, now)) = key_directory::locked(self.index, &known, key)? else {
                return Ok(());
            };
            let Some(root) = now.root else { return Ok(()) };
            let mut change = LockedNodes::lock(self.index, layout, &step[..1])?.change();
            NodeMut::new(layout, change.node(step[0])?)?.set_state(State::Free);
            let lower = EntryPoint { entry: step[1], level: root.level.saturating_sub(1), ..root };
            key_directory::set(change.root(page), at, &Entry { root: Some(lower), ..now });
            change.finish()?;
        }
        let Some((page, at, _)) = key_directory::locked(self.index, &known, key)? else { return Ok(()) };
        let mut change = LockedNodes::lock(self.index, layout, &own)?.change();
        for number in own {
            NodeMut::new(layout, change.node(number)?)?.set_state(State::Free);
        }
        key_directory::remove(change.root(page), at)?;
        change.finish()?;
        for number in uppers.iter().chain(&own) {
            self.free.add(layout.place(*number)?.page)?;
        }
        Ok(())
    }
}
