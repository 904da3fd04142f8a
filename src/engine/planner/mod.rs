//! The planner's hooks and estimates that all access methods share.
//!
//! - [`allowed_index`]: the one index that a statement of ours may use. [`asked_keys`]: the leading columns that
//!   conditions are on.
//!   [`unread_distances`]: distances that no node of a plan reads are not computed.

pub mod allowed_index;
pub mod asked_keys;
pub mod unread_distances;
