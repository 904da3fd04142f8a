//! Locks between insertions and a vacuum that no page is held for: see `README.md`.
#![allow(unsafe_code)]

use super::buffer::Index;
use super::meta_cache::META;
use pgrx::pg_sys;

/// Keeps a vacuum from freeing what insertions have seen, until it is dropped: see `vacuum`.
pub struct InsertBarrier {
    index: Index,
    mode: i32,
}

impl InsertBarrier {
    /// Goes in, with others that insert.
    pub fn enter(index: Index) -> Self {
        Self::new(index, pg_sys::ShareLock as i32)
    }

    /// Waits until nobody is in, and keeps all others out.
    pub fn close(index: Index) -> Self {
        Self::new(index, pg_sys::ExclusiveLock as i32)
    }

    fn new(index: Index, mode: i32) -> Self {
        // SAFETY: the relation is open. A lock on the first page as such; nobody takes it for its content.
        unsafe { pg_sys::LockPage(index.0, META, mode) };
        Self { index, mode }
    }
}

impl Drop for InsertBarrier {
    fn drop(&mut self) {
        // When an error goes through here, the server lets go of it.
        if !std::thread::panicking() {
            // SAFETY: locked when it was made.
            unsafe { pg_sys::UnlockPage(self.index.0, META, self.mode) }
        }
    }
}

/// Keeps apart a vacuum that takes nodes out of the graphs, and insertions that would make nodes their parents that it
/// may take out. Held until it is dropped; asked for before the gate.
pub struct RepairLock {
    index: Index,
    mode: i32,
}

impl RepairLock {
    /// A vacuum starts to take nodes out.
    pub fn start(index: Index) -> Self {
        Self::new(index, pg_sys::ExclusiveLock as i32)
    }

    /// Waits until none does, and keeps others from starting.
    pub fn rest(index: Index) -> Self {
        Self::new(index, pg_sys::ShareLock as i32)
    }

    fn new(index: Index, mode: i32) -> Self {
        // SAFETY: the relation is open. A lock on a row of an index as such, where nobody else takes any. Not on a page:
        // the server wants none taken while another one is held, and looks for no deadlocks among them.
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

/// What is locked.
fn place() -> pg_sys::ItemPointerData {
    let mut place = pg_sys::ItemPointerData::default();
    pgrx::itemptr::item_pointer_set_all(&mut place, META, 1);
    place
}
