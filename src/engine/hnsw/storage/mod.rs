//! The pages of an index: their locks, their changes in the WAL, and what lies on them.
//!
//! - [`page`], [`buffer`], [`wal`]: pages, their locks, and changes that reach the log. [`locks`]: those that no page is held for.
//! - [`meta_cache`]: what an index is. [`key_directory`]: from a key to its graph. [`freespace`]: free nodes.
//! - [`node_reader`]: nodes as the pure parts read them; [`upper`]: those above level 0; [`tid_list`]: rows with equal vectors.
//! - [`value`]: the indexed column. [`key`]: the leading columns of a row, or what a query says of them; [`leading`]: one of
//!   them.
//! - [`worked_on`]: the index that errors name.

pub mod buffer;
pub mod error_context;
pub mod freespace;
pub mod key;
pub mod key_directory;
pub mod key_type;
pub mod locks;
pub mod meta_cache;
pub mod node_reader;
pub mod page;
pub mod tid_list;
pub mod upper_levels;
pub mod value;
pub mod wal;
