//! TLS: towards clients, with certificates that are read again when they change, and towards the database.

pub mod client;
pub mod server;
