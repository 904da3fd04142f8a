//! The judgement: whether the principal that acts may do what it tries.
//!
//! - [`attempt`]: a principal and its action, recorded with a refusal or success.
//! - [`guard`]: the judgement that every function of the API on indexes and records asks for first.
//! - [`conditions`]: what of a statement may go before the policies.
//! - [`policy`]: the functions that the row-level policies call; [`table`]: the same of a table as a whole.
//! - [`foreign_code`]: whether a user's table that is an index runs code of others.

pub mod attempt;
pub mod conditions;
pub mod foreign_code;
pub mod guard;
pub mod policy;
pub mod table;
