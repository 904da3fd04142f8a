//! Access: its levels, the roles that stand for them, the scope and form of an API key.
//!
//! - [`level`]: None, ReadOnly and ReadWrite on the control and the data plane.
//! - [`role`]: Pinecone's names of roles, for keys and for people.
//! - [`scope`]: the indexes and namespaces that a key is limited to.
//! - [`person`]: the access that the roles of a person add up to.
//! - [`api_key`]: the form of an API key.
//! - [`search_path`]: the schemas that a key's session looks in.
//! - [`disk`]: whether a directory lies on an encrypted disk.
//! - [`principal`]: all of them in one, and the answers that the other modules ask for.

pub mod api_key;
pub mod disk;
pub mod level;
pub mod person;
pub mod principal;
pub mod role;
pub mod scope;
pub mod search_path;
