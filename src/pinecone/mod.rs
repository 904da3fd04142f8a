//! Pinecone's API in SQL, over ordinary tables.
//!
//! [`access`] says who may do what. [`control`] makes, lists and drops indexes; [`data`] reads and writes records; [`constraints`] is
//! what every row of an index's table must fulfil, [`counts`] keeps how many there are. [`filter`] is the operator of metadata filters,
//! and its classes of GIN. [`registry`] finds an index by name, [`engine_types`] the engine's types. Reads and writes go through SPI as
//! the caller, so that privileges and row security judge them like any other SQL.

mod access;
mod constraints;
mod control;
mod counts;
mod data;
pub mod engine_types;
mod filter;
mod registry;

use crate::pg::spi;

/// Called when the library is loaded.
pub fn init() {
    access::init();
    counts::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    spi::touch();
    access::touch();
    counts::touch();
    data::touch();
    registry::touch();
}
