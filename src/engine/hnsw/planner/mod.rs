//! Costs for the planner, and expressions that are taken out of its plans.
//!
//! - [`cost`]: the cost of a scan. [`unread_distances`]: distances that no node of a plan reads are not computed.

pub mod cost;
pub mod unread_distances;
