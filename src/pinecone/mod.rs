//! Pinecone's API in SQL, over ordinary tables.
//!
//! [`access`] judges callers. [`control`] makes, lists and drops indexes; [`data`] reads and writes records; [`constraints`] holds
//! the rules that every row of an index's table must fulfil. [`registry`] finds an index by name, [`engine_types`] the engine's
//! types. Reads and writes go through SPI as the caller, so that privileges and row security judge them like any other SQL.

mod access;
mod constraints;
mod control;
mod data;
pub mod engine_types;
mod filter;
mod registry;

use crate::pg::spi;

/// Called when the library is loaded.
pub fn init() {
    access::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    spi::touch();
    access::touch();
}
