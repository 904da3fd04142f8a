//! Triggers that delete the children of a deleted row, as foreign keys would.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::late_cascade::{self, OF_INDEX, delete};
use super::triggers::{project_of, values};
use super::turn;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run, run_now};
use crate::pinecone::access::elevate::{as_owner, read_as_owner};
use crate::pinecone::registry::DEFAULT_PROJECT;
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{FOREIGN_KEY_VIOLATION, OBJECT_NOT_IN_PREREQUISITE_STATE};
use pgrx::prelude::*;

/// Deletes the keys, groups and members of a project. A project with indexes stays.
#[pg_extern(sql = false)]
fn cascade_project(fcinfo: pg_sys::FunctionCallInfo) {
    let indexes = "SELECT FROM pc.index_reg WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid";
    turn::of_row(project_of(fcinfo));
    for project in values(fcinfo, "project_id") {
        if read_as_owner(|| run_now(indexes, &[Param::text(&*project)], |rows| rows.count)) > 0 {
            raise(
                Fault::new(FOREIGN_KEY_VIOLATION, format!("project {} still has indexes", quoted(&project)))
                    .hint("Delete them with pc_delete_index."),
            );
        }
        for table in ["pc_auth.api_key", "pc_auth.member", "pc_auth.group_role"] {
            delete(table, "project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid", &project);
        }
        // A default role without a project would be one on the default project.
        let sql = "UPDATE pc_auth.organisation SET default_role = NULL, default_project = NULL \
                    WHERE default_project OPERATOR(pg_catalog.=) $1::pg_catalog.uuid";
        as_owner(|| run(Mode::Write, sql, &[Param::text(&*project)], |_| ()));
    }
}

/// Deletes the scope of a key, and its databases.
#[pg_extern(sql = false)]
fn cascade_key(fcinfo: pg_sys::FunctionCallInfo) {
    turn::of_row(project_of(fcinfo));
    for key in values(fcinfo, "key_id") {
        for table in ["pc_auth.key_scope", "pc_auth.key_home"] {
            delete(table, "key_id OPERATOR(pg_catalog.=) $1", &key);
        }
    }
}

/// An index takes its namespaces along; its groups, and its place in the scope of keys, just before the commit.
#[pg_extern(sql = false)]
fn cascade_index(fcinfo: pg_sys::FunctionCallInfo) {
    for index in values(fcinfo, "index_id") {
        late_cascade::note(&index, project_of(fcinfo));
        delete("pc.namespace", OF_INDEX, &index);
    }
}

#[pg_extern(sql = false)]
fn keep_number() {
    raise(Fault::new(
        OBJECT_NOT_IN_PREREQUISITE_STATE,
        "the number of a row that others belong to cannot be changed",
    ));
}

/// Merges a subscription's copy of the default project into the project that is there already, which gets the copy's name and
/// age.
///
/// Returns the address of the row to write, 0 for none, as a trigger before a row does.
#[pg_extern(sql = false)]
fn adopt_default(fcinfo: pg_sys::FunctionCallInfo) -> i64 {
    let first = |column| values(fcinfo, column).into_iter().next().unwrap_or_default();
    let (name, created) = (first("name"), first("created_at"));
    let sql = "UPDATE pc_auth.project SET name = $2, created_at = $3::pg_catalog.timestamptz \
                WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid";
    let params = [Param::text(DEFAULT_PROJECT), Param::text(&*name), Param::text(&*created)];
    if as_owner(|| run(Mode::Write, sql, &params, |rows| rows.count)) > 0 {
        return 0;
    }
    // SAFETY: `values` has found that this is a trigger's call; before an INSERT the row is the first one.
    unsafe { (*(*fcinfo).context.cast::<pg_sys::TriggerData>()).tg_trigtuple as i64 }
}
