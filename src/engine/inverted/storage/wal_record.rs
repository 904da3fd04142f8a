//! A change of pages, all at once, in one WAL record (GenericXLog).
#![allow(unsafe_code)]

use super::mark;
use crate::engine::storage::buffer::{Index, Page};
use crate::engine::storage::page::{TAIL, room_mut};
use conifer_pure::Result;
use conifer_pure::hnsw::node::PAGE;
use conifer_pure::memory::allocation::with_room;
use pgrx::pg_sys;

/// Maximum number of pages of a WAL record.
pub const MAX: usize = pg_sys::MAX_GENERIC_XLOG_PAGES as usize;

/// A change under way, in copies of locked pages. Given up unless it is finished.
pub struct WalRecord {
    state: *mut pg_sys::GenericXLogState,
    images: Vec<*mut u8>,
}

impl WalRecord {
    /// Starts a change of pages that are locked for writing, at most [`MAX`], and stay locked until it is finished.
    /// `whole`: the WAL takes the pages as they are then, and no difference to what they are now.
    ///
    /// # Errors
    /// `53200`.
    pub fn of(index: Index, pages: &[Page], whole: bool) -> Result<Self> {
        let images = with_room(pages.len())?;
        // SAFETY: the relation is open.
        let state = unsafe { pg_sys::GenericXLogStart(index.0) };
        let mut new = Self { state, images };
        for page in pages {
            let is_new = mark::is_new(page.bytes());
            let flags = if whole || is_new { pg_sys::GENERIC_XLOG_FULL_IMAGE as i32 } else { 0 };
            // SAFETY: the buffer is locked for writing, and the change is not finished; an image has PAGE bytes.
            unsafe {
                let image = pg_sys::GenericXLogRegisterBuffer(new.state, page.buffer, flags);
                if whole || is_new {
                    pg_sys::PageInit(image, PAGE, TAIL);
                    mark::set(std::slice::from_raw_parts_mut(image.cast(), PAGE));
                }
                new.images.push(image.cast());
            }
        }
        Ok(new)
    }

    fn pages(&mut self) -> impl ExactSizeIterator<Item = &mut [u8]> {
        // SAFETY: copies of PAGE bytes, each of another page, that this change alone has until it is finished.
        self.images.iter().map(|image| unsafe { std::slice::from_raw_parts_mut(*image, PAGE) })
    }

    /// The rooms of the copies, in the order of the pages.
    ///
    /// # Errors
    /// `53200`.
    pub fn rooms(&mut self) -> Result<Vec<&mut [u8]>> {
        let mut rooms = with_room(self.images.len())?;
        rooms.extend(self.pages().map(room_mut));
        Ok(rooms)
    }

    /// Carries the change out and writes it to the WAL.
    pub fn finish(mut self) {
        self.pages().for_each(mark::settle);
        let state = std::mem::replace(&mut self.state, std::ptr::null_mut());
        // SAFETY: the state is that of this change; all pages are locked.
        unsafe { pg_sys::GenericXLogFinish(state) };
    }
}

impl Drop for WalRecord {
    fn drop(&mut self) {
        if !self.state.is_null() && !std::thread::panicking() {
            // SAFETY: the state is that of this change.
            unsafe { pg_sys::GenericXLogAbort(self.state) }
        }
    }
}
