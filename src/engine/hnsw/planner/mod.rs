//! Costs for the planner, and expressions that are taken out of its plans.
//!
//! - [`cost`]: the cost of a scan. `filtering_index`: plain paths that another index makes needless. [`unread_distances`]: distances that no node of a plan reads are not computed.

pub mod cost;
mod filtering_index;
pub mod unread_distances;
