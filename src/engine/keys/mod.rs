//! Leading columns of indexes.
//!
//! - [`key_type`]: a leading column. [`key`]: the leading columns of a row, or of a query's conditions.

pub mod key;
pub mod key_type;
