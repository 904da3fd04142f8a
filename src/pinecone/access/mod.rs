//! Access: API keys are roles of the server, and row-level security enforces what they may do. See `README.md`.
//!
//! - [`session`]: who acts.
//! - [`guard`]: what every function of the API asks before it does anything.
//! - `policy`: what the row-level policies ask.
//! - `roles`, `follow`: roles are derived from rows; `parents`, `cascade`: what foreign keys would do.
//! - `keys/`, `projects`, `members`, `audit`, `report/`: the functions.
//! - `hooks/`: what only a library can do.
//! - [`elevate`]: the one place that does more than the session may.

mod attempt;
mod audit;
mod cascade;
mod catalog;
mod drop;
pub mod elevate;
mod follow;
pub mod guard;
mod hooks;
mod keys;
mod locks;
mod members;
pub mod parents;
pub mod policy;
mod projects;
mod refusal;
mod report;
mod revocation;
pub mod roles;
mod secret;
mod session;
mod snapshot;
mod sync;
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
