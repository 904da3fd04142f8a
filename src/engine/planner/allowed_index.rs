//! Statements of ours that may use one certain index, or none of ours.

use pgrx::pg_sys;
use std::cell::Cell;

/// Our indexes that a statement may scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// This index.
    One(pg_sys::Oid),
    /// No index.
    None,
}

thread_local! {
    static ALLOWED: Cell<Option<Allowed>> = const { Cell::new(None) };
    static SCANS: Cell<u64> = const { Cell::new(0) };
}

/// Calls `run`, whose plans scan no index of ours but the allowed one. Also returns whether that one was scanned.
pub fn with<R>(allowed: Allowed, run: impl FnOnce() -> R) -> (R, bool) {
    struct Reset(Option<Allowed>);
    impl Drop for Reset {
        fn drop(&mut self) {
            ALLOWED.set(self.0);
        }
    }
    let _reset = Reset(ALLOWED.replace(Some(allowed)));
    let before = SCANS.get();
    (run(), SCANS.get() != before)
}

/// Whether a plan may not scan an index.
pub fn is_out(index: pg_sys::Oid) -> bool {
    ALLOWED.get().is_some_and(|allowed| allowed != Allowed::One(index))
}

/// Notes that an index is scanned.
pub fn note(index: pg_sys::Oid) {
    if ALLOWED.get() == Some(Allowed::One(index)) {
        SCANS.set(SCANS.get() + 1);
    }
}
