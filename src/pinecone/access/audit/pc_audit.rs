//! `pc_audit`: actions and their actors.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::judge::attempt::Attempt;
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid};

#[pg_extern(sql = false)]
fn pc_audit(
    since: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    actor: Option<&str>,
    action: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let attempt = Attempt::of("read_audit", "audit", "");
    let who = &attempt.who;
    attempt.allow(who.admin.members || who.admin.organisation, "read the audit");
    let sql = "SELECT a.seq, a.at, a.actor, a.actor_type, a.session_role, a.client, a.application, p.name::pg_catalog.text, \
                      a.action, a.resource_type, a.resource, a.outcome, a.reason, a.parameters \
                 FROM pc_auth.audit a LEFT JOIN pc_auth.project p ON p.project_id OPERATOR(pg_catalog.=) a.project_id \
                WHERE ($1 IS NULL OR a.at OPERATOR(pg_catalog.>=) $1) AND ($2 IS NULL OR a.at OPERATOR(pg_catalog.<) $2) \
                  AND ($3 IS NULL OR a.actor OPERATOR(pg_catalog.=) $3) AND ($4 IS NULL OR a.action OPERATOR(pg_catalog.=) $4) \
                  AND ($5 OR a.project_id OPERATOR(pg_catalog.=) $6) \
                ORDER BY a.seq";
    let time = |at: Option<TimestampWithTimeZone>| {
        Param::of(pg_sys::TIMESTAMPTZOID, at.and_then(IntoDatum::into_datum))
    };
    let params = [
        time(since),
        time(until),
        Param::text(actor),
        Param::text(action),
        Param::of(pg_sys::BOOLOID, who.admin.organisation.into_datum()),
        Param::uuid(Uuid::from_bytes(who.project)),
    ];
    read_as_owner(|| return_rows(fcinfo, Mode::Read, sql, &params));
}
