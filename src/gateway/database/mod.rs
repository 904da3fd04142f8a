//! The database: sessions of a pooled role, each request a transaction that acts as the request's key.
//!
//! A client of PostgreSQL's protocol that does this and no more: one flight of messages for a request, one task that reads the
//! answer (`session.rs`). That costs a third of what a general client did, whose every message passes through a channel to a task.

pub mod conninfo;
mod login;
pub mod params;
pub mod pool;
pub mod row;
pub mod server_error;
pub mod session;
pub mod statement;
mod stream;
pub(crate) mod wire;
