//! `pc_create_api_key`: makes a row, a login role, and a secret that is shown once.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::{New, check_end, check_name, insert, keeper, scope};
use crate::pg::array_values::RawArray;
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use conifer_pure::pinecone::access::level::Levels;
use conifer_pure::pinecone::access::role::Wish;
use conifer_pure::pinecone::access::scope::Scope;
use pgrx::Uuid;
use pgrx::prelude::*;

#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = false)]
fn pc_create_api_key(
    name: Option<&str>,
    general: Option<&str>,
    control_plane: Option<&str>,
    data_plane: Option<&str>,
    roles: Option<RawArray>,
    project: Option<&str>,
    indexes: Option<RawArray>,
    namespaces: Option<Json>,
    expires_at: Option<TimestampWithTimeZone>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let attempt = keeper("create_api_key", name.unwrap_or_default(), project, false);
    let name = check_name(name);
    let roles = roles.map(|roles| roles.texts());
    let roles = roles.as_ref().map(|roles| roles.iter().flatten().map(String::as_str).collect());
    let wish = Wish { general, control_plane, data_plane, roles };
    let levels = wish.levels().or_raise().unwrap_or(Levels::ALL);
    let expires = check_end(expires_at);
    let scope = scope(&attempt.who, indexes, namespaces).unwrap_or(Scope::Project);
    let project = Uuid::from_bytes(attempt.who.project);
    let secret = insert(&New { project, name, levels, scope: &scope, expires, rotated_from: None });
    let said = format!(
        "{{\"control_plane\":\"{}\",\"data_plane\":\"{}\",\"scoped\":{}}}",
        levels.control.name(),
        levels.data.name(),
        !scope.is_project()
    );
    attempt.on("api_key", &secret.role).done(Some(&said));
    return_rows(
        fcinfo,
        Mode::Write,
        "SELECT $1, $2",
        &[Param::text(&*secret.role), Param::text(&*secret.whole)],
    );
}
