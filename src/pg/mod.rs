//! PostgreSQL's C API, for types, indexes and Pinecone's functions alike, all of which this module does not know.
//!
//! - [`error`]: faults become errors. [`relation`]: names of relations.
//! - [`fmgr`], [`datum`], [`varlena`], [`array`], [`returned`], [`stringinfo`], [`text_out`]: arguments and results of functions
//!   that cost no more than C's.
//! - [`spi`], [`srf`], [`jsonb`], [`array_values`], [`array_elements`], [`encoding`]: statements, sets of rows, and values in them. [`settings`]: what they run
//!   with. [`read_only`]: transactions that may not write.

pub mod array;
pub mod array_elements;
pub mod array_values;
pub mod datum;
pub mod encoding;
pub mod error;
pub mod fmgr;
pub mod jsonb;
pub mod read_only;
pub mod relation;
pub mod returned;
pub mod settings;
pub mod spi;
pub mod srf;
pub mod stringinfo;
pub mod text_out;
pub mod varlena;
