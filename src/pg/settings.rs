//! Settings that hold for a while, whatever the session has set.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::CStr;

/// Runs something with other values of settings that every user may set. An error that ends the transaction, or the savepoint, puts
/// the session's values back as the end does.
///
/// # Errors
/// Raises for a setting that does not exist, or a value that it cannot have.
pub fn with<R>(settings: &[(&CStr, &CStr)], run: impl FnOnce() -> R) -> R {
    // SAFETY: within a transaction; what the nest level has saved is put back at its end, as a function's SET clause does.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (name, value) in settings {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
        let result = run();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}
