//! Memory for a build: `maintenance_work_mem` of the heap, and beyond that a temporary file of the server's that
//! is mapped into memory, so that a build without memory enough gets slower bit by bit and does not fail.
//!
//! The file is one of the server's temporary files: it lies in the tablespaces for temporary files, counts for
//! `temp_file_limit`, and goes away with the transaction. It is written before it is mapped, so that there is room on
//! disk for all of it. Parts that were given back are used again.
#![allow(unsafe_code)]

use crate::engine::hnsw::config::method::Method;
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::build::{Budget, Loan, Memory, Parts, Region, Room};
use conifer_pure::hnsw::node::Buffer;
use conifer_pure::memory::allocation::zeros;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::ops::Range;
use std::ptr::NonNull;

/// Pieces start at multiples of this in the file: more than any page of memory.
const ALIGN: usize = 1 << 16;
/// Bytes that are written at once.
const ZEROS: usize = 1 << 18;
/// Bytes that a row takes beside its vector and its edges: its TID, its node, the marks of searches and the order of the
/// pages. Measured: see the design.
const FOR_ROW: usize = 200;

/// Memory up to a limit, and a file.
pub struct MappedMemory {
    /// Bytes of the heap.
    limit: usize,
    budget: Budget,
    file: Option<pg_sys::File>,
    /// Bytes of the file.
    size: usize,
    free: Parts,
}

impl MappedMemory {
    /// Starts with `maintenance_work_mem` of the heap.
    pub fn new() -> Self {
        // SAFETY: a variable of this process.
        let limit = unsafe { pg_sys::maintenance_work_mem } as usize * 1024;
        Self { limit, budget: Budget::new(limit), file: None, size: 0, free: Parts::default() }
    }

    /// Bytes of the heap for graphs that are built many at a time: the rest, or an eighth of all, to keep threads busy.
    pub fn left(&self) -> usize {
        self.budget.left().max(self.limit / 8)
    }

    /// Counts a row, which takes some of the heap in any case.
    pub fn row(&mut self) {
        self.budget.spend(FOR_ROW);
    }

    /// Tells the user how much memory the build would have filled, if that was more than it had.
    pub fn tell(&self, method: Method) {
        if self.size == 0 {
            return;
        }
        let megabytes = |bytes: usize| bytes.div_ceil(1 << 20);
        let (method, file) = (method.name(), megabytes(self.size));
        let text =
            format!("{method} build needs more than maintenance_work_mem: {file} MB are in a temporary file");
        let hint =
            format!("A maintenance_work_mem of {} MB would hold all of it.", megabytes(self.budget.peak()));
        let report = ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, text, "");
        report.set_hint(hint).report(PgLogLevel::NOTICE);
    }

    /// A part of the file of `bytes` bytes, all zero.
    fn part(&mut self, bytes: usize) -> Result<Mapped> {
        let len = bytes.next_multiple_of(ALIGN).max(ALIGN);
        let written = self.size;
        let start = self.free.take(len, self.size).map_or(self.size, |part| part.start);
        let part = start..start + len;
        self.extend(part.end)?;
        // SAFETY: the server's function for a file that is open now.
        let descriptor = self.file.map_or(-1, |file| unsafe { pg_sys::FileGetRawDesc(file) });
        let loan = self.budget.beyond(part.len());
        let used = written.saturating_sub(part.start).min(bytes);
        let mut mapped = Mapped::new(descriptor, part, bytes, self.free.clone(), loan)?;
        mapped.bytes_mut()[..used].fill(0);
        Ok(mapped)
    }

    /// Adds zeros to the end of the file, up to the size `end`.
    fn extend(&mut self, end: usize) -> Result<()> {
        // SAFETY: the server's functions for temporary files, called by the backend itself; the zeros are there.
        unsafe {
            let file = *self.file.get_or_insert_with(|| {
                // Else the server takes the default, whatever `temp_tablespaces` says.
                pg_sys::PrepareTempTablespaces();
                pg_sys::OpenTemporaryFile(false)
            });
            let zeros = zeros(ZEROS)?;
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
            Ok(())
        }
    }
}

impl Drop for MappedMemory {
    fn drop(&mut self) {
        // When an error goes through here, the server closes the file. Mapped parts stay.
        if let Some(file) = self.file.filter(|_| !std::thread::panicking()) {
            // SAFETY: opened in `extend`.
            unsafe { pg_sys::FileClose(file) }
        }
    }
}

impl Memory for MappedMemory {
    fn room(&mut self, bytes: usize) -> Result<Room> {
        if let Some(loan) = self.budget.within(bytes) {
            return Ok(Room::Heap(Buffer::new(bytes)?, Some(loan)));
        }
        Ok(Room::Region(Box::new(self.part(bytes)?)))
    }
}

/// A piece of the file in memory.
#[derive(Debug)]
struct Mapped {
    start: NonNull<u8>,
    len: usize,
    part: Range<usize>,
    free: Parts,
    _loan: Loan,
}

// SAFETY: plain memory of this value alone.
unsafe impl Send for Mapped {}
// SAFETY: as above; it changes only through a mutable reference.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// The first `len` bytes of a part, which returns to `free` when this is dropped.
    fn new(descriptor: i32, part: Range<usize>, len: usize, free: Parts, loan: Loan) -> Result<Self> {
        // SAFETY: maps a part of a file that was written and is never truncated; the result is checked.
        let mapped = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(
                std::ptr::null_mut(),
                len.max(1),
                access,
                libc::MAP_SHARED,
                descriptor,
                part.start as libc::off_t,
            )
        };
        NonNull::new(mapped.cast())
            .filter(|_| mapped != libc::MAP_FAILED)
            .map(|start| Self { start, len, part, free, _loan: loan })
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
        // SAFETY: as above, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, and no reference to it is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len.max(1)) };
        self.free.add(self.part.clone());
    }
}
