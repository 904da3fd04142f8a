//! How many locks on names a transaction of a key may have. The table of locks is one for the whole server: where it is full, nobody can even revoke the key.

use super::locks::names_in;
use super::session::confined::is_confined;
use crate::pg::error::raise;
use conifer_pure::Fault;
use conifer_pure::fault::state::PROGRAM_LIMIT_EXCEEDED;

/// Maximum number of names of namespaces in one transaction.
const MAX: usize = 200;

/// Refuses to lock so many more names.
///
/// # Errors
/// Raises 54000 if these are very many in a session of a key or a pool.
pub fn judge(more: usize) {
    if names_in() as usize + more > MAX && is_confined() {
        let message = format!(
            "too many namespaces are made, deleted, renamed or copied in one transaction: maximum for API keys is {MAX}"
        );
        raise(Fault::new(PROGRAM_LIMIT_EXCEEDED, message).hint("COMMIT after some of them."));
    }
}
