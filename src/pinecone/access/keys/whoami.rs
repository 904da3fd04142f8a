//! `pc_whoami`: the principal that acts, and its rights.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::session::identity::principal_if_any;
use conifer_pure::pinecone::access::principal::Kind;
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid};

#[pg_extern(sql = false)]
fn pc_whoami(fcinfo: pg_sys::FunctionCallInfo) {
    let Some(who) = principal_if_any() else {
        let sql = "SELECT 'none'::pg_catalog.text, current_user::pg_catalog.text, NULL::pg_catalog.text, 'None'::pg_catalog.text, \
                          'None'::pg_catalog.text, false";
        return return_rows(fcinfo, Mode::Read, sql, &[]);
    };
    let kind = match who.kind {
        Kind::Superuser => "superuser",
        Kind::Person => "person",
        Kind::Key => "key",
    };
    let sql = "SELECT $1, $2, (SELECT name::pg_catalog.text FROM pc_auth.project WHERE project_id OPERATOR(pg_catalog.=) $3), $4, $5, $6";
    let params = [
        Param::text(kind),
        Param::text(&*who.name),
        Param::uuid(Uuid::from_bytes(who.project)),
        Param::text(who.levels.control.name()),
        Param::text(who.levels.data.name()),
        Param::of(pg_sys::BOOLOID, (!who.scope.is_project()).into_datum()),
    ];
    read_as_owner(|| return_rows(fcinfo, Mode::Read, sql, &params));
}
