//! Parent rows, held as a foreign key would hold them.
//!
//! The tables have no foreign keys (sql/access.sql says why), so a function that writes a row locks its parent, which then stays
//! until the transaction ends. A parent that a trigger finds missing is yet to come, or gone, and raises nothing.
//!
//! So that transactions do not deadlock, each takes its turn (`roles/turn.rs`), if it needs one, before rows of projects, keys and
//! members, but after rows of indexes, whose deletion takes its turn last. A revocation takes no turn.

use super::elevate::as_owner;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run};
use conifer_pure::Fault;
use conifer_pure::fault::state::{UNDEFINED_OBJECT, UNDEFINED_TABLE};
use pgrx::Uuid;

/// Holds a project. `false` if there is none.
pub fn hold_project(project: Uuid) -> bool {
    let sql = "SELECT FROM pc_auth.project WHERE project_id OPERATOR(pg_catalog.=) $1 FOR KEY SHARE";
    as_owner(|| run(Mode::Write, sql, &[Param::uuid(project)], |rows| rows.count > 0))
}

/// Holds an index. `false` if there is none.
pub fn hold_index(index: i32) -> bool {
    let sql = "SELECT FROM pc.index_reg WHERE index_id OPERATOR(pg_catalog.=) $1 FOR KEY SHARE";
    as_owner(|| run(Mode::Write, sql, &[Param::int(index)], |rows| rows.count > 0))
}

/// Holds a project.
///
/// # Errors
/// Raises 42704 if the project was deleted meanwhile.
pub fn require_project(project: Uuid) {
    if !hold_project(project) {
        raise(Fault::new(UNDEFINED_OBJECT, "the project was deleted meanwhile"));
    }
}

/// Holds an index.
///
/// # Errors
/// Raises 42P01 if the index was deleted meanwhile.
pub fn require_index(index: i32) {
    if !hold_index(index) {
        raise(Fault::new(UNDEFINED_TABLE, "an index was deleted meanwhile"));
    }
}
