//! Access: API keys are roles of the server, and row-level security enforces their rights. See `README.md`.
//!
//! - [`session`]: the principal that acts; [`judge`]: whether it may.
//! - [`roles`]: roles are derived from rows; [`parents`]: rows that foreign keys would hold.
//! - `keys/`, `projects`, `members`, `audit/`, `security_report/`: the functions.
//! - `hooks/`: hooks into the server, which only a library can set.
//! - [`elevate`]: the one place with more rights than the session has.
//! - `way`: locks that revocations do not wait for; `refusal`: a refusal's line in the log; `snapshot`: queries under a snapshot of now; `catalog`: Conifer's schemas.

mod audit;
pub mod catalog;
pub mod elevate;
mod hooks;
pub mod judge;
mod keys;
pub mod locks;
pub mod many_locks;
mod members;
pub mod parents;
mod projects;
mod refusal;
mod revocation;
pub mod roles;
mod secret;
mod security_report;
mod session;
pub mod snapshot;
mod transaction;
pub mod way;

use session::identity;

/// Defines settings, and registers callbacks and hooks with the server.
pub fn init() {
    catalog::init();
    judge::table::init();
    judge::foreign_code::init();
    identity::init();
    audit::init();
    session::limits::init();
    roles::mark::init();
    identity::reserve();
    transaction::init();
    hooks::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    audit::touch();
    audit::pc_prune_audit::touch();
    judge::table::touch();
    judge::conditions::touch();
    judge::foreign_code::touch();
    locks::touch();
    session::touch();
    refusal::touch();
    revocation::touch();
    roles::late_cascade::touch();
    roles::late_grants::touch();
    hooks::inlining::touch();
    roles::late_members::touch();
    roles::names::touch();
}
