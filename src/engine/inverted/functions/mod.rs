//! SQL functions for the operator of an index.

mod check;
mod stats;

use crate::engine::storage::open_index::Methods;

/// The method that the functions take indexes of.
const OURS: Methods = Methods { names: &[c"inverted"], words: "an inverted index" };
