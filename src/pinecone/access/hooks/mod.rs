//! Hooks, which only a library can set: it is loaded into every session of a key from the start, by a setting of the key's role
//! (`roles/library.rs`), and into other sessions by `shared_preload_libraries` or their own role, or at their first use of it.

mod analysis;
mod approximate;
mod drops;
mod error_memory;
pub mod executor;
mod foreign_code;
pub mod functions;
mod index_options;
pub mod inlining;
mod lock_table;
mod locks_first;
pub mod log;
mod named_relations;
pub mod permissions;
pub mod planner;
mod sequences;
mod text;
pub mod utility;
mod withheld;

/// Puts the hooks in place.
pub fn init() {
    analysis::init();
    approximate::init();
    executor::init();
    functions::init();
    inlining::init();
    log::init();
    permissions::init();
    planner::init();
    utility::init();
}
