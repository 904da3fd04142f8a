//! The type `vector`: its datum, and the SQL functions over it, a file for each kind.
//!
//! The functions are declared in `sql/engine.sql` by hand, with the symbol `<name>_wrapper`.

mod aggregate;
mod arith;
mod cast;
mod compare;
pub mod datum;
mod distance;
mod io;
mod parts;

pub use datum::Vector;
