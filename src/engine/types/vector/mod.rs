//! The types `vector` and `halfvec`: their datum, and the SQL functions over them, a file for each kind.
//!
//! Both differ in their elements alone, so every function is written once for both.
//!
//! The functions are declared in `sql/engine.sql` by hand, with the symbol `<name>_wrapper`.

mod aggregate;
mod arith;
mod cast;
mod compare;
pub mod datum;
mod distance;
mod elements;
mod io;
mod subvector;

pub use datum::{Dense, HalfVec, Vector};
