//! Transactions that may not write: those that are READ ONLY, and all on a standby.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::CString;

/// Refuses a function to a transaction that may not write, before it takes locks which a standby has none of.
///
/// # Errors
/// Raises 25006, as the server does for its own functions.
pub fn refuse(function: &str) {
    let Ok(name) = CString::new(format!("{function}()")) else { return };
    // SAFETY: a C string, which the server copies into its message.
    unsafe { pg_sys::PreventCommandIfReadOnly(name.as_ptr()) }
}
