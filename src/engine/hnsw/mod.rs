//! The access method `hnsw`, also called `ivfflat`. `README.md` beside this file is its design: layout, locks, WAL, vacuum.
//!
//! - `handler`: the method's table of functions. `build`, `insert`, `scan`, `vacuum`, and `cost` in `planner`: a file or folder
//!   for each of these functions.
//! - `config`: choices of users. `storage`: pages. `functions`: SQL functions for an operator.
//! - `threads`: work beside the backend.
//! - `support`: functions that operator classes name and no code calls.

mod build;
mod config;
mod functions;
mod handler;
mod insert;
mod planner;
mod scan;
mod storage;
mod support;
mod threads;
mod vacuum;

pub use config::gucs::wanting;
pub use config::preload::is_ours;

/// Prepares the library, once for each process.
pub fn init() {
    config::preload::init();
    config::reloptions::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    storage::meta_cache::touch();
    storage::list_cache::touch();
    storage::match_cache::touch();
    storage::vector_cache::touch();
    insert::touch();
    scan::touch();
}
