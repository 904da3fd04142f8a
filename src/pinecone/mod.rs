//! Pinecone's API in SQL, over ordinary tables.
//!
//! [`access`] says who may do what. [`control`] makes, lists and drops indexes; [`data`] reads and writes records; [`check`] is what
//! every row of an index's table must fulfil. [`server`] is the way to SPI that they share, [`registry`]
//! finds an index by name. Reads and writes go through SPI as the caller, so that privileges and row
//! security judge them like any other SQL.

mod access;
mod check;
mod control;
mod data;
mod registry;
mod server;

/// Called when the library is loaded.
pub fn init() {
    access::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    server::statement::touch();
    access::touch();
}
