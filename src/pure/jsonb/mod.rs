//! The server's binary `jsonb`, read where it lies: bytes in, no server needed, nothing allocated.
//!
//! A [`Container`] is what stands behind the varlena header. [`Numeric`] is a number in it. Bytes that cannot have been written
//! are read as nulls, never beyond their end.

mod container;
mod numeric;
#[cfg(test)]
pub mod tests;
mod text_len;

pub use container::{Container, Elements, Fields, Item};
pub use numeric::Numeric;
pub use text_len::exceeds;
