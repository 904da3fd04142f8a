//! The control plane: a file for each operation, and one for the two forms that an index is described in.

pub mod configure;
pub mod create;
pub mod delete;
pub mod describe;
pub mod list;
mod model;
