//! Pages with room, for others to find.

use super::super::buffer::Index;
use super::numbers::Numbers;
use pgrx::pg_sys;

/// Enters pages into the free space map.
pub fn record(index: Index, free: &Numbers) {
    for page in free.all() {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RecordFreeIndexPage(index.0, page) }
    }
}
