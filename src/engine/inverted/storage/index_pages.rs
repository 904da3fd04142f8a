//! The pages of an index that others read and write meanwhile.
#![allow(unsafe_code)]

use super::mark;
use super::wal_record::{MAX, WalRecord};
use crate::engine::storage::buffer::{Index, Mode, Page, Ring};
use crate::engine::storage::page::room;
use crate::engine::vacuum::delay::pause;
use crate::engine::vacuum::free_space_map;
use conifer_pure::Result;
use conifer_pure::fault::Fault;
use conifer_pure::hnsw::node::corrupted_part;
use conifer_pure::inverted::page;
use conifer_pure::inverted::{Owner, Pages, PagesMut};
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::{push, with_room};
use pgrx::pg_sys;

/// Pages in the server's buffers.
pub struct IndexPages {
    index: Index,
    ring: Ring,
    /// Interrupts are looked for where the cost-based delay may pause.
    pauses: bool,
    /// Number of pages when that was last asked.
    count: u32,
    /// Pages that were freed, for the free space map.
    freed: Vec<u32>,
}

impl IndexPages {
    /// The pages of an index.
    pub fn of(index: Index) -> Self {
        Self { index, ring: std::ptr::null_mut(), pauses: false, count: 0, freed: vec![] }
    }

    /// The pages of an index for its vacuum, which reads through a ring of buffers and pauses as the settings want it.
    pub fn of_vacuum(index: Index, ring: Ring) -> Self {
        Self { ring, pauses: true, ..Self::of(index) }
    }

    /// Enters the pages that were freed into the free space map, as far as the disk has room for that. Returns their
    /// number.
    pub fn finish(mut self) -> u32 {
        if self.freed.is_empty() {
            return 0;
        }
        self.freed.sort_unstable();
        self.freed.dedup();
        free_space_map::record(self.index, self.freed.last().copied(), self.freed.iter().copied());
        // SAFETY: the relation is open.
        unsafe { pg_sys::IndexFreeSpaceMapVacuum(self.index.0) };
        self.freed.len() as u32
    }

    /// Refuses the number of a page that is not there.
    fn check_number(&mut self, number: u32) -> Result<()> {
        if number >= self.count {
            self.count = self.index.pages();
            if number >= self.count {
                return Err(corrupted(format_args!("link to page {number}")));
            }
        }
        Ok(())
    }

    fn lock(&mut self, number: u32, mode: Mode) -> Result<Page> {
        self.check_number(number)?;
        let page = self.index.read(number, mode, self.ring);
        mark::check(page.bytes())?;
        Ok(page)
    }

    /// A page that seems to be free, locked for writing.
    fn free(&mut self) -> Result<Page> {
        loop {
            // Those that this process has freed are not in the map yet.
            let listed = self.freed.pop().or_else(|| {
                // SAFETY: the relation is open.
                let listed = unsafe { pg_sys::GetFreeIndexPage(self.index.0) };
                (listed != pg_sys::InvalidBlockNumber).then_some(listed)
            });
            let Some(number) = listed else {
                return Ok(self.index.extend(pg_sys::ForkNumber::MAIN_FORKNUM, false));
            };
            // The map is not in the WAL, and may tell of pages that are not there.
            if self.check_number(number).is_ok() {
                let page = self.lock(number, Mode::Exclusive)?;
                if page::is_free(room(page.bytes()))? {
                    return Ok(page);
                }
            }
        }
    }

    /// Writes a change of locked pages, if it is one.
    fn apply<R>(
        &self,
        pages: &[Page],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(R, bool)>,
    ) -> Result<R> {
        let mut record = WalRecord::of(self.index, pages, false)?;
        let (result, is_change) = change(&mut record.rooms()?)?;
        if is_change {
            record.finish();
        }
        Ok(result)
    }
}

#[cold]
fn corrupted(what: impl std::fmt::Display) -> Fault {
    corrupted_part("index", what)
}

impl Pages for IndexPages {
    fn count(&mut self) -> Result<u32> {
        self.count = self.index.pages();
        Ok(self.count)
    }

    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let page = self.lock(number, Mode::Share)?;
        Ok(look(room(page.bytes())))
    }

    fn check_interrupts(&mut self) -> Result<()> {
        if self.pauses {
            pause();
        } else {
            pgrx::check_for_interrupts!();
        }
        allocation::check()
    }
}

impl PagesMut for IndexPages {
    fn allocate(&mut self, owner: Owner) -> Result<u32> {
        let page = [self.free()?];
        let number = page[0].number();
        let mut record = WalRecord::of(self.index, &page, true)?;
        for room in record.rooms()? {
            page::format_reserved(room, number, owner)?;
        }
        record.finish();
        Ok(number)
    }

    fn write(&mut self, number: u32, room: &[u8]) -> Result<()> {
        let page = [self.lock(number, Mode::Exclusive)?];
        let mut record = WalRecord::of(self.index, &page, true)?;
        for image in record.rooms()? {
            image.copy_from_slice(room);
        }
        record.finish();
        Ok(())
    }

    fn change<R>(
        &mut self,
        numbers: &[u32],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(R, bool)>,
    ) -> Result<R> {
        debug_assert!(numbers.len() <= MAX);
        let mut pages = with_room(numbers.len())?;
        for number in numbers {
            pages.push(self.lock(*number, Mode::Exclusive)?);
        }
        self.apply(&pages, change)
    }

    fn change_below<R>(
        &mut self,
        root: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<u32>>,
        change: impl FnOnce(&mut [u8]) -> Result<(R, bool)>,
    ) -> Result<Option<R>> {
        let root = self.lock(root, Mode::Share)?;
        let Some(number) = pick(room(root.bytes()))? else { return Ok(None) };
        if number == root.number() {
            return Err(corrupted(format_args!("link from page {number} to itself")));
        }
        let page = [self.lock(number, Mode::Exclusive)?];
        let result = self.apply(&page, |rooms| match rooms {
            [room] => change(room),
            _ => Err(corrupted(format_args!("page {number} is not locked"))),
        });
        result.map(Some)
    }

    fn record_free(&mut self, page: u32) -> Result<()> {
        push(&mut self.freed, page)
    }
}
