//! Costs for the planner, and expressions that are taken out of its plans.
//!
//! - [`cost`]: what a scan costs. [`unread_distances`]: distances that nobody reads are not computed.

pub mod cost;
pub mod unread_distances;
