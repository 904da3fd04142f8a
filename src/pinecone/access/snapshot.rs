//! Statements of this library under a snapshot of now, and without a question for the principal.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::cell::Cell;

thread_local! {
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// While this lives, a statement is under way that must not ask for the principal that acts.
struct Looking {
    before: bool,
}

impl Looking {
    fn begin() -> Self {
        Self { before: LOOKING.replace(true) }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        LOOKING.set(self.before);
    }
}

/// Whether a statement of [`latest`] is under way.
pub fn is_looking() -> bool {
    LOOKING.get()
}

/// Runs a query under a snapshot of now, not that of a transaction that began before a revocation: the snapshot with which the
/// server reads its own catalogs. Parallel mode allows it, too, and the transaction stays free to choose its isolation level.
pub fn latest<R>(query: impl FnOnce() -> R) -> R {
    let _looking = Looking::begin();
    // SAFETY: within a transaction. For a table that is no catalog a new snapshot is taken each time, and a copy of it is
    // pushed. The copy is popped, or goes with the transaction that an error ends.
    unsafe {
        pg_sys::PushActiveSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::InvalidOid));
        let result = query();
        pg_sys::PopActiveSnapshot();
        result
    }
}

#[cfg(feature = "pg_test")]
mod tests {
    use super::*;
    use pgrx::prelude::*;

    #[pg_test]
    fn an_inner_look_leaves_the_outer_one_as_it_is() {
        assert!(!is_looking());
        let outer = Looking::begin();
        drop(Looking::begin());
        assert!(is_looking());
        drop(outer);
        assert!(!is_looking());
    }
}
