//! The one encoding in which texts can be handed to the pure parts as they are.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use conifer_pure::Fault;
use conifer_pure::fault::state::FEATURE_NOT_SUPPORTED;
use pgrx::pg_sys;

/// Refuses a database in another encoding than UTF-8.
///
/// # Errors
/// Raises 0A000.
pub fn check() {
    // SAFETY: reads a variable of the backend.
    if unsafe { pg_sys::GetDatabaseEncoding() } != pg_sys::pg_enc::PG_UTF8 as i32 {
        refuse();
    }
}

/// Raises 0A000 for a database in another encoding than UTF-8.
#[cold]
pub fn refuse() -> ! {
    raise(refusal())
}

/// The fault of a database in another encoding than UTF-8.
#[cold]
pub fn refusal() -> Fault {
    Fault::new(FEATURE_NOT_SUPPORTED, "the encoding of the database is not UTF8")
        .hint("Create the index in a database made with ENCODING 'UTF8'.")
}
