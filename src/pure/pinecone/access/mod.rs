//! Who may do what: levels of access, the roles that stand for them, the scope and form of an API key.
//!
//! - [`level`]: None, ReadOnly and ReadWrite on the control and the data plane.
//! - [`role`]: Pinecone's names for them, for keys and for people.
//! - [`scope`]: the indexes and namespaces that a key is limited to.
//! - [`person`]: what the roles of a person add up to.
//! - [`key`]: what an API key looks like.
//! - [`disk`]: whether a directory lies on an encrypted disk.
//! - [`principal`]: all of it in one, and the answers that everything else asks for.

pub mod api_key;
pub mod disk;
pub mod level;
pub mod person;
pub mod principal;
pub mod role;
pub mod scope;
