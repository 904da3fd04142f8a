//! The session: who acts in it, and what that confines it to.
//!
//! - [`identity`]: who acts; [`lookup`]: what the catalogs say of them.
//! - [`pooled_key`]: the key that a pooled session has named.
//! - [`confined`]: whether it is one of a key, or pooled.
//! - [`last_used`]: when a key was last used.

pub mod confined;
pub mod identity;
pub mod last_used;
pub mod lookup;
pub mod pooled_key;

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    identity::touch();
    last_used::touch();
    lookup::touch();
    pooled_key::touch();
}
