//! PostgreSQL's C API, for types, indexes and Pinecone's functions alike, all of which this module does not know.
//!
//! - [`error`]: faults become errors. [`relation`]: names of relations.
//! - [`fmgr`], [`datum`], [`varlena`], [`mod@array`], [`returned`], [`stringinfo`], [`text_out`]: arguments and results of functions,
//!   at no more cost than C's.
//! - [`spi`], [`srf`], [`jsonb`], [`array_values`], [`encoding`]: statements, sets of rows, and values in them.

pub mod array;
pub mod array_values;
pub mod datum;
pub mod encoding;
pub mod error;
pub mod fmgr;
pub mod jsonb;
pub mod relation;
pub mod returned;
pub mod spi;
pub mod srf;
pub mod stringinfo;
pub mod text_out;
pub mod varlena;
