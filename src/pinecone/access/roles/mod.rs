//! The roles that stand for keys, people and groups, made to agree with the rows of `pc_auth`.
//!
//! Roles are derived: every write of the rows calls this through triggers (`triggers.rs`), so that a restore or a
//! subscription leaves the same roles as the functions do. All statements here are on roles whose names come from this library,
//! or from rows that only `conifer_owner` and superusers write.
//!
//! Rows of all tables may come in by several transactions at once and in any order, as a parallel restore or a subscription's
//! first copy writes them, and none sees the others' before they commit. So a transaction that writes a row waits for its turn
//! (`turn.rs`) before it looks at the other tables, and the last one sees all rows: each makes all roles and memberships that
//! depend on its row and on committed rows. Queries here see all rows that are committed by now, also in a transaction
//! whose snapshot is older.

mod cascade;
pub mod drop_extension;
mod groups;
pub mod home_database;
mod keys;
pub mod late_cascade;
pub mod late_grants;
pub mod late_members;
pub mod library;
mod make_independent;
pub mod mark;
mod membership;
pub mod names;
pub mod patience;
pub mod pattern;
mod people;
pub mod privileges;
mod removal;
mod role;
mod schemas;
mod search_path;
pub mod strangers;
mod sync;
mod sync_all;
mod tables;
mod take_over;
mod triggers;
pub mod turn;

pub use groups::{Groups, prepare, sync_group};
pub use keys::{is_known, is_valid, project_of_key, sync_key};
pub use people::{is_by_hand, lock_of, stay, sync_default, sync_member, sync_owners};
pub use removal::drop_role_with_all;
pub use role::exists;
pub use schemas::{open_own_schemas, open_schema};
pub use sync_all::sync_all;
pub use tables::{admit_new, sync_index};
