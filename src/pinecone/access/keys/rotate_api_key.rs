//! `pc_rotate_api_key`: a new key with the same rights; the old one ends after an overlap.
//!
//! A role has one password, so the new key has a new row and role.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::{New, insert, keeper_of};
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run};
use crate::pg::srf::return_rows;
use crate::pinecone::access::elevate::{as_owner, read_as_owner};
use crate::pinecone::access::roles;
use crate::pinecone::access::session::lookup::read_scope;
use conifer_pure::Fault;
use conifer_pure::fault::state::{INVALID_PARAMETER_VALUE, OBJECT_NOT_IN_PREREQUISITE_STATE};
use conifer_pure::pinecone::access::level::{Level, Levels};
use conifer_pure::pinecone::access::scope::Scope;
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid};

#[pg_extern(sql = false)]
fn pc_rotate_api_key(key: Option<&str>, overlap: Option<Interval>, fcinfo: pg_sys::FunctionCallInfo) {
    let (attempt, key) = keeper_of("rotate_api_key", key, false);
    let overlap = Param::of(pg_sys::INTERVALOID, overlap.and_then(IntoDatum::into_datum));
    let sql =
        "SELECT COALESCE($1, '1 hour'::pg_catalog.interval) OPERATOR(pg_catalog.>=) '0'::pg_catalog.interval";
    if run(Mode::Write, sql, std::slice::from_ref(&overlap), |rows| rows.get::<bool>(0, 0)) != Some(true) {
        raise(Fault::new(INVALID_PARAMETER_VALUE, "overlap must not be negative"));
    }
    let project = Uuid::from_bytes(attempt.who.project);
    roles::turn::take_project(project);
    let sql = "UPDATE pc_auth.api_key AS k \
                  SET expires_at = LEAST(k.expires_at, pg_catalog.clock_timestamp() \
                                                       OPERATOR(pg_catalog.+) COALESCE($2, '1 hour'::pg_catalog.interval)) \
                 FROM pc_auth.api_key AS old \
                WHERE k.key_id OPERATOR(pg_catalog.=) $1 AND old.key_id OPERATOR(pg_catalog.=) $1 AND k.revoked_at IS NULL \
                  AND (k.expires_at IS NULL OR k.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()) \
            RETURNING k.name, k.control_plane::pg_catalog.text, k.data_plane::pg_catalog.text, k.scoped, old.expires_at";
    let row = as_owner(|| {
        run(Mode::Write, sql, &[Param::text(key), overlap], |rows| {
            (rows.count > 0).then(|| {
                let text = |column| rows.get::<String>(0, column).unwrap_or_default();
                let levels =
                    Levels { control: Level::from_letter(&text(1)), data: Level::from_letter(&text(2)) };
                (
                    text(0),
                    levels,
                    rows.get::<bool>(0, 3) != Some(false),
                    rows.get::<TimestampWithTimeZone>(0, 4),
                )
            })
        })
    });
    let Some((name, levels, scoped, expires)) = row else {
        raise(Fault::new(
            OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("API key \"{key}\" is revoked or expired"),
        ))
    };
    let scope = if scoped { read_as_owner(|| read_scope(key)) } else { Scope::Project };
    let secret =
        insert(&New { project, name: &name, levels, scope: &scope, expires, rotated_from: Some(key) });
    let said = format!("{{\"new\":\"{}\"}}", secret.role);
    attempt.done(Some(&said));
    return_rows(
        fcinfo,
        Mode::Write,
        "SELECT $1, $2",
        &[Param::text(&*secret.role), Param::text(&*secret.whole)],
    );
}
