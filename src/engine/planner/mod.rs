//! What the plans of all access methods have in common.
//!
//! - [`allowed_index`]: the one index that a statement of ours may use. [`unread_distances`]: distances that no node of a plan reads
//!   are not computed.

pub mod allowed_index;
pub mod unread_distances;
