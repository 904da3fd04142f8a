//! The access method `hnsw`. `README.md` beside this file is its design: layout, locks, log, vacuum.
//!
//! - `handler`: what the server is told. `options`, `settings`: what users can choose. `class`: operator classes.
//! - `page`, `buffer`, `log`: pages, their locks, and changes that reach the log. `known`: what an index is.
//! - `key`: the leading columns. `roots`: from a key to its graph.
//! - `value`: the indexed column. `blocks`: blocks as the pure parts read them. `threads`: work beside the backend.
//! - `build`, with the `rows` of the table and the `fresh` pages; `scan`, `cost`: a file for each thing the server asks.

mod blocks;
mod buffer;
mod build;
mod class;
mod cost;
mod fresh;
mod handler;
mod key;
mod known;
mod options;
mod page;
mod roots;
mod rows;
mod scan;
mod settings;
mod threads;
mod value;

/// Prepares the library, once for each process.
pub fn init() {
    settings::init();
    options::init();
}
