//! The access method `inverted`: an inverted index of sparse vectors, exact, ordered by their inner product.
//! `README.md` beside this file tells how the server's part works; formats and order of events are those of
//! `conifer_pure::inverted`.
//!
//! - `handler`: the method's table of functions. `build`, `insert`, `scan`, `vacuum` and `cost`: a file for each of
//!   these functions.
//! - `columns`: the indexed columns. `options`: options of an index. `storage`: pages. `functions`: SQL functions for
//!   an operator.

mod build;
mod columns;
mod cost;
mod functions;
mod handler;
mod insert;
mod options;
mod scan;
mod storage;
mod vacuum;

/// Prepares the library, once for each process.
pub fn init() {
    options::init();
}
