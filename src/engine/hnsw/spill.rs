//! Memory for a construction: `maintenance_work_mem` of the heap, and beyond that a temporary file of the server's that
//! is mapped into memory, so that a build without memory enough gets slower bit by bit and does not fail.
//!
//! The file is one of the server's temporary files: it lies in its tablespaces for those, counts for
//! `temp_file_limit`, and goes away with the transaction. It is written before it is mapped, so that there is room on
//! disk for all of it.
#![allow(unsafe_code)]

use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::graph::{Heap, Memory, Region, Room};
use pgrx::pg_sys;
use std::ptr::NonNull;

/// Pieces start at multiples of this in the file: more than any page of memory.
const ALIGN: usize = 1 << 16;
/// Bytes that are written at once.
const ZEROS: usize = 1 << 18;

/// Memory up to a limit, and a file.
pub struct Spill {
    /// Bytes of the heap.
    limit: usize,
    /// Those that are left.
    left: usize,
    file: Option<pg_sys::File>,
    /// Bytes of the file.
    size: usize,
}

impl Spill {
    /// With `maintenance_work_mem` of the heap.
    pub fn new() -> Self {
        // SAFETY: a variable of this process.
        let limit = unsafe { pg_sys::maintenance_work_mem } as usize * 1024;
        Self { limit, left: limit, file: None, size: 0 }
    }

    /// `maintenance_work_mem` in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes of the temporary file, so far.
    pub fn spilled(&self) -> usize {
        self.size
    }

    /// Adds zeros to the end of the file; returns its descriptor and where they start.
    fn extend(&mut self, bytes: usize) -> Result<(i32, usize)> {
        let start = self.size;
        // SAFETY: the server's functions for temporary files, called by the backend itself; the zeros are there.
        unsafe {
            let file = *self.file.get_or_insert_with(|| pg_sys::OpenTemporaryFile(false));
            let zeros = vec![0u8; ZEROS];
            let end = start + bytes.next_multiple_of(ALIGN);
            while self.size < end {
                pgrx::check_for_interrupts!();
                let some = ZEROS.min(end - self.size);
                #[cfg(feature = "pg15")]
                let data = zeros.as_ptr().cast_mut().cast();
                #[cfg(not(feature = "pg15"))]
                let data = zeros.as_ptr().cast();
                let event = pg_sys::WaitEventIO::WAIT_EVENT_BUFFILE_WRITE;
                let written = pg_sys::FileWrite(file, data, some as _, self.size as _, event);
                if usize::try_from(written).ok() != Some(some) {
                    let message = "could not write to temporary file of an index build";
                    return Err(Fault::new(state::DISK_FULL, message)
                        .hint("Check free disk space, or increase maintenance_work_mem."));
                }
                self.size += some;
            }
            Ok((pg_sys::FileGetRawDesc(file), start))
        }
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // When an error goes through here, the server closes it. What is mapped stays.
        if let Some(file) = self.file.filter(|_| !std::thread::panicking()) {
            // SAFETY: opened in `extend`.
            unsafe { pg_sys::FileClose(file) }
        }
    }
}

impl Memory for Spill {
    fn room(&mut self, bytes: usize) -> Result<Room> {
        if bytes <= self.left {
            self.left -= bytes;
            return Heap.room(bytes);
        }
        let (descriptor, start) = self.extend(bytes)?;
        Ok(Room::Region(Box::new(Mapped::new(descriptor, start, bytes)?)))
    }
}

/// A piece of the file in memory.
#[derive(Debug)]
struct Mapped {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: plain memory that nobody else knows.
unsafe impl Send for Mapped {}
// SAFETY: as above; it changes only through a mutable reference.
unsafe impl Sync for Mapped {}

impl Mapped {
    fn new(descriptor: i32, start: usize, len: usize) -> Result<Self> {
        // SAFETY: maps a part of a file that was written, which nobody truncates; what comes back is checked.
        let mapped = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(
                std::ptr::null_mut(),
                len.max(1),
                access,
                libc::MAP_SHARED,
                descriptor,
                start as libc::off_t,
            )
        };
        NonNull::new(mapped.cast())
            .filter(|_| mapped != libc::MAP_FAILED)
            .map(|start| Self { start, len })
            .ok_or_else(|| {
                let error = std::io::Error::last_os_error();
                Fault::new(state::INSUFFICIENT_RESOURCES, format!("could not map a temporary file: {error}"))
            })
    }
}

impl Region for Mapped {
    fn bytes(&self) -> &[u8] {
        // SAFETY: mapped until this is dropped.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, and nobody uses it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len.max(1)) };
    }
}
