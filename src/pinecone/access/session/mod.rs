//! The session: the principal that acts in it, and its confinement.
//!
//! - [`identity`]: the principal that acts; [`lookup`]: principals in the catalogs.
//! - [`pooled_key`]: the key that a pooled session has named.
//! - [`confined`]: whether a session is one of a key, or pooled.
//! - [`partial`]: whether the session may read some rows of a table and not others.
//! - [`given`]: settings that a connection has hidden.
//! - [`limits`]: what an administrator sets for the sessions of keys.
//! - [`pinned`]: settings that tell of hidden rows; [`unsynced`]: transactions whose client is silent.
//! - [`expiry`]: the end of sessions whose key has expired.
//! - [`last_used`]: when a key was last used.

pub mod confined;
pub mod expiry;
pub mod given;
pub mod identity;
pub mod last_used;
pub mod limits;
pub mod lookup;
pub mod partial;
pub mod pinned;
pub mod pooled_key;
pub mod unsynced;

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    expiry::touch();
    identity::touch();
    last_used::touch();
    limits::touch();
    lookup::touch();
    partial::touch();
    pinned::touch();
    pooled_key::touch();
    unsynced::touch();
}
