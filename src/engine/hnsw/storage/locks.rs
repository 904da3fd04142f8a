//! Heavyweight locks between insertions and a vacuum: see `README.md`.
#![allow(unsafe_code)]

use super::meta_cache::META;
use crate::engine::storage::buffer::Index;
use pgrx::pg_sys;

/// Keeps a vacuum from freeing nodes that insertions have seen, until this is dropped: see `vacuum`.
pub struct InsertBarrier {
    index: Index,
    mode: i32,
}

impl InsertBarrier {
    /// Enters the barrier, with other insertions.
    pub fn enter(index: Index) -> Self {
        Self::new(index, pg_sys::ShareLock as i32)
    }

    /// Waits until no insertion is inside, and keeps all others out.
    pub fn close(index: Index) -> Self {
        Self::new(index, pg_sys::ExclusiveLock as i32)
    }

    fn new(index: Index, mode: i32) -> Self {
        // SAFETY: the relation is open. A heavyweight lock on the first page, which no other code takes.
        unsafe { pg_sys::LockPage(index.0, META, mode) };
        Self { index, mode }
    }
}

impl Drop for InsertBarrier {
    fn drop(&mut self) {
        // When an error goes through here, the server releases the lock.
        if !std::thread::panicking() {
            // SAFETY: locked when it was made.
            unsafe { pg_sys::UnlockPage(self.index.0, META, self.mode) }
        }
    }
}

/// The repair lock: keeps apart a vacuum that takes nodes out of the graphs, and insertions that would make such nodes parents.
/// Held until this is dropped; taken before the insert barrier.
pub struct RepairLock {
    index: Index,
    mode: i32,
}

impl RepairLock {
    /// Locks for a vacuum that starts to take nodes out.
    pub fn start(index: Index) -> Self {
        Self::new(index, pg_sys::ExclusiveLock as i32)
    }

    /// Waits until no vacuum takes nodes out, and keeps others from starting.
    pub fn rest(index: Index) -> Self {
        Self::new(index, pg_sys::ShareLock as i32)
    }

    fn new(index: Index, mode: i32) -> Self {
        // SAFETY: the relation is open. A heavyweight lock on a tuple of an index, where no other code takes any. Not on a page:
        // the server wants no page lock taken while another one is held, and looks for no deadlocks among page locks.
        unsafe { pg_sys::LockTuple(index.0, &mut place(), mode) };
        Self { index, mode }
    }
}

impl Drop for RepairLock {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: locked when it was made.
            unsafe { pg_sys::UnlockTuple(self.index.0, &mut place(), self.mode) }
        }
    }
}

/// The tuple that is locked.
fn place() -> pg_sys::ItemPointerData {
    let mut place = pg_sys::ItemPointerData::default();
    pgrx::itemptr::item_pointer_set_all(&mut place, META, 1);
    place
}
