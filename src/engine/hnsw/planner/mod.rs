//! Costs for the planner.
//!
//! - [`cost`]: the cost of a scan. `filtering_index`: plain paths that another index makes needless.

pub mod cost;
mod filtering_index;
