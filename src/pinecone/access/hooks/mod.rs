//! What only a library can do: it is loaded into every session of a key from the start, for the role of the key says so
//! (`roles/mod.rs`), and into others as `shared_preload_libraries` or their own role says, or at their first use of it.

mod error_memory;
pub mod executor;
pub mod functions;
pub mod log;
mod text;
pub mod utility;

/// Puts the hooks in place.
pub fn init() {
    executor::init();
    functions::init();
    log::init();
    utility::init();
}
