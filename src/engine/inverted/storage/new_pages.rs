//! The pages of an index that is made. No other process sees them, so they go to the WAL at the end, whole.
#![allow(unsafe_code)]

use super::mark;
use crate::engine::build_progress;
use crate::engine::storage::buffer::{Index, Page};
use crate::engine::storage::page::{room, room_mut};
use crate::pg::error::raise;
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::corrupted_part;
use conifer_pure::inverted::page;
use conifer_pure::inverted::{Owner, Pages, PagesMut};
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::with_room;
use pgrx::pg_sys;

/// Pages of a fork that grows.
pub struct NewPages {
    index: Index,
    fork: pg_sys::ForkNumber::Type,
    count: u32,
}

impl NewPages {
    /// A fork without pages.
    pub fn of(index: Index, fork: pg_sys::ForkNumber::Type) -> Self {
        Self { index, fork, count: 0 }
    }

    /// Adds a page.
    ///
    /// Raises `XX000` if another process does so, too.
    ///
    /// # Errors
    /// The errors of `fill`.
    pub fn add(&mut self, fill: impl FnOnce(u32, &mut [u8]) -> Result<()>) -> Result<u32> {
        let mut page = self.index.extend(self.fork, true);
        let number = page.number();
        if number != self.count {
            let message = format!("index \"{}\" grows while it is made", self.index.name());
            raise(Fault::new(state::INTERNAL_ERROR, message));
        }
        page.init();
        fill(number, room_mut(page.bytes_mut()))?;
        mark::set(page.bytes_mut());
        mark::settle(page.bytes_mut());
        page.mark_dirty();
        self.count += 1;
        if self.fork == pg_sys::ForkNumber::MAIN_FORKNUM {
            build_progress::pages(self.count, self.count);
        }
        Ok(number)
    }

    fn page(&self, number: u32) -> Result<Page> {
        if number >= self.count {
            return Err(corrupted_part("index", format_args!("link to page {number}")));
        }
        Ok(self.index.page_of(self.fork, number))
    }

    /// Changes a page.
    fn set(&self, number: u32, change: impl FnOnce(&mut [u8])) -> Result<()> {
        let mut page = self.page(number)?;
        change(room_mut(page.bytes_mut()));
        mark::settle(page.bytes_mut());
        page.mark_dirty();
        Ok(())
    }

    /// Writes all pages to the WAL, if changes of the index must reach it.
    pub fn finish(self) {
        if self.index.needs_log() || self.fork == pg_sys::ForkNumber::INIT_FORKNUM {
            // SAFETY: these pages are complete, and no other process changes them.
            unsafe { pg_sys::log_newpage_range(self.index.0, self.fork, 0, self.count, true) }
        }
    }
}

impl Pages for NewPages {
    fn count(&mut self) -> Result<u32> {
        Ok(self.count)
    }

    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let page = self.page(number)?;
        Ok(look(room(page.bytes())))
    }

    fn check_interrupts(&mut self) -> Result<()> {
        pgrx::check_for_interrupts!();
        allocation::check()
    }
}

impl PagesMut for NewPages {
    fn allocate(&mut self, owner: Owner) -> Result<u32> {
        self.add(|number, room| page::format_reserved(room, number, owner))
    }

    fn write(&mut self, number: u32, room: &[u8]) -> Result<()> {
        self.set(number, |page| page.copy_from_slice(room))
    }

    fn change<R>(
        &mut self,
        numbers: &[u32],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(R, bool)>,
    ) -> Result<R> {
        let mut copies: Vec<Vec<u8>> = with_room(numbers.len())?;
        for number in numbers {
            copies.push(self.read(*number, <[u8]>::to_vec)?);
        }
        let mut rooms: Vec<&mut [u8]> = copies.iter_mut().map(|copy| &mut copy[..]).collect();
        let (result, is_change) = change(&mut rooms)?;
        if is_change {
            for (number, copy) in numbers.iter().zip(&copies) {
                self.write(*number, copy)?;
            }
        }
        Ok(result)
    }

    fn change_below<R>(
        &mut self,
        root: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<u32>>,
        change: impl FnOnce(&mut [u8]) -> Result<(R, bool)>,
    ) -> Result<Option<R>> {
        let Some(number) = self.read(root, pick)?? else { return Ok(None) };
        let mut copy = self.read(number, <[u8]>::to_vec)?;
        let (result, is_change) = change(&mut copy)?;
        if is_change {
            self.write(number, &copy)?;
        }
        Ok(Some(result))
    }

    fn record_free(&mut self, _page: u32) -> Result<()> {
        // The first vacuum finds it.
        Ok(())
    }
}
