//! `pc_update_api_key`: changes name, permissions, scope and end. Given permissions replace all former ones.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::list_api_keys::return_keys;
use super::{check_end, check_name, keeper_of, prepare, scope, write_scope};
use crate::pg::array_values::RawArray;
use crate::pg::error::{OrRaise, raise};
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::{as_owner, read_as_owner};
use crate::pinecone::access::roles;
use crate::pinecone::access::session::lookup::read_scope;
use conifer_pure::Fault;
use conifer_pure::fault::state::OBJECT_NOT_IN_PREREQUISITE_STATE;
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::access::role::Wish;
use conifer_pure::pinecone::access::scope::Scope;
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid};

#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = false)]
fn pc_update_api_key(
    key: Option<&str>,
    name: Option<&str>,
    general: Option<&str>,
    control_plane: Option<&str>,
    data_plane: Option<&str>,
    roles: Option<RawArray>,
    indexes: Option<RawArray>,
    namespaces: Option<Json>,
    expires_at: Option<TimestampWithTimeZone>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let (attempt, key) = keeper_of("update_api_key", key, false);
    let name = name.map(|name| check_name(Some(name)));
    let named = roles.map(|roles| roles.texts());
    let named = named.as_ref().map(|named| named.iter().flatten().map(String::as_str).collect());
    let levels = Wish { general, control_plane, data_plane, roles: named }.levels().or_raise();
    let expires = check_end(expires_at);
    let scope = scope(&attempt.who, indexes, namespaces);
    let project = Uuid::from_bytes(attempt.who.project);
    roles::turn::take_project(project);
    let (data, old) = read_as_owner(|| now_of(key));
    prepare(project, scope.as_ref().unwrap_or(&old), levels.map_or(data, |levels| levels.data));
    if let Some(scope) = &scope {
        write_scope(key, scope);
    }
    let letter = |level: Option<Level>| Param::text(level.map(Level::letter));
    let sql = "UPDATE pc_auth.api_key \
                  SET name = COALESCE($2, name), control_plane = COALESCE($3::pg_catalog.\"char\", control_plane), \
                      data_plane = COALESCE($4::pg_catalog.\"char\", data_plane), scoped = COALESCE($5, scoped), \
                      expires_at = COALESCE($6, expires_at) \
                WHERE key_id OPERATOR(pg_catalog.=) $1 AND revoked_at IS NULL";
    let params = [
        Param::text(key),
        Param::text(name),
        letter(levels.map(|levels| levels.control)),
        letter(levels.map(|levels| levels.data)),
        Param::of(pg_sys::BOOLOID, scope.map(|scope| !scope.is_project()).and_then(IntoDatum::into_datum)),
        Param::of(pg_sys::TIMESTAMPTZOID, expires.and_then(IntoDatum::into_datum)),
    ];
    if as_owner(|| run(Mode::Write, sql, &params, |rows| rows.count)) == 0 {
        raise(Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, format!("API key \"{key}\" is revoked")));
    }
    attempt.done(None);
    return_keys(fcinfo, Mode::Write, "k.key_id OPERATOR(pg_catalog.=) $1", Param::text(key));
}

/// The present level on records, and scope, of a key.
fn now_of(key: &str) -> (Level, Scope) {
    let sql = "SELECT data_plane::pg_catalog.text, scoped FROM pc_auth.api_key WHERE key_id OPERATOR(pg_catalog.=) $1";
    let (data, scoped) = run(Mode::Write, sql, &[Param::text(key)], |rows| {
        let row = (rows.count > 0).then_some(0);
        (row.and_then(|row| rows.get::<String>(row, 0)), row.and_then(|row| rows.get::<bool>(row, 1)))
    });
    let scope = if scoped != Some(false) { read_scope(key) } else { Scope::Project };
    (Level::from_letter(&data.unwrap_or_default()), scope)
}
