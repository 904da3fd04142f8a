//! Pages for what a build keeps beside its memory, in one of the server's temporary files: the file lies in the
//! tablespaces for temporary files, counts for `temp_file_limit`, and goes away with the transaction.
#![allow(unsafe_code)]

use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::ROOM;
use conifer_pure::inverted::page;
use conifer_pure::inverted::{Owner, Pages, PagesMut};
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::{push, with_room, zeros};
use pgrx::pg_sys;

/// Rooms of pages, one after the other in a file.
#[derive(Default)]
pub struct TemporaryPages {
    file: Option<pg_sys::File>,
    count: u32,
    /// Pages that were freed.
    free: Vec<u32>,
}

/// Where a page lies in the file.
fn place(number: u32) -> pg_sys::off_t {
    pg_sys::off_t::from(number) * ROOM as pg_sys::off_t
}

impl TemporaryPages {
    fn file(&mut self) -> pg_sys::File {
        *self.file.get_or_insert_with(|| {
            // SAFETY: the server's functions for temporary files, called by the backend itself. Without the first,
            // the server takes the default tablespace, whatever `temp_tablespaces` says.
            unsafe {
                pg_sys::PrepareTempTablespaces();
                pg_sys::OpenTemporaryFile(false)
            }
        })
    }

    fn load(&mut self, number: u32) -> Result<Vec<u8>> {
        let mut room = zeros(ROOM)?;
        let event = pg_sys::WaitEventIO::WAIT_EVENT_BUFFILE_READ;
        let file = self.file();
        // SAFETY: the file is open; the room has ROOM bytes.
        let read =
            unsafe { pg_sys::FileRead(file, room.as_mut_ptr().cast(), ROOM as _, place(number), event) };
        if number >= self.count || usize::try_from(read).ok() != Some(ROOM) {
            let message = "could not read from temporary file of an index build";
            return Err(Fault::new(state::IO_ERROR, message));
        }
        Ok(room)
    }

    fn store(&mut self, number: u32, room: &[u8]) -> Result<()> {
        let event = pg_sys::WaitEventIO::WAIT_EVENT_BUFFILE_WRITE;
        let file = self.file();
        #[cfg(feature = "pg15")]
        let data = room.as_ptr().cast_mut().cast();
        #[cfg(not(feature = "pg15"))]
        let data = room.as_ptr().cast();
        // SAFETY: the file is open; the room has as many bytes.
        let written = unsafe { pg_sys::FileWrite(file, data, room.len() as _, place(number), event) };
        if usize::try_from(written).ok() != Some(room.len()) {
            let message = "could not write to temporary file of an index build";
            return Err(Fault::new(state::DISK_FULL, message)
                .hint("Check free disk space, or increase maintenance_work_mem."));
        }
        Ok(())
    }
}

impl Drop for TemporaryPages {
    fn drop(&mut self) {
        // When an error goes through here, the server closes the file.
        if let Some(file) = self.file.filter(|_| !std::thread::panicking()) {
            // SAFETY: opened in `file`.
            unsafe { pg_sys::FileClose(file) }
        }
    }
}

impl Pages for TemporaryPages {
    fn count(&mut self) -> Result<u32> {
        Ok(self.count)
    }

    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        Ok(look(&self.load(number)?))
    }

    fn check_interrupts(&mut self) -> Result<()> {
        pgrx::check_for_interrupts!();
        allocation::check()
    }
}

impl PagesMut for TemporaryPages {
    fn allocate(&mut self, owner: Owner) -> Result<u32> {
        let number = self.free.pop().unwrap_or(self.count);
        let mut room = zeros(ROOM)?;
        page::format_reserved(&mut room, number, owner)?;
        self.store(number, &room)?;
        self.count = self.count.max(number + 1);
        Ok(number)
    }

    fn write(&mut self, number: u32, room: &[u8]) -> Result<()> {
        self.store(number, room)
    }

    fn change<R>(
        &mut self,
        numbers: &[u32],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(R, bool)>,
    ) -> Result<R> {
        let mut copies: Vec<Vec<u8>> = with_room(numbers.len())?;
        for number in numbers {
            copies.push(self.load(*number)?);
        }
        let mut rooms: Vec<&mut [u8]> = copies.iter_mut().map(|copy| &mut copy[..]).collect();
        let (result, is_change) = change(&mut rooms)?;
        if is_change {
            for (number, copy) in numbers.iter().zip(&copies) {
                self.store(*number, copy)?;
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
        let mut copy = self.load(number)?;
        let (result, is_change) = change(&mut copy)?;
        if is_change {
            self.store(number, &copy)?;
        }
        Ok(Some(result))
    }

    fn record_free(&mut self, number: u32) -> Result<()> {
        push(&mut self.free, number)
    }
}
