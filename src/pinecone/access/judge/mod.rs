//! The judgement: may whoever acts do what is tried?
//!
//! - [`attempt`]: who tries what; refusals and successes are recorded as that.
//! - [`guard`]: what every function of the API on indexes and records asks before it does anything.
//! - [`policy`]: what the row-level policies ask.

pub mod attempt;
pub mod guard;
pub mod policy;
