//! The pages that `conifer_pure::inverted` reads and writes.
//!
//! - [`index_pages`]: those of an index that others use, with WAL. [`new_pages`]: those of one that is made.
//!   [`temporary_pages`]: those
//!   of a temporary file.
//! - [`meta_page`]: the first page. [`mark`]: how a page says whose it is. [`wal_record`]: changes that reach the
//!   WAL. [`merge_lock`]: the lock of merges.

pub mod index_pages;
pub mod mark;
pub mod merge_lock;
pub mod meta_page;
pub mod new_pages;
pub mod temporary_pages;
pub mod wal_record;
