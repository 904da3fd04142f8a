//! The index `inverted` on bytes: posting lists of the dimensions of sparse vectors, searched for the largest inner
//! products. Formats, protocol and the reasons for them are in `README.md`.
//!
//! The files stand on one another in this order: `page`, `trouble` and `storage`; `meta` and `root`; `block`, `skip`,
//! `dictionary`, `docs`, `map` and `pending`, the kinds of pages; `segment_writer` and `segment_reader`; `insert`,
//! `merge`, `build`, `vacuum`, `sweep`; `query`, `term`, `search` and `scan`; `check` and `stats`. `test_index` is an
//! index in memory, for tests and benchmarks.

mod block;
pub mod build;
pub mod check;
mod dictionary;
mod docs;
pub mod insert;
mod map;
pub mod merge;
pub mod meta;
pub mod page;
mod pending;
pub mod query;
pub mod root;
pub mod scan;
mod search;
mod segment_reader;
mod segment_writer;
mod skip;
pub mod stats;
pub mod storage;
pub mod sweep;
mod term;
pub mod test_index;
#[cfg(test)]
mod tests;
mod trouble;
pub mod vacuum;

pub use build::{Builder, Built};
pub use check::{Finding, check};
pub use insert::{PendingSize, insert};
pub use merge::{Effort, maintain};
pub use meta::{META, Meta, ROOT};
pub use page::Owner;
pub use query::Query;
pub use scan::{Hit, Scan, all_rows};
pub use stats::{Stats, stats};
pub use storage::{Pages, PagesMut};
pub use sweep::sweep;
pub use vacuum::{Vacuumed, vacuum};
