//! Access: API keys are roles of the server, and row-level security enforces what they may do. See `README.md`.
//!
//! - [`session`]: who acts; [`judge`]: whether they may.
//! - [`roles`]: roles are derived from rows; [`parents`]: what foreign keys would hold.
//! - `keys/`, `projects`, `members`, `audit/`, `report/`: the functions.
//! - `hooks/`: what only a library can do.
//! - [`elevate`]: the one place that does more than the session may.
//! - `refusal`: the log's line of what is refused; `snapshot`: what is so now; `catalog`: the schemas of ours.

mod audit;
mod catalog;
pub mod elevate;
mod hooks;
pub mod judge;
mod keys;
mod locks;
mod members;
pub mod parents;
mod projects;
mod refusal;
mod revocation;
pub mod roles;
mod secret;
mod security_report;
mod session;
mod snapshot;
mod transaction;

use session::identity;

/// Defines settings, and asks the server for what it has to tell.
pub fn init() {
    catalog::init();
    identity::init();
    audit::init();
    identity::reserve();
    transaction::init();
    hooks::init();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    session::touch();
    revocation::touch();
}
