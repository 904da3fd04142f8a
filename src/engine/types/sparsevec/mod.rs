//! The type `sparsevec`: its datum, and the SQL functions over it, a file for each kind.
//!
//! The functions are declared in `sql/engine.sql` by hand, with the symbol `<name>_wrapper`.

mod arith;
mod cast;
mod compare;
pub mod datum;
mod distance;
mod io;

pub use datum::SparseVec;
