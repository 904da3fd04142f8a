//! The access method `hnsw`, also called `ivfflat`. `README.md` beside this file is its design: layout, locks, log, vacuum.
//!
//! - `handler`: what the server is told. `method`: that it has two names. `class`: operator classes.
//! - `dims`: how many dimensions a column has. `options`, `settings`: what users can choose. `setting`: one that pgvector's library may have defined. `preload`: when they are defined.
//! - `page`, `buffer`, `log`: pages, their locks, and changes that reach the log. `gate`: locks that no page is held for.
//! - `known`: what an index is.
//! - `key`: the leading columns of a row, or what a query says of them; `leading`: one of them. `roots`: from a key to its
//!   graph.
//! - `value`: the indexed column. `blocks`: blocks as the pure parts read them. `threads`: work beside the backend.
//! - `build`, with the `rows` of the table, the `fresh` pages and its `progress`; `insert`, with `alloc` for free
//!   blocks and `chain` for rows with equal vectors; `scan`, with the `exact` distances of rows, `vacuum`, `cost`: a file for
//!   each thing the server asks.
//! - `report`: what an operator asks; `check`, with the `damage` that the server finds: whether all is well. `recall`: how good an index is, by statements that use it `alone`.
//! - `junk`: distances that nobody reads are not computed.
//! - `anew`: which library serves an index, for scripts that move a database from pgvector and back.
//! - `support`: functions that nobody calls.

mod alloc;
mod alone;
mod anew;
mod blocks;
mod buffer;
mod build;
mod chain;
mod check;
mod class;
mod cost;
mod damage;
mod dims;
mod exact;
mod fresh;
mod gate;
mod handler;
mod insert;
mod junk;
mod key;
mod known;
mod leading;
mod log;
mod method;
mod options;
mod page;
mod preload;
mod progress;
mod recall;
mod report;
mod roots;
mod rows;
mod scan;
mod setting;
mod settings;
mod spill;
mod support;
mod threads;
mod upper;
mod vacuum;
mod value;

pub use preload::is_ours;
pub use settings::wanting;

/// Prepares the library, once for each process.
pub fn init() {
    preload::init();
    options::init();
    junk::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    known::touch();
    insert::touch();
    scan::touch();
    junk::touch();
}
