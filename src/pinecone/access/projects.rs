//! `pc_create_project`, `pc_list_projects`, `pc_describe_project`, `pc_delete_project`.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::elevate::{as_owner, read_as_owner};
use super::judge::attempt::Attempt;
use super::roles::{self, Groups, turn};
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run, run_now};
use crate::pg::srf::return_rows;
use crate::pinecone::registry::DEFAULT_PROJECT;
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{
    DEPENDENT_OBJECTS, DUPLICATE_OBJECT, INVALID_PARAMETER_VALUE, NULL_VALUE_NOT_ALLOWED, OBJECT_IN_USE,
    UNDEFINED_OBJECT,
};
use conifer_pure::pinecone::access::principal::{Kind, Principal};
use pgrx::Uuid;
use pgrx::prelude::*;

const COLUMNS: &str = "p.project_id, p.name::pg_catalog.text, p.created_at";

/// The condition for projects that the principal belongs to, or keeps.
const MINE: &str = "($1 OR EXISTS (SELECT FROM pc_auth.member m JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                                    WHERE m.project_id OPERATOR(pg_catalog.=) p.project_id \
                                      AND pg_catalog.pg_has_role($2, r.oid, 'USAGE')))";

#[pg_extern(sql = false)]
fn pc_create_project(name: Option<&str>, fcinfo: pg_sys::FunctionCallInfo) {
    let name = given(name);
    let attempt = administer("create_project", name);
    if !(1..=512).contains(&name.chars().count()) {
        raise(Fault::new(INVALID_PARAMETER_VALUE, "project name must have 1 to 512 characters"));
    }
    let drawn = "SELECT pg_catalog.gen_random_uuid()";
    let project =
        run(Mode::Write, drawn, &[], |rows| rows.get::<Uuid>(0, 0).unwrap_or(Uuid::from_bytes([0; 16])));
    turn::take_organisation();
    turn::take_project(project);
    let sql = "INSERT INTO pc_auth.project (project_id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    if as_owner(|| run(Mode::Write, sql, &[Param::uuid(project), Param::text(name)], |rows| rows.count)) == 0
    {
        raise(Fault::new(DUPLICATE_OBJECT, format!("project {} already exists", quoted(name))));
    }
    roles::sync_owners(Groups::Make, Some(project));
    attempt.done_to_organisation(None);
    let sql = format!("SELECT {COLUMNS} FROM pc_auth.project p WHERE p.name OPERATOR(pg_catalog.=) $1");
    as_owner(|| return_rows(fcinfo, Mode::Write, &sql, &[Param::text(name)]));
}

#[pg_extern(sql = false)]
fn pc_list_projects(fcinfo: pg_sys::FunctionCallInfo) {
    let attempt = person("list_projects", "");
    let sql = format!("SELECT {COLUMNS} FROM pc_auth.project p WHERE {MINE} ORDER BY p.name");
    read_as_owner(|| return_rows(fcinfo, Mode::Read, &sql, &mine(&attempt.who)));
}

#[pg_extern(sql = false)]
fn pc_describe_project(name: Option<&str>, fcinfo: pg_sys::FunctionCallInfo) {
    let name = given(name);
    let attempt = person("describe_project", name);
    let sql =
        format!("SELECT {COLUMNS} FROM pc_auth.project p WHERE {MINE} AND p.name OPERATOR(pg_catalog.=) $3");
    let params = || {
        let [all, me] = mine(&attempt.who);
        [all, me, Param::text(name)]
    };
    let found = read_as_owner(|| run(Mode::Read, &sql, &params(), |rows| rows.count));
    if found == 0 {
        // The project may exist, and be of other people.
        if attempt.who.admin.projects { not_there(name) } else { attempt.refuse(missing(name)) }
    }
    read_as_owner(|| return_rows(fcinfo, Mode::Read, &sql, &params()));
}

#[pg_extern(sql = false)]
fn pc_delete_project(name: Option<&str>) {
    let name = given(name);
    let attempt = administer("delete_project", name);
    turn::take_organisation();
    let sql = "SELECT project_id FROM pc_auth.project WHERE name OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| run_now(sql, &[Param::text(name)], |rows| rows.each(|row| rows.get(row, 0))))
        .into_iter()
        .for_each(turn::take_project);
    let sql = "SELECT project_id::pg_catalog.text FROM pc_auth.project WHERE name OPERATOR(pg_catalog.=) $1 FOR UPDATE";
    let project: Option<String> = as_owner(|| {
        run(Mode::Write, sql, &[Param::text(name)], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
    });
    let Some(project) = project else { not_there(name) };
    if project == DEFAULT_PROJECT {
        raise(Fault::new(
            OBJECT_IN_USE,
            format!("project {} is the default project and stays", quoted(name)),
        ));
    }
    let sql = "SELECT (SELECT pg_catalog.count(*) FROM pc.index_reg WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid), \
                      (SELECT pg_catalog.count(*) FROM pc_auth.api_key WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid \
                          AND revoked_at IS NULL), \
                      (SELECT pg_catalog.count(*) FROM pc_auth.member WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid)";
    let [indexes, keys, members] = as_owner(|| {
        run(Mode::Write, sql, &[Param::text(&*project)], |rows| {
            [0, 1, 2].map(|column| rows.get::<i64>(0, column).unwrap_or(1))
        })
    });
    if indexes + keys + members > 0 {
        let message = format!("project {} is not empty", quoted(name));
        raise(
            Fault::new(DEPENDENT_OBJECTS, message)
                .detail(format!("It holds {indexes} indexes, {keys} API keys and {members} members."))
                .hint("Delete the indexes with pc_delete_index, revoke the keys with pc_revoke_api_key and the members' roles with pc_revoke_role."),
        );
    }
    let sql = "DELETE FROM pc_auth.project WHERE project_id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid";
    as_owner(|| run(Mode::Write, sql, &[Param::text(&*project)], |_| ()));
    attempt.done_to_organisation(None);
}

fn given(name: Option<&str>) -> &str {
    name.unwrap_or_else(|| raise(Fault::new(NULL_VALUE_NOT_ALLOWED, "project name must not be null")))
}

/// Raises 42704.
pub fn not_there(name: &str) -> ! {
    raise(missing(name))
}

fn missing(name: &str) -> Fault {
    Fault::new(UNDEFINED_OBJECT, format!("project {} does not exist", quoted(name)))
}

fn mine(who: &Principal) -> [Param; 2] {
    [Param::of(pg_sys::BOOLOID, who.admin.projects.into_datum()), Param::name(&who.name)]
}

/// An attempt by a person: keys administer nothing.
fn person<'a>(action: &'a str, name: &'a str) -> Attempt<'a> {
    let attempt = Attempt::of(action, "project", name);
    attempt.allow(attempt.who.kind != Kind::Key, "see projects");
    attempt
}

fn administer<'a>(action: &'a str, name: &'a str) -> Attempt<'a> {
    let attempt = Attempt::of(action, "project", name);
    attempt.allow(attempt.who.admin.projects, "administer projects");
    attempt.writes();
    attempt
}
