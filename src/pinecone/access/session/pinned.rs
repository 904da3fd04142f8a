//! Settings that keys and pools do not change, as they turn hidden rows into a signal.
//!
//! `gin_fuzzy_search_limit` has a scan of a GIN index leave rows out by chance, if it would find more than so many, in all namespaces: which of its own rows a
//! key is shown, or deletes by a filter, then tells how many others have the same metadata.
#![allow(unsafe_code)]

use pgrx::prelude::*;
use std::cell::Cell;

thread_local! {
    /// Whether the session cannot change the settings any more.
    static PINNED: Cell<bool> = const { Cell::new(false) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    PINNED.with(|_| ());
}

/// Puts the settings to what the server has from the start, whatever the connection has said, and leaves them to superusers. A statement can change a
/// setting in the middle of its own run, so to put it back before each is not enough.
pub fn pin() {
    // SAFETY: the server's record of a setting of its own, and the setting's variable, which only this session's process has.
    unsafe {
        if !PINNED.get() {
            if let Some(setting) = setting().as_mut() {
                setting.context = pg_sys::GucContext::PGC_SUSET;
            }
            PINNED.set(true);
        }
        // RESET ALL and the end of a transaction put it back to what the connection has said.
        pg_sys::GinFuzzySearchLimit = 0;
    }
}

#[cfg(not(feature = "pg15"))]
unsafe fn setting() -> *mut pg_sys::config_generic {
    // SAFETY: a look-up by name, that raises nothing.
    unsafe { pg_sys::find_option(c"gin_fuzzy_search_limit".as_ptr(), false, true, PgLogLevel::ERROR as i32) }
}

#[cfg(feature = "pg15")]
unsafe fn setting() -> *mut pg_sys::config_generic {
    // SAFETY: the server's list of all settings, and its length.
    unsafe {
        let all = std::slice::from_raw_parts(
            pg_sys::get_guc_variables(),
            pg_sys::GetNumConfigOptions().unsigned_abs() as usize,
        );
        let is_it = |setting: &&*mut pg_sys::config_generic| {
            std::ffi::CStr::from_ptr((***setting).name) == c"gin_fuzzy_search_limit"
        };
        all.iter().find(is_it).copied().unwrap_or(std::ptr::null_mut())
    }
}
