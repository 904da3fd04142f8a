//! What the vacuums of all access methods need.
//!
//! - [`delay`]: the cost-based delay. [`memory`]: how much memory there is. [`free_space_map`]: pages with room.

pub mod delay;
pub mod free_space_map;
pub mod memory;
