//! Step 1: TIDs of rows that are gone are taken out, and nodes without TIDs are marked as dead.

use super::super::storage::meta_cache::META;
use super::super::storage::tid_list;
use super::super::storage::wal::LockedNodes;
use super::state::Vacuum;
use super::upper_records::Upper;
use crate::engine::vacuum::delay::pause;
use conifer_pure::Result;
use conifer_pure::hnsw::node::{Header, NONE, NodeMut, NodeRef, State, Tid};
use conifer_pure::memory::allocation::{Reserve, collected, push};

impl Vacuum {
    /// Takes out the TIDs that are `gone`, and marks nodes without TIDs as dead.
    pub(super) fn mark(&mut self, gone: &mut impl FnMut(Tid) -> bool) -> Result<()> {
        let (mut page, mut end) = (META + 1, self.index.pages());
        loop {
            while page < end {
                pause();
                page += self.mark_page(page, gone)?;
            }
            // Insertions may have added pages.
            end = self.index.pages();
            if page >= end {
                return Ok(());
            }
        }
    }

    /// Marks on one page, or on the pages of one node record. Returns how many pages that are.
    fn mark_page(&mut self, page: u32, gone: &mut impl FnMut(Tid) -> bool) -> Result<u32> {
        let mut dying = vec![];
        let (pages, headers) = self.records.headers(page)?;
        if headers.iter().any(|(_, header)| header.state == State::Free) {
            self.free.add(page)?;
        }
        for (number, header) in headers {
            match header.state {
                State::Live | State::Dead if header.level > 0 => {
                    let Header { version, down, .. } = header;
                    self.uppers.push(Upper { number, version, down, dead: header.state == State::Dead })?;
                }
                State::Dead => push(&mut self.dead, (number, header.graph))?,
                State::Live if header.tid_list == NONE && header.tid.is_some() => {
                    if gone(header.tid) {
                        dying.push((number, header));
                    } else {
                        self.stays(header.graph)?;
                        self.left += 1;
                    }
                }
                State::Live => self.remove_tids(number, &header, gone)?,
                State::Free | State::TidList => {}
            }
        }
        self.mark_dead(&dying, gone)?;
        Ok(pages)
    }

    /// Counts a node that lives on.
    fn stays(&mut self, graph: u32) -> Result<()> {
        self.alive.room_for(1)?;
        *self.alive.entry(graph).or_default() += 1;
        Ok(())
    }

    /// Marks nodes of a page as dead whose only row is gone.
    fn mark_dead(&mut self, dying: &[(u32, Header)], gone: &mut impl FnMut(Tid) -> bool) -> Result<()> {
        if dying.is_empty() {
            return Ok(());
        }
        let layout = self.layout();
        let numbers: Vec<u32> = dying.iter().map(|(number, _)| *number).collect();
        let mut joined = vec![];
        self.dead.room_for(dying.len())?;
        let mut change = LockedNodes::lock_by(self.index, &layout, self.ring, &numbers)?.change();
        for (number, header) in dying {
            let bytes = change.node(*number)?;
            let now = *NodeRef::new(&layout, bytes)?.header();
            if now.tid_list != header.tid_list {
                // Another row has joined the node.
                joined.push((*number, now));
                continue;
            }
            let mut record = NodeMut::new(&layout, bytes)?;
            record.set_state(State::Dead);
            record.set_tid(Tid::default());
            self.removed += 1;
            self.dead.push((*number, header.graph));
        }
        change.finish()?;
        for (number, header) in joined {
            self.remove_tids(number, &header, gone)?;
        }
        Ok(())
    }

    /// Takes TIDs out of a node that has, or had, more than one.
    fn remove_tids(
        &mut self,
        number: u32,
        header: &Header,
        gone: &mut impl FnMut(Tid) -> bool,
    ) -> Result<()> {
        let layout = self.layout();
        let swept = tid_list::sweep(self.index, &layout, self.ring, number, header, gone)?;
        self.left += swept.left;
        self.removed += swept.removed;
        for freed in &swept.freed {
            self.free.add(layout.place(*freed)?.page)?;
        }
        if swept.left == 0 { push(&mut self.dead, (number, header.graph)) } else { self.stays(header.graph) }
    }

    /// Marks the node records of dead nodes above level 0 as dead.
    pub(super) fn kill_upper_records(&self) -> Result<()> {
        let layout = self.layout();
        let mut dead: Vec<u32> = collected(self.dead.iter().map(|(number, _)| *number))?;
        dead.sort_unstable();
        let is_dead = |number: u32| dead.binary_search(&number).is_ok();
        let dying = |upper: &&Upper| !upper.dead && is_dead(self.uppers.base(upper.number));
        let mut numbers = vec![];
        self.uppers.iter().filter(dying).try_for_each(|upper| push(&mut numbers, upper.number))?;
        let page_of = |number: &u32| *number / layout.per_page() as u32;
        for some in numbers.chunk_by(|a, b| page_of(a) == page_of(b)) {
            pause();
            let mut change = LockedNodes::lock_by(self.index, &layout, self.ring, some)?.change();
            for number in some {
                NodeMut::new(&layout, change.node(*number)?)?.set_state(State::Dead);
            }
            change.finish()?;
        }
        Ok(())
    }
}
