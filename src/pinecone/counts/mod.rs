//! How many records each namespace has, kept so that nobody has to count them. `README.md` beside this file is the design.
//!
//! - [`changes`]: what a transaction has changed, until it commits.
//! - [`triggers`]: what tells of changes.
//! - [`base`]: from where on the changes of a table are known.
//! - [`kept`]: the numbers, for whoever may see them.

pub mod base;
mod changes;
pub mod kept;
pub mod triggers;

/// Asks the server for what it has to tell.
pub fn init() {
    changes::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    changes::touch();
}
