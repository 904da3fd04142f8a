//! The rows that others belong to, held as a foreign key would hold them.
//!
//! The tables have no foreign keys (sql/access.sql says why), so whoever writes a row in a function locks what it belongs to:
//! it stays until the transaction ends. What triggers find missing is yet to come, or gone, and raises nothing.
//!
//! Nobody is to wait for another who waits for them. Whoever needs a turn (`roles::enter`) takes it before rows of projects,
//! keys and members, but after rows of indexes, whose deletion takes it last. A revocation takes none.

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
/// Raises 42704 if somebody has deleted it meanwhile.
pub fn require_project(project: Uuid) {
    if !hold_project(project) {
        raise(Fault::new(UNDEFINED_OBJECT, "the project was deleted meanwhile"));
    }
}

/// Holds an index.
///
/// # Errors
/// Raises 42P01 if somebody has deleted it meanwhile.
pub fn require_index(index: i32) {
    if !hold_index(index) {
        raise(Fault::new(UNDEFINED_TABLE, "an index was deleted meanwhile"));
    }
}
