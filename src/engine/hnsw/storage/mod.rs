//! The pages of an index: their changes in the WAL, and their contents. What is not of this method alone is in `engine::storage`.
//!
//! - [`page`], [`wal`]: pages, and changes that reach the WAL. [`locks`]: locks that are not on pages.
//! - [`meta_cache`]: the meta page. [`key_directory`]: from a key to its graph. [`free_nodes`]: free node records.
//! - [`match_cache`]: which nodes match filters; [`vector_cache`]: vectors of rows that matched; [`list_cache`]: lists of all that match; [`change_counts`]: for how long.
//! - [`node_reader`]: node records as the pure parts read them; [`upper_levels`]: node records above level 0; [`tid_list`]: rows
//!   with equal vectors.
//! - [`value`]: the indexed column.

pub mod change_counts;
pub mod free_nodes;
pub mod key_directory;
pub mod list_cache;
pub mod locks;
pub mod match_cache;
pub mod meta_cache;
pub mod node_reader;
pub mod page;
pub mod tid_list;
pub mod upper_levels;
pub mod value;
pub mod vector_cache;
pub mod wal;
