//! The engine's hooks and settings, put in place once for each process when the server loads the library.

use super::{hnsw, inverted, planner, storage};

/// Prepares the engine.
pub fn init() {
    storage::error_context::init();
    planner::unread_distances::init();
    hnsw::init();
    inverted::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    planner::unread_distances::touch();
    hnsw::touch();
}
