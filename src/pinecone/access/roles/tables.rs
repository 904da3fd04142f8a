//! The privileges of groups on the table of an index.

use super::late_grants;
use super::privileges::{self, grant};
use crate::pg::spi::{Param, run_now};
use crate::pinecone::access::elevate::read_as_owner;
use conifer_pure::pinecone::access::level::Level;
use pgrx::Uuid;

/// Opens the table of an index, if its row is there.
pub fn sync_index(index: i32) {
    let sql = "SELECT project_id FROM pc.index_reg WHERE index_id OPERATOR(pg_catalog.=) $1";
    let project = read_as_owner(|| {
        run_now(sql, &[Param::int(index)], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
    });
    if let Some(project) = project {
        admit(project, index);
    }
}

/// Gives the groups of a new index and of its project, those that are yet to come, too, and pooled sessions, their privileges on
/// its table.
pub fn admit_new(project: Uuid, index: i32) {
    admit(project, index);
    late_grants::note_index(project, index);
}

/// Gives the groups of an index and of its project, and pooled sessions, their privileges on its table, and nobody its row type.
fn admit(project: Uuid, index: i32) {
    privileges::close_type(index);
    grant(index, "conifer_gateway", Level::ReadWrite);
    let sql = "SELECT g.role_name::pg_catalog.text, g.level::pg_catalog.text FROM pc_auth.group_role g \
                 JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) g.role_name \
                WHERE g.project_id OPERATOR(pg_catalog.=) $1 AND g.index_id IS NULL OR g.index_id OPERATOR(pg_catalog.=) $2";
    let groups: Vec<(String, String)> = read_as_owner(|| {
        run_now(sql, &[Param::uuid(project), Param::int(index)], |rows| {
            (0..rows.count as usize).filter_map(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?))).collect()
        })
    });
    for (name, level) in groups {
        grant(index, &name, Level::from_letter(&level));
    }
}
