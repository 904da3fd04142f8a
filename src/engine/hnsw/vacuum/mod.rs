//! `VACUUM`: rows that are gone leave the index.
//!
//! 1. The TID of every row that is gone is taken out; a node without TIDs is marked dead, then its records above level 0. From
//!    now on no scan returns the node and no search gives it new edges.
//! 2. The insert barrier is closed for a moment: insertions that have seen these nodes alive end.
//! 3. Nodes with a doomed parent get another, edges to doomed nodes are replaced. A node that has lost one of these and that a
//!    search no longer reaches gets a reachable parent.
//! 4. Doomed node records are freed: records above level 0 first, so that no record ever leads down to another node.
//! 5. Graphs without rows disappear, behind the closed insert barrier: the records above level 0, then the rest with the root.
//!
//! Each step can be cut off anywhere; the next vacuum finds the dead nodes and goes on.
//!
//! `mark` is step 1, `repair` step 3, `release` step 4 and `dissolve` step 5. `upper_records`: node records above level 0;
//! `node_set`: sets of node records.
//!
//! Each page is read once in step 1 and once in step 3, which is left out if no node is dead. Node records that a search in
//! step 3 reads are kept, so that each neighbourhood of dead nodes is read about once, too.
#![allow(unsafe_code)]

mod dissolve;
mod mark;
mod node_set;
mod release;
mod repair;
mod state;
mod upper_records;

use super::storage::key_directory;
use super::storage::locks::{InsertBarrier, RepairLock};
use super::storage::meta_cache::META;
use super::storage::page::{self, Kind};
use super::storage::wal::LockedNodes;
use crate::engine::storage::buffer::{Index, Mode};
use crate::engine::storage::error_context::WorkedOn;
use crate::engine::vacuum::{free_space_map, memory};
use crate::pg::error::OrRaise;
use conifer_pure::Result;
use conifer_pure::hnsw::node::{EntryPoint, NONE, Tid};
use conifer_pure::hnsw::pages::{Entry, Meta};
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::{Reserve, push};
use node_set::NodeSet;
use pgrx::prelude::*;
use repair::Repair;
use state::Vacuum;
use std::collections::HashMap;
use std::ffi::c_void;
use upper_records::Upper;

/// Takes the TIDs of rows that are gone out of an index.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambulkdelete(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
    callback: pg_sys::IndexBulkDeleteCallback,
    state: *mut c_void,
) -> *mut pg_sys::IndexBulkDeleteResult {
    allocation::begin();
    // SAFETY: the server gives an open index and a function to ask.
    unsafe {
        let _at = WorkedOn::index((*info).index);
        let stats =
            if stats.is_null() { PgBox::<pg_sys::IndexBulkDeleteResult>::alloc0().into_pg() } else { stats };
        let mut gone = |tid: Tid| {
            let mut item = pg_sys::ItemPointerData::default();
            pgrx::itemptr::item_pointer_set_all(&mut item, tid.block, tid.offset);
            callback.is_some_and(|callback| pg_sys::ffi::pg_guard_ffi_boundary(|| callback(&mut item, state)))
        };
        let mut vacuum = Vacuum::new(Index((*info).index), (*info).strategy);
        vacuum.run(&mut gone).or_raise();
        (*stats).num_index_tuples = vacuum.left as f64;
        (*stats).tuples_removed += vacuum.removed as f64;
        (*stats).estimated_count = false;
        (*stats).pages_free = vacuum.free.all().count() as u32;
        stats
    }
}

/// Ends a vacuum.
#[pg_guard]
pub unsafe extern "C-unwind" fn amvacuumcleanup(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
) -> *mut pg_sys::IndexBulkDeleteResult {
    // SAFETY: the server gives an open index and its own or our statistics.
    unsafe {
        if !(*info).analyze_only && !stats.is_null() {
            (*stats).num_pages = Index((*info).index).pages();
            pg_sys::IndexFreeSpaceMapVacuum((*info).index);
        }
        stats
    }
}

impl Vacuum {
    fn run(&mut self, gone: &mut impl FnMut(Tid) -> bool) -> Result<()> {
        self.count()?;
        self.mark(gone)?;
        if !self.dead.is_empty() {
            self.kill_upper_records()?;
            let repair = RepairLock::start(self.index);
            drop(InsertBarrier::close(self.index));
            let roots = key_directory::all(self.index, &self.known)?;
            let retained = self.retained(&roots)?;
            let mut doomed = NodeSet::below(self.layout().bound(self.index.pages()))?;
            for (number, _) in self.dead.iter().filter(|(number, _)| !retained.has(*number)) {
                doomed.add(*number)?;
            }
            let uppers = self.doom(&mut doomed)?;
            self.repair(&roots, &doomed)?;
            // Nothing leads to doomed nodes any more.
            drop(repair);
            self.release(&uppers, &doomed, &roots)?;
            self.dissolve(&roots)?;
        }
        free_space_map::record(self.index, self.free.last(), self.free.all());
        self.count()
    }

    /// Lets sessions forget what they know of nodes: from here on, TIDs and node records may become those of other rows.
    fn count(&self) -> Result<()> {
        let layout = self.layout();
        let first = self.index.page(META, Mode::Exclusive);
        page::check(first.bytes(), Kind::Meta)?;
        let mut change = LockedNodes::lock(self.index, &layout, &[])?.change();
        Meta::count_vacuum(change.root(first));
        change.finish()
    }

    fn repair(&mut self, roots: &[(Vec<u8>, Entry)], doomed: &NodeSet) -> Result<()> {
        let mut by_graph: HashMap<u32, EntryPoint> = HashMap::new();
        by_graph.room_for(roots.len())?;
        by_graph.extend(roots.iter().filter_map(|(_, entry)| Some((entry.root?.graph, entry.root?))));
        let mut raised = NodeSet::default();
        self.uppers.iter().filter(|upper| upper.down != NONE).try_for_each(|upper| raised.add(upper.down))?;
        let used = self.uppers.bytes() + doomed.bytes() * 3 + raised.bytes() + size_of_val(&self.dead[..]);
        let memory = memory::limit().saturating_sub(used);
        let mut repair = Repair::new(self, &by_graph, &raised, doomed, memory)?;
        repair.parents()?;
        repair.edges()?;
        repair.ways(&self.alive)
    }

    /// Nodes that stay even if they are dead: origins and entry nodes.
    fn retained(&self, roots: &[(Vec<u8>, Entry)]) -> Result<NodeSet> {
        let mut all = NodeSet::default();
        for root in roots.iter().filter_map(|(_, entry)| entry.root) {
            [root.origin, self.uppers.base(root.entry)].into_iter().try_for_each(|number| all.add(number))?;
        }
        Ok(all)
    }

    /// Adds the doomed nodes' records above level 0 to `doomed`, and returns them.
    fn doom(&self, doomed: &mut NodeSet) -> Result<Vec<Upper>> {
        let theirs = |upper: &&Upper| doomed.has(self.uppers.base(upper.number));
        let mut uppers = vec![];
        self.uppers.iter().filter(theirs).try_for_each(|upper| push(&mut uppers, *upper))?;
        uppers.iter().try_for_each(|upper| doomed.add(upper.number))?;
        Ok(uppers)
    }
}
