//! The number of records of each namespace, kept up to date so that readers need not count. `README.md` is the design.
//!
//! - [`changes`]: the changes of a transaction, until it commits.
//! - [`triggers`]: the triggers that note changes.
//! - [`base`]: from where on the changes of a table are known.
//! - [`visible_counts`]: the numbers that a caller may see.

pub mod base;
mod changes;
pub mod triggers;
pub mod visible_counts;

/// Registers callbacks with the server.
pub fn init() {
    changes::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    changes::touch();
}
