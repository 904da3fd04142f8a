//! What all access methods do with pages.
//!
//! - [`page`]: the parts of a page. [`buffer`]: pages in the server's buffers, and their locks.
//! - [`error_context`]: the index that errors name.
//! - [`open_index`]: indexes that a user names; [`table`]: their tables. [`unreadable_pages`]: pages that the server
//!   itself refuses.

pub mod buffer;
pub mod error_context;
pub mod open_index;
pub mod page;
pub mod table;
pub mod unreadable_pages;
