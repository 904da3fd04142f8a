//! The lock of merges: held by whoever merges rows into segments, and by vacuums and checks. Insertions and scans do
//! not take it.
#![allow(unsafe_code)]

use crate::engine::storage::buffer::Index;
use conifer_pure::inverted::ROOT;
use pgrx::pg_sys;

const MODE: pg_sys::LOCKMODE = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;

/// The lock, until this is dropped. Taken with no page locked.
pub struct MergeLock(Index);

impl MergeLock {
    /// Waits for the lock.
    pub fn wait(index: Index) -> Self {
        // SAFETY: the relation is open. A heavyweight lock on a tuple of an index, where no other code takes any. Not
        // on a page: the server wants no other lock taken while such a lock is held, and looks for no deadlocks among
        // them.
        unsafe { pg_sys::LockTuple(index.0, &mut place(), MODE) };
        Self(index)
    }

    /// The lock, if no other process has it.
    pub fn attempt(index: Index) -> Option<Self> {
        // SAFETY: as above.
        let locked = unsafe {
            #[cfg(not(feature = "pg18"))]
            let locked = pg_sys::ConditionalLockTuple(index.0, &mut place(), MODE);
            #[cfg(feature = "pg18")]
            let locked = pg_sys::ConditionalLockTuple(index.0, &mut place(), MODE, false);
            locked
        };
        locked.then_some(Self(index))
    }
}

impl Drop for MergeLock {
    fn drop(&mut self) {
        // When an error goes through here, the server releases the lock.
        if !std::thread::panicking() {
            // SAFETY: locked when it was made.
            unsafe { pg_sys::UnlockTuple(self.0.0, &mut place(), MODE) }
        }
    }
}

/// The tuple that is locked.
fn place() -> pg_sys::ItemPointerData {
    let mut place = pg_sys::ItemPointerData::default();
    pgrx::itemptr::item_pointer_set_all(&mut place, ROOT, 1);
    place
}
