//! Pages in the server's buffers.
#![allow(unsafe_code)]

use super::error_context;
use crate::pg::error::raise;
use crate::pg::relation;
use conifer_pure::hnsw::node::{PAGE, corrupted};
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::{PgSqlErrorCode, pg_sys};
use std::ffi::{c_char, c_void};
use std::sync::atomic::AtomicU64;

/// The server's functions without pgrx's guard: one guard serves several calls.
mod bare {
    use pgrx::pg_sys::{Buffer, BufferAccessStrategy, ForkNumber, ReadBufferMode, Relation};
    use std::ffi::{c_char, c_int};
    unsafe extern "C-unwind" {
        pub fn ReadBufferExtended(
            relation: Relation,
            fork: ForkNumber::Type,
            block: u32,
            mode: ReadBufferMode::Type,
            strategy: BufferAccessStrategy,
        ) -> Buffer;
        pub fn LockBuffer(buffer: Buffer, mode: i32);
        pub fn UnlockReleaseBuffer(buffer: Buffer);
        pub fn geterrcode() -> c_int;
        pub fn errhint(format: *const c_char, ...) -> c_int;
        pub fn quote_identifier(name: *const c_char) -> *const c_char;
    }
}

/// An open index, which the caller keeps open and locked.
#[derive(Clone, Copy)]
pub struct Index(pub pg_sys::Relation);

/// A ring of buffers that pages are read through, so that other pages stay in memory; null for none.
pub type Ring = pg_sys::BufferAccessStrategy;

const NO_SUBTRANSACTION: pg_sys::SubTransactionId = 0;

/// How a page is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For reading.
    Share,
    /// For writing.
    Exclusive,
}

impl Mode {
    fn number(self) -> i32 {
        match self {
            Self::Share => pg_sys::BUFFER_LOCK_SHARE as i32,
            Self::Exclusive => pg_sys::BUFFER_LOCK_EXCLUSIVE as i32,
        }
    }
}

/// A page that is pinned and locked until this is dropped.
pub struct Page {
    /// The buffer that holds it.
    pub buffer: pg_sys::Buffer,
}

impl Index {
    /// Number of pages.
    pub fn pages(self) -> u32 {
        self.pages_of(pg_sys::ForkNumber::MAIN_FORKNUM)
    }

    /// Number of pages of a fork.
    pub fn pages_of(self, fork: pg_sys::ForkNumber::Type) -> u32 {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.0, fork) }
    }

    /// Reads and locks a page.
    #[inline]
    pub fn page(self, number: u32, mode: Mode) -> Page {
        self.read(number, mode, std::ptr::null_mut())
    }

    /// As [`page`](Self::page), through a ring of buffers.
    #[inline]
    pub fn read(self, number: u32, mode: Mode, ring: Ring) -> Page {
        let fork = pg_sys::ForkNumber::MAIN_FORKNUM;
        if number == pg_sys::InvalidBlockNumber {
            // The server takes this number for a request for a new page.
            raise(corrupted(format_args!("link to page {number}")));
        }
        error_context::page(self.0, number);
        // SAFETY: the relation is open. The closure owns nothing that would have to be dropped if the server raises an
        // error in it. The guard puts the stack of callbacks back as it was, also after an error.
        let buffer = unsafe {
            let mut callback = pg_sys::ErrorContextCallback {
                previous: pg_sys::error_context_stack,
                callback: Some(hint),
                arg: self.0.cast(),
            };
            pg_guard_ffi_boundary(|| {
                pg_sys::error_context_stack = &mut callback;
                let buffer =
                    bare::ReadBufferExtended(self.0, fork, number, pg_sys::ReadBufferMode::RBM_NORMAL, ring);
                pg_sys::error_context_stack = callback.previous;
                bare::LockBuffer(buffer, mode.number());
                buffer
            })
        };
        Page { buffer }
    }

    /// Reads and locks a page of a fork, for writing.
    pub fn page_of(self, fork: pg_sys::ForkNumber::Type, number: u32) -> Page {
        // SAFETY: the relation is open.
        let buffer = unsafe {
            let mode = pg_sys::ReadBufferMode::RBM_NORMAL;
            let buffer = pg_sys::ReadBufferExtended(self.0, fork, number, mode, std::ptr::null_mut());
            pg_sys::LockBuffer(buffer, Mode::Exclusive.number());
            buffer
        };
        Page { buffer }
    }

    /// Adds a page of zeros to a fork, locked for writing. `alone`: the caller sees to it that no other process adds one at the
    /// same time; otherwise the extension lock does.
    pub fn extend(self, fork: pg_sys::ForkNumber::Type, alone: bool) -> Page {
        // SAFETY: the relation is open; P_NEW asks for a page at its end, which is zeroed.
        unsafe {
            let lock = pg_sys::ExclusiveLock as i32;
            if !alone {
                pg_sys::LockRelationForExtension(self.0, lock);
            }
            // Locked before any other process can find it.
            let mode = pg_sys::ReadBufferMode::RBM_ZERO_AND_LOCK;
            let new = pg_sys::InvalidBlockNumber; // P_NEW
            let buffer = pg_sys::ReadBufferExtended(self.0, fork, new, mode, std::ptr::null_mut());
            if !alone {
                pg_sys::UnlockRelationForExtension(self.0, lock);
            }
            Page { buffer }
        }
    }

    /// Whether changes must reach the WAL.
    pub fn needs_log(self) -> bool {
        // SAFETY: the relation is open; this is RelationNeedsWAL().
        unsafe {
            let class = (*self.0).rd_rel;
            (*class).relpersistence == pg_sys::RELPERSISTENCE_PERMANENT as std::ffi::c_char
                && (pg_sys::wal_level >= pg_sys::WalLevel::WAL_LEVEL_REPLICA as i32
                    || ((*self.0).rd_createSubid == NO_SUBTRANSACTION && !self.is_new_file()))
        }
    }

    /// Whether this transaction has made the file.
    fn is_new_file(self) -> bool {
        // SAFETY: the relation is open.
        unsafe {
            #[cfg(feature = "pg15")]
            let sub = (*self.0).rd_firstRelfilenodeSubid;
            #[cfg(not(feature = "pg15"))]
            let sub = (*self.0).rd_firstRelfilelocatorSubid;
            sub != NO_SUBTRANSACTION
        }
    }

    /// The index's name, for messages.
    pub fn name(self) -> String {
        relation::name(self.0)
    }
}

/// Adds a hint to the server's error about a page that it refuses. No catalog can be read while the page is, so the index goes
/// without its schema.
unsafe extern "C-unwind" fn hint(index: *mut c_void) {
    // SAFETY: the server calls this while it puts an error together; the relation is open as long as the callback is there.
    unsafe {
        if bare::geterrcode() == PgSqlErrorCode::ERRCODE_DATA_CORRUPTED as i32 {
            let class = (*index.cast::<pg_sys::RelationData>()).rd_rel;
            // Checks of an index read pages of the table as well.
            if (*class).relkind == pg_sys::RELKIND_INDEX as c_char {
                let name = bare::quote_identifier((*class).relname.data.as_ptr());
                bare::errhint(c"Run REINDEX INDEX %s.".as_ptr(), name);
            }
        }
    }
}

impl Page {
    /// The bytes of the page.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the buffer is pinned and locked as long as self lives; a page has PAGE bytes.
        unsafe { std::slice::from_raw_parts(pg_sys::BufferGetPage(self.buffer).cast::<u8>(), PAGE) }
    }

    /// The bytes of the page, to be written without WAL: of a relation under construction, or of hints.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the caller holds the lock for writing, or changes hints only.
        unsafe { std::slice::from_raw_parts_mut(pg_sys::BufferGetPage(self.buffer).cast::<u8>(), PAGE) }
    }

    /// The number at an offset of the page, a multiple of eight, which several processes add to while they have the page locked for
    /// reading.
    pub fn counter(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at.is_multiple_of(8) && at + 8 <= PAGE);
        // SAFETY: as in `bytes`; a page begins at a multiple of eight, and nobody writes these bytes otherwise but with the page
        // locked for writing.
        unsafe { AtomicU64::from_ptr(pg_sys::BufferGetPage(self.buffer).cast::<u8>().add(at).cast()) }
    }

    /// Formats the page without WAL.
    pub fn init(&mut self) {
        // SAFETY: the page is locked for writing.
        unsafe { pg_sys::PageInit(pg_sys::BufferGetPage(self.buffer), PAGE, super::page::TAIL) }
    }

    /// The page's number.
    pub fn number(&self) -> u32 {
        // SAFETY: the buffer is pinned.
        unsafe { pg_sys::BufferGetBlockNumber(self.buffer) }
    }

    /// Marks the page as changed.
    pub fn mark_dirty(&mut self) {
        // SAFETY: pinned and locked for writing.
        unsafe { pg_sys::MarkBufferDirty(self.buffer) }
    }

    /// Marks the page as changed in a hint alone.
    pub fn mark_hint(&mut self) {
        // SAFETY: pinned and locked, if only for reading.
        unsafe { pg_sys::MarkBufferDirtyHint(self.buffer, true) }
    }
}

impl Drop for Page {
    #[inline]
    fn drop(&mut self) {
        // When an error goes through here, the server lets go of all locks and pins itself.
        if !std::thread::panicking() {
            // SAFETY: pinned and locked since it was made; raises nothing for such a buffer.
            unsafe { bare::UnlockReleaseBuffer(self.buffer) }
        }
    }
}
