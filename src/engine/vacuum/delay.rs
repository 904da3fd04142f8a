//! The cost-based delay.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Lets other work go first, as the settings want it.
pub fn pause() {
    // SAFETY: nothing is locked here.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::vacuum_delay_point();
        #[cfg(feature = "pg18")]
        pg_sys::vacuum_delay_point(false);
    }
}
