//! Triggers that take along what belongs to a row that is deleted, as foreign keys would.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::elevate::as_owner;
use super::follow::values;
use crate::pinecone::registry::DEFAULT_PROJECT;
use crate::pinecone::server::statement::{Mode, Param, run};
use crate::raise::raise;
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{FOREIGN_KEY_VIOLATION, OBJECT_NOT_IN_PREREQUISITE_STATE};
use pgrx::prelude::*;

/// Runs statements on what belongs to a row, which its number stands for.
fn each(number: &str, statements: &[&str]) {
    for sql in statements {
        as_owner(|| run(Mode::Write, sql, &[Param::text(number)], |_| ()));
    }
}

/// A project takes its keys, groups and members along. Indexes hold it.
#[pg_extern(sql = false)]
fn cascade_project(fcinfo: pg_sys::FunctionCallInfo) {
    let indexes = "SELECT FROM pc.index_reg WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid";
    for project in values(fcinfo, "project_id") {
        if as_owner(|| run(Mode::Write, indexes, &[Param::text(&*project)], |rows| rows.count)) > 0 {
            raise(
                Fault::new(FOREIGN_KEY_VIOLATION, format!("project {} still has indexes", quoted(&project)))
                    .hint("Delete them with pc_delete_index."),
            );
        }
        each(
            &project,
            &[
                "DELETE FROM pc_auth.api_key WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid",
                "DELETE FROM pc_auth.member WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid",
                "DELETE FROM pc_auth.group_role WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid",
                // Without a project it would be a role on the default one.
                "UPDATE pc_auth.organisation SET default_role = NULL, default_project = NULL \
                  WHERE default_project OPERATOR(pg_catalog.=) $1::pg_catalog.uuid",
            ],
        );
    }
}

/// A key takes its scope along.
#[pg_extern(sql = false)]
fn cascade_key(fcinfo: pg_sys::FunctionCallInfo) {
    for key in values(fcinfo, "key_id") {
        each(&key, &["DELETE FROM pc_auth.key_scope WHERE key_id OPERATOR(pg_catalog.=) $1"]);
    }
}

/// An index takes its groups along, and is out of the scope of all keys.
#[pg_extern(sql = false)]
fn cascade_index(fcinfo: pg_sys::FunctionCallInfo) {
    for index in values(fcinfo, "index_id") {
        each(
            &index,
            &[
                "DELETE FROM pc_auth.key_scope WHERE index_id OPERATOR(pg_catalog.=) $1::pg_catalog.int4",
                "DELETE FROM pc_auth.group_role WHERE index_id OPERATOR(pg_catalog.=) $1::pg_catalog.int4",
            ],
        );
    }
}

#[pg_extern(sql = false)]
fn keep_number() {
    raise(Fault::new(
        OBJECT_NOT_IN_PREREQUISITE_STATE,
        "the number of a row that others belong to cannot be changed",
    ));
}

/// The default project is there before a subscription copies it: its name and age become those of the row that comes.
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
